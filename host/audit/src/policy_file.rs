//! A policy with the places of what it says.

use std::collections::BTreeMap;

use bailiwick_core::{DocumentError, policy::Policy};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{Place, finding::Position};

/// A policy that was read, with its text.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    file: String,
    text: String,
    policy: Policy,
    /// Where each value begins, by the keys and numbers that lead to it: `grant.0.expires`.
    offsets: BTreeMap<String, usize>,
}

impl PolicyFile {
    /// Reads a policy; `file` is what places name.
    ///
    /// # Errors
    ///
    /// It is no policy: where, why, and what to write.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let policy = Policy::parse(file, text)?;
        let mut offsets = BTreeMap::new();
        // What the policy's own reader took is TOML, in bounds that it checked.
        if let Ok(tree) = DeTable::parse(text) {
            note_table("", tree.get_ref(), &mut offsets);
        }
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            policy,
            offsets,
        })
    }

    /// What it says.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Its file, as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where the value at `path` begins, or else what holds it: `grant.0.expires`.
    pub(crate) fn place(&self, path: &str) -> Place {
        let mut path = path;
        let offset = loop {
            if let Some(offset) = self.offsets.get(path) {
                break Some(*offset);
            }
            match path.rsplit_once('.') {
                Some((holder, _)) => path = holder,
                None => break None,
            }
        };
        Place {
            file: self.file.clone(),
            at: offset.map(|offset| self.position(offset)),
        }
    }

    fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let count = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        Position {
            line: count(before.bytes().filter(|byte| *byte == b'\n').count()),
            column: count(before[line_start..].chars().count()),
        }
    }
}

fn note_table(path: &str, table: &DeTable<'_>, offsets: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        note(below(path, key.get_ref()), value, offsets);
    }
}

fn note(path: String, value: &Spanned<DeValue<'_>>, offsets: &mut BTreeMap<String, usize>) {
    match value.get_ref() {
        DeValue::Table(table) => note_table(&path, table, offsets),
        DeValue::Array(array) => {
            for (index, element) in array.iter().enumerate() {
                note(below(&path, &index.to_string()), element, offsets);
            }
        }
        _ => {}
    }
    offsets.insert(path, value.span().start);
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_places_and_what_is_missing_that_of_its_holder() {
        let text = include_str!("../../core/fixtures/policy.toml");
        let file = PolicyFile::parse("p.toml", text).unwrap();
        let at = |path: &str| file.place(path).to_string();
        assert_eq!(at("plugin"), "p.toml:3:10");
        assert_eq!(at("limits.memory"), "p.toml:9:10");
        assert_eq!(at("limits.cpu.per-mille"), "p.toml:11:21");
        assert_eq!(at("grant.0"), "p.toml:21:1");
        assert_eq!(at("grant.0.expires"), "p.toml:21:1");
        assert_eq!(at("grant.4.roots.1.paths.0"), "p.toml:63:33");
        assert_eq!(at("nothing"), "p.toml");
    }
}
