//! One conversation with whoever asks: one request, one answer.

use std::time::Duration;

use bailiwick_core::ports::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    time::timeout,
};

use super::{
    Request, Response, SocketError,
    line::{self, LONGEST_ANSWER, LONGEST_REQUEST, LineError},
};

/// Conversations at a time. More wait.
pub(super) const AT_ONCE: usize = 8;
/// For sending the request, and for taking the answer.
const TRANSFER: Duration = Duration::from_secs(10);
/// For finding the answer: a refresh over a slow line, a full inventory.
const ANSWER: Duration = Duration::from_secs(120);

/// Who asks, as the operating system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Root, or the user that the agent runs as.
    Owner,
    /// Another user of this device.
    #[cfg_attr(windows, expect(dead_code, reason = "the pipe lets nobody else in"))]
    User(u32),
}

/// Finds the answers.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The answer to `request` of `peer`. Cut off after two minutes.
    fn answer(&self, peer: Peer, request: Request) -> BoxFuture<'_, Response>;
}

/// Reads the request, writes the answer.
pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite,
    peer: Peer,
    handler: &dyn Handler,
) {
    let (reading, mut writing) = tokio::io::split(stream);
    let request = timeout(
        TRANSFER,
        line::read(BufReader::new(reading), LONGEST_REQUEST),
    )
    .await;
    let response = match request {
        Err(_) => return,
        Ok(Err(LineError::Io(_))) => return,
        Ok(Err(LineError::Socket(error))) => refused(error.to_string()),
        Ok(Ok(line)) => match serde_json::from_slice(&line) {
            Ok(request) => timeout(ANSWER, handler.answer(peer, request))
                .await
                .unwrap_or_else(|_| refused(format!("this took longer than {ANSWER:?}"))),
            Err(error) => refused(format!("the request is not understood: {error}")),
        },
    };
    let Some(text) = encode(&response) else {
        return;
    };
    // Whoever went away before taking the answer does not want it.
    let _ = timeout(TRANSFER, writing.write_all(&text)).await;
}

fn encode(response: &Response) -> Option<Vec<u8>> {
    let mut text = serde_json::to_vec(response).ok()?;
    if text.len() >= LONGEST_ANSWER {
        let reason = SocketError::TooLong(LONGEST_ANSWER).to_string();
        text = serde_json::to_vec(&refused(reason)).ok()?;
    }
    text.push(b'\n');
    Some(text)
}

fn refused(reason: String) -> Response {
    Response::Refused { reason }
}
