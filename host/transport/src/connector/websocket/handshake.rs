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

/// A client's request for a WebSocket that carries MQTT, as a server answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    accept: String,
}

impl Upgrade {
    /// The answer to a request with these headers; `header` gives one by its name in lower
    /// case, its values joined by commas if it came more than once.
    ///
    /// # Errors
    /// What the request lacks, in words for who sent it.
    pub fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Self, &'static str> {
        let lists = |name, wanted: &str| {
            let list = header(name).unwrap_or_default().split(',');
            list.map(str::trim)
                .any(|one| one.eq_ignore_ascii_case(wanted))
        };
        if !lists("upgrade", "websocket") || !lists("connection", "upgrade") {
            return Err("MQTT is spoken here on a WebSocket: ask for an upgrade");
        }
        if header("sec-websocket-version") != Some("13") {
            return Err("version 13 of WebSocket is spoken here");
        }
        if !lists("sec-websocket-protocol", SUBPROTOCOL) {
            return Err("the subprotocol `mqtt` is spoken here");
        }
        // Sixteen bytes (section 4.2.1).
        let key = header("sec-websocket-key").unwrap_or_default().trim();
        let is_key = STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16);
        if !is_key {
            return Err("the key of the upgrade is not 16 bytes in base64");
        }
        Ok(Self {
            accept: accept(key),
        })
    }

    /// Headers of the answer, whose status is 101.
    pub fn headers(&self) -> [(&'static str, &str); 4] {
        [
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", &self.accept),
            ("sec-websocket-protocol", SUBPROTOCOL),
        ]
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

    #[test]
    fn a_server_takes_what_the_rfc_asks_for_and_nothing_less() {
        let whole = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat, mqtt"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let read = |changed: &str, to: Option<&'static str>| {
            Upgrade::read(|name| {
                let value = whole.iter().find(|(known, _)| *known == name)?.1;
                if name == changed { to } else { Some(value) }
            })
        };
        let upgrade = read("", None).unwrap();
        assert!(
            upgrade
                .headers()
                .contains(&("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        );
        for (name, _) in whole {
            for wrong in [None, Some(""), Some("other")] {
                assert!(read(name, wrong).is_err(), "{name}: {wrong:?}");
            }
        }
    }
}
