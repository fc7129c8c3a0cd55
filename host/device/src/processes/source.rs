//! How processes are read.

use bailiwick_core::process::Way;

/// How this device's processes are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSource {
    /// What tells of them.
    pub way: Way,
    /// Why a cheaper way does not; empty if it is the cheapest, or none was tried.
    pub remark: String,
}

impl ProcessSource {
    /// Of a way that needs no excuse.
    pub(super) const fn new(way: Way) -> Self {
        Self {
            way,
            remark: String::new(),
        }
    }
}
