//! From HTTP to a WebSocket (RFC 6455, section 4).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::io::AsyncWriteExt as _;

use super::super::{HostPort, Stream, reply::Reply};
use crate::cause;

/// As MQTT 3.1.1 names it (section 6).
const SUBPROTOCOL: &str = "mqtt";

/// Asks for the upgrade and checks the answer.
pub(super) async fn upgrade(
    stream: &mut dyn Stream,
    server: &HostPort,
    path: &str,
) -> Result<(), String> {
    let mut nonce = [0; 16];
    aws_lc_rs::rand::fill(&mut nonce)
        .map_err(|_| "the operating system gives no random numbers".to_owned())?;
    let key = STANDARD.encode(nonce);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    );
    let sent = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| cause::of(&error))?;
    check(&Reply::read(stream).await?, path, &accept(&key))
}

/// What proves that the other side understood the request (section 4.2.2). SHA-1 is the
/// RFC's; nothing rests on it.
fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn check(reply: &Reply, path: &str, accept: &str) -> Result<(), String> {
    if reply.status != 101 {
        let hint = match reply.status {
            200 | 301..=308 | 404 => "check the path, or another server answers in its place",
            401 | 403 => "it does not let this device in",
            _ => "it, or something in between, does not speak WebSocket",
        };
        return Err(format!(
            "asked for a WebSocket at {path}, it answered {}: {hint}",
            reply.status
        ));
    }
    let is = |name, wanted: &str| {
        let value = reply.header(name);
        value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    if !is("upgrade", "websocket")
        || !is("connection", "upgrade")
        || reply.header("sec-websocket-accept") != Some(accept)
        || reply.header("sec-websocket-extensions").is_some()
    {
        return Err(
            "its upgrade to a WebSocket is not what was asked for: something in between answers"
                .to_owned(),
        );
    }
    match reply.header("sec-websocket-protocol") {
        Some(SUBPROTOCOL) => Ok(()),
        _ => Err("it speaks WebSocket there, and not MQTT over it: check the path".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_proven_as_in_the_rfc() {
        assert_eq!(
            accept("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
