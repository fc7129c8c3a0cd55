//! One bounded line, read or written.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use super::SocketError;

/// Longest request in bytes, its line break included. The longest there is takes 30.
pub(super) const LONGEST_REQUEST: usize = 4 * 1024;
/// Longest answer in bytes: an inventory of some 10,000 packages.
pub(super) const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// What [`read`] can fail with.
pub(super) enum LineError {
    /// See [`SocketError::TooLong`] and [`SocketError::NotUnderstood`].
    Socket(SocketError),
    /// The operating system failed.
    Io(std::io::Error),
}

/// Reads up to the line break, which is left out. At most `longest` bytes are held.
pub(super) async fn read(
    stream: impl AsyncBufRead + Unpin,
    longest: usize,
) -> Result<Vec<u8>, LineError> {
    let mut line = Vec::new();
    let bound = u64::try_from(longest).unwrap_or(u64::MAX);
    stream
        .take(bound)
        .read_until(b'\n', &mut line)
        .await
        .map_err(LineError::Io)?;
    if line.pop() == Some(b'\n') {
        return Ok(line);
    }
    let error = if line.len() + 1 >= longest {
        SocketError::TooLong(longest)
    } else {
        SocketError::NotUnderstood("it ended before the end of a line".to_owned())
    };
    Err(LineError::Socket(error))
}
