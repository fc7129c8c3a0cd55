//! The commands' side.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    time::timeout,
};

use super::{
    Request, Response, SocketError,
    line::{self, LONGEST_ANSWER, LineError},
    platform,
};

/// Asks the agent that listens at `path` and waits for its answer, at most `patience`.
///
/// # Errors
/// [`SocketError`]; [`Response::Refused`] is an answer and no error.
pub(crate) async fn ask(
    path: &Path,
    request: Request,
    patience: Duration,
) -> Result<Response, SocketError> {
    timeout(patience, exchange(path, request))
        .await
        .map_err(|_| SocketError::TimedOut(patience))?
}

async fn exchange(path: &Path, request: Request) -> Result<Response, SocketError> {
    let failed = |doing, error: &io::Error| SocketError::Failed {
        doing,
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut stream = platform::connect(path)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                SocketError::NotRunning(path.to_owned())
            }
            io::ErrorKind::PermissionDenied => SocketError::NotAllowed(path.to_owned()),
            _ => failed("connect to", &error),
        })?;
    let mut text = serde_json::to_vec(&request).map_err(not_understood)?;
    text.push(b'\n');
    stream
        .write_all(&text)
        .await
        .map_err(|error| failed("write to", &error))?;
    let answer = line::read(BufReader::new(stream), LONGEST_ANSWER)
        .await
        .map_err(|error| match error {
            LineError::Socket(error) => error,
            LineError::Io(error) => failed("read from", &error),
        })?;
    serde_json::from_slice(&answer).map_err(not_understood)
}

fn not_understood(error: serde_json::Error) -> SocketError {
    SocketError::NotUnderstood(error.to_string())
}
