//! Why bytes could not be inspected.

use bailiwick_core::bytes::ByteCount;

use crate::DEEPEST;

/// The bytes are no component that this host would run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Longer than any plugin.
    #[error("the file is {size} long, and a component has at most {at_most}")]
    TooLarge {
        /// Its size.
        size: ByteCount,
        /// [`crate::LARGEST`].
        at_most: ByteCount,
    },
    /// Something else than a component in binary form.
    #[error("not a component: {0}")]
    NotComponent(&'static str),
    /// Components inside components, deeper than [`DEEPEST`].
    #[error("components are nested more than {DEEPEST} deep at byte {offset}")]
    TooDeep {
        /// Where the innermost begins.
        offset: u64,
    },
    /// It breaks a rule of WebAssembly, or uses a feature that this host leaves off.
    #[error("not a valid component: {reason} (at byte {offset})")]
    Invalid {
        /// Where.
        offset: u64,
        /// Which rule.
        reason: String,
    },
}

impl From<wasmparser::BinaryReaderError> for AuditError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid {
            offset: error.offset(),
            // Can repeat names of the component, which may hold anything.
            reason: error.message().escape_debug().take(500).collect(),
        }
    }
}
