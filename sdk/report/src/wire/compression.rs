//! Bodies as zstd frames.

use std::borrow::Cow;

use super::WireError;

/// The strongest level with a small window. `zstd -b19` takes about 13 ms for names and
/// versions of 916 packages, most of a full report.
pub(crate) const STRONGEST: i32 = 19;

/// Largest window of a frame that is read, as a power of two: 16 MiB of memory. Level 19
/// writes at most 23.
#[cfg(feature = "zstd")]
const WINDOW_LOG: u32 = 24;

/// The shorter of body and compressed body, and whether that is the compressed one.
#[cfg(feature = "zstd")]
pub(crate) fn close(body: Vec<u8>, level: i32) -> (Vec<u8>, bool) {
    match zstd::bulk::compress(&body, level) {
        Ok(shorter) if shorter.len() < body.len() => (shorter, true),
        // Compression fails only for want of memory; the body itself still goes out.
        _ => (body, false),
    }
}

#[cfg(not(feature = "zstd"))]
pub(crate) fn close(body: Vec<u8>, _: i32) -> (Vec<u8>, bool) {
    (body, false)
}

/// The body, of at most `most` bytes.
pub(crate) fn open(
    bytes: &[u8],
    compressed: bool,
    most: usize,
) -> Result<Cow<'_, [u8]>, WireError> {
    let body = if compressed {
        Cow::Owned(decompress(bytes, most)?)
    } else {
        Cow::Borrowed(bytes)
    };
    if body.len() > most {
        Err(WireError::BodyTooLarge(most))
    } else {
        Ok(body)
    }
}

/// Streams, so that memory grows with what comes out and not with what a header announces,
/// and stops one byte beyond `most`.
#[cfg(feature = "zstd")]
fn decompress(bytes: &[u8], most: usize) -> Result<Vec<u8>, WireError> {
    use std::io::Read as _;
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(bytes).map_err(WireError::Compression)?;
    decoder
        .window_log_max(WINDOW_LOG)
        .map_err(WireError::Compression)?;
    let mut body = Vec::new();
    let bound = (most as u64).saturating_add(1);
    decoder
        .take(bound)
        .read_to_end(&mut body)
        .map_err(WireError::Compression)?;
    Ok(body)
}

#[cfg(not(feature = "zstd"))]
fn decompress(_: &[u8], _: usize) -> Result<Vec<u8>, WireError> {
    Err(WireError::NoCompression)
}
