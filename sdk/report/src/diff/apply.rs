//! Turning one snapshot into the next.

use std::cmp::Ordering;

use super::{CollectionDiff, Diff, is_set};
use crate::{
    rows::{MAX_BYTES, MAX_ROWS, Row, Rows, Snapshot, compare_keys},
    schema::Collection,
};

/// A diff that was not made from this snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Another schema.
    #[error("the diff has another schema than the snapshot")]
    Schema,
    /// A row is added that is there.
    #[error("collection `{0}`: the diff adds a row that is there")]
    AddedIsThere(String),
    /// A row is changed that is not there.
    #[error("collection `{0}`: the diff changes a row that is not there")]
    ChangedIsMissing(String),
    /// A row is removed that is not there.
    #[error("collection `{0}`: the diff removes a row that is not there")]
    RemovedIsMissing(String),
    /// More than [`MAX_ROWS`] rows in a collection or [`MAX_BYTES`] bytes in all.
    #[error("collection `{0}`: the diff makes the snapshot larger than a snapshot may be")]
    TooLarge(String),
}

impl Diff {
    /// The snapshot that this diff makes of `base`.
    ///
    /// # Errors
    /// The diff was not made from `base`.
    pub fn apply(&self, base: &Snapshot) -> Result<Snapshot, ApplyError> {
        if *base.schema() != self.schema {
            return Err(ApplyError::Schema);
        }
        let mut collections = Vec::with_capacity(self.collections.len());
        let mut size = 0;
        for (index, shape) in self.schema.collections().iter().enumerate() {
            let merge = Merge {
                shape,
                diff: &self.collections[index],
                base: base.store(index),
            };
            let rows = merge.run()?;
            size += rows.size();
            if size > MAX_BYTES || rows.len() > MAX_ROWS {
                return Err(ApplyError::TooLarge(shape.name().to_owned()));
            }
            collections.push(rows);
        }
        Ok(Snapshot::from_rows(base.schema().clone(), collections))
    }
}

struct Merge<'a> {
    shape: &'a Collection,
    diff: &'a CollectionDiff,
    base: &'a Rows,
}

impl Merge<'_> {
    fn run(self) -> Result<Rows, ApplyError> {
        let name = || self.shape.name().to_owned();
        let (mut added, mut changed, mut removed) = (0, 0, 0);
        let mut out = Rows::default();
        for row in self.base.iter() {
            while self.order(&self.diff.added, added, row).is_lt() {
                out.push(self.diff.added.row(added));
                added += 1;
            }
            if self.order(&self.diff.added, added, row).is_eq() {
                return Err(ApplyError::AddedIsThere(name()));
            }
            match self.order(&self.diff.removed, removed, row) {
                Ordering::Less => return Err(ApplyError::RemovedIsMissing(name())),
                Ordering::Equal => {
                    removed += 1;
                    continue;
                }
                Ordering::Greater => {}
            }
            match self.order(&self.diff.changed, changed, row) {
                Ordering::Less => return Err(ApplyError::ChangedIsMissing(name())),
                Ordering::Equal => {
                    self.change(changed, row, &mut out);
                    changed += 1;
                }
                Ordering::Greater => out.push(row),
            }
        }
        if changed < self.diff.changed.len() {
            return Err(ApplyError::ChangedIsMissing(name()));
        }
        if removed < self.diff.removed.len() {
            return Err(ApplyError::RemovedIsMissing(name()));
        }
        (added..self.diff.added.len()).for_each(|row| out.push(self.diff.added.row(row)));
        Ok(out)
    }

    /// Where row `index` of a part stands against a row of the base; after it, once the
    /// part is used up.
    fn order(&self, part: &Rows, index: usize, row: &[u8]) -> Ordering {
        if index == part.len() {
            return Ordering::Greater;
        }
        compare_keys(self.shape, part.row(index), row)
    }

    fn change(&self, index: usize, row: &[u8], out: &mut Rows) {
        let width = self.shape.presence_bytes();
        let cleared = &self.diff.cleared[index * width..][..width];
        let new = Row::new(self.shape, self.diff.changed.row(index)).values();
        let pairs = Row::new(self.shape, row).values().zip(new).enumerate();
        let values = pairs.map(|(field, (old, new))| {
            if is_set(cleared, field) {
                None
            } else {
                new.or(old)
            }
        });
        out.push_values(self.shape, values);
    }
}
