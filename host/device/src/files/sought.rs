//! A question for a file, on its way to a thread where blocking is allowed.

use std::sync::Arc;

use bailiwick_core::{
    policy::{self, Linked},
    ports::{FilesError, Place},
    time::Timestamp,
};

/// As [`Place`], owned.
pub(super) struct Sought {
    pub(super) root: String,
    pub(super) path: String,
    grants: Arc<policy::Files>,
    now: Timestamp,
}

impl From<Place<'_>> for Sought {
    fn from(place: Place<'_>) -> Self {
        Self {
            root: place.root.to_owned(),
            path: place.path.to_owned(),
            grants: Arc::clone(place.grants),
            now: place.now,
        }
    }
}

impl Sought {
    /// Whether the grants let this lead to `path` beneath the same root.
    ///
    /// # Errors
    /// [`FilesError::Denied`].
    pub(super) fn may_lead_to(&self, path: &str, linked: Linked) -> Result<(), FilesError> {
        // Without a link it is the name that the caller has checked.
        if linked == Linked::No {
            return Ok(());
        }
        let root = self.root.trim_end_matches('/');
        self.grants
            .leads_to(&format!("{root}/{path}"), linked, self.now)
            .map_err(FilesError::Denied)
    }
}
