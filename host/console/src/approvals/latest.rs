//! What was decided, read again only when something else is published.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_repository::Repository;

use super::Decided;

/// What was decided when it was last read, beside the timestamp role that said so.
#[derive(Debug, Default)]
pub(crate) struct Latest(Mutex<Option<(Vec<u8>, Arc<Decided>)>>);

impl Latest {
    /// What the repository whose files are in `public` has now, verified as devices verify it;
    /// `None` if that can't be told. Blocks while it reads.
    pub(crate) fn read(&self, public: &Path) -> Option<Arc<Decided>> {
        let timestamp = fs::read(public.join("timestamp.json")).ok()?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, decided)) = &*last
            && *of == timestamp
        {
            return Some(Arc::clone(decided));
        }
        let mut verified = Repository::published(public).ok()?.verified().ok()?;
        let decided = Arc::new(Decided::read(&mut verified).ok()?);
        *last = Some((timestamp, Arc::clone(&decided)));
        Some(decided)
    }
}
