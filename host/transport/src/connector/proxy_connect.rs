//! HTTP CONNECT (RFC 9110, section 9.3.6), with Basic credentials (RFC 7617).

use tokio::io::AsyncWriteExt as _;

use super::{HostPort, Stream, reply::Reply};
use crate::cause;

/// Asks the proxy at the other end of `stream` for a way to `server`. `authorization` is
/// the whole value of the header.
pub(super) async fn tunnel(
    mut stream: Box<dyn Stream>,
    server: &HostPort,
    authorization: Option<&str>,
) -> Result<Box<dyn Stream>, String> {
    let mut request = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n");
    if let Some(value) = authorization {
        request.push_str(&format!("Proxy-Authorization: {value}\r\n"));
    }
    request.push_str("\r\n");
    let sent = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| cause::of(&error))?;
    let reply = Reply::read(&mut *stream).await?;
    match reply.status {
        200..300 => Ok(stream),
        status => Err(refusal(status, server, authorization.is_some())),
    }
}

fn refusal(status: u16, server: &HostPort, had_credentials: bool) -> String {
    let why = match (status, had_credentials) {
        (407, false) => {
            "it asks for credentials: write them into the proxy's address, as in \
             `http://user:password@host:port`"
        }
        (407, true) => "it does not accept the credentials in its address",
        (403, _) => "its rules forbid this server or port: ask whoever runs it to allow it",
        (502..=504, _) => "it does not reach the server: check the address, and its own network",
        (400 | 405 | 501, _) => "it does not open ways to other ports: is it a proxy at all?",
        _ => "check its address and its rules",
    };
    format!("asked for a way to {server}, it answered {status}: {why}")
}
