//! States as bytes, for keeping on disk.
//!
//! ```text
//! saved    = 4 bytes magic, byte version, content, 8 bytes of the SHA-256 of all before
//! snapshot = schema in its canonical form, buffer (to the end of the content)
//! ```

use std::sync::Arc;

use crate::{
    Flaw, hash,
    input::Input,
    rows::{RowsError, Snapshot},
    schema::Schema,
};

/// Saved bytes that can't be used. Start afresh: with a new epoch, or by asking for a full
/// report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// Something else.
    #[error("these bytes are no saved state of this kind")]
    Magic,
    /// A state that a later program saved. It must not be overwritten by this one.
    #[error("the saved state has version {0}; this program reads version 1: update it")]
    Version(u8),
    /// Bytes were lost or changed.
    #[error("the saved state is damaged: its checksum does not match")]
    Checksum,
    /// The content breaks the layout.
    #[error("the saved state: {0}")]
    Content(Flaw),
    /// The rows break the layout.
    #[error("the saved state: {0}")]
    Rows(#[from] RowsError),
}

impl From<Flaw> for SavedError {
    fn from(flaw: Flaw) -> Self {
        Self::Content(flaw)
    }
}

const VERSION: u8 = 1;
const PURPOSE: &str = "bailiwick saved 1\n";

/// Wraps content that `write` appends.
pub(crate) fn seal(magic: &[u8; 4], write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.push(VERSION);
    write(&mut bytes);
    let checksum = hash::short(PURPOSE, &[&bytes]);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// The content of saved bytes.
pub(crate) fn open<'a>(magic: &[u8; 4], bytes: &'a [u8]) -> Result<Input<'a>, SavedError> {
    let rest = bytes.strip_prefix(magic).ok_or(SavedError::Magic)?;
    // The version comes before the checksum: a later one may have another.
    match rest.first() {
        Some(&VERSION) => {}
        Some(later) => return Err(SavedError::Version(*later)),
        None => return Err(SavedError::Magic),
    }
    let (sealed, checksum) = bytes.split_last_chunk::<8>().ok_or(SavedError::Checksum)?;
    if hash::short(PURPOSE, &[sealed]) != *checksum {
        return Err(SavedError::Checksum);
    }
    Ok(Input::new(
        sealed.get(magic.len() + 1..).unwrap_or_default(),
    ))
}

pub(crate) fn write_snapshot(snapshot: &Snapshot, out: &mut Vec<u8>) {
    snapshot.schema().write(out);
    out.extend_from_slice(&snapshot.to_buffer());
}

pub(crate) fn read_snapshot(input: &mut Input<'_>) -> Result<Snapshot, SavedError> {
    let schema = Arc::new(Schema::read(input)?);
    Ok(Snapshot::decode(schema, input.rest())?)
}
