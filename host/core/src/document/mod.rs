//! Reading of documents: closed TOML, where each refusal says the place, what is wrong
//! and what to write instead.
//!
//! Closed means that an unknown key is an error: a misspelt denial must not be a grant.

mod key;
mod source;
mod table;

pub(crate) use key::Key;
pub(crate) use source::Source;
pub(crate) use table::{FORMAT, Table, Value};

/// Why a document was refused. Shown as `file:line:column: what is wrong; what to write
/// instead`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}; {instead}")]
#[non_exhaustive]
pub struct DocumentError {
    /// The file's name as the caller gave it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub instead: String,
}
