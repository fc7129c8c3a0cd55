//! Against another implementation of the protocol, and against hostile frames.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

use super::*;

/// A server's answer to what is asked for at `/mqtt`.
#[expect(clippy::result_large_err, reason = "the library's own type")]
pub(in super::super) fn test_answer(
    protocol: Option<&'static str>,
) -> impl FnOnce(&Request, Response) -> Result<Response, ErrorResponse> + Unpin {
    move |request, mut response| {
        let asked = request.headers().get("sec-websocket-protocol").unwrap();
        assert_eq!(
            (request.uri().path(), asked.as_bytes()),
            ("/mqtt", &b"mqtt"[..])
        );
        if let Some(protocol) = protocol {
            let name = "sec-websocket-protocol";
            response
                .headers_mut()
                .insert(name, protocol.parse().unwrap());
        }
        Ok(response)
    }
}

/// The server's end and ours, of one connection.
async fn pair(
    protocol: Option<&'static str>,
) -> (WebSocketStream<DuplexStream>, Result<WebSocket, String>) {
    let (ours, theirs) = duplex(4_096);
    let server = HostPort::new("broker.example", 443);
    let answer = test_answer(protocol);
    let accepted = accept_hdr_async(theirs, answer);
    let opened = WebSocket::open(Box::new(ours), &server, "/mqtt");
    let (accepted, opened) = tokio::join!(accepted, opened);
    (accepted.unwrap(), opened)
}

#[tokio::test]
async fn bytes_go_both_ways_whatever_the_frames() {
    let (mut server, client) = pair(Some("mqtt")).await;
    let (mut reader, mut writer) = tokio::io::split(client.unwrap());
    let sizes = [1, 125, 126, 127, 4_000, 65_535, 65_536, 100_000];
    let serving = tokio::spawn(async move {
        let mut total = 0;
        while total < sizes.iter().sum() {
            match server.next().await.unwrap().unwrap() {
                Message::Binary(bytes) => {
                    total += bytes.len();
                    server
                        .send(Message::Ping(vec![7; 125].into()))
                        .await
                        .unwrap();
                    server.send(Message::Binary(bytes)).await.unwrap();
                }
                Message::Pong(payload) => assert_eq!(payload.len(), 125),
                other => panic!("{other:?}"),
            }
        }
        server
    });
    let writing = tokio::spawn(async move {
        for (n, size) in sizes.into_iter().enumerate() {
            writer.write_all(&vec![n as u8; size]).await.unwrap();
            writer.flush().await.unwrap();
        }
        writer
    });
    for (n, size) in sizes.into_iter().enumerate() {
        let mut back = vec![0; size];
        let read = reader.read_exact(&mut back);
        timeout(Duration::from_secs(60), read)
            .await
            .unwrap()
            .unwrap();
        assert!(back.iter().all(|byte| *byte == n as u8));
    }
    let mut server = serving.await.unwrap();
    let mut writer = writing.await.unwrap();
    writer.shutdown().await.unwrap();
    loop {
        match server.next().await {
            Some(Ok(Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) => break,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_end_is_an_end() {
    let (mut server, client) = pair(Some("mqtt")).await;
    let mut client = client.unwrap();
    server
        .send(Message::Binary(vec![1, 2].into()))
        .await
        .unwrap();
    server.close(None).await.unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, [1, 2]);
    assert!(matches!(server.next().await, Some(Ok(Message::Close(_)))));
    assert!(client.write_all(b"x").await.is_err());
}

#[tokio::test]
async fn a_text_message_is_an_error() {
    let (mut server, client) = pair(Some("mqtt")).await;
    server.send(Message::Text("x".into())).await.unwrap();
    let error = client.unwrap().read_u8().await.unwrap_err().to_string();
    assert!(error.contains("text message"), "{error}");
}

#[tokio::test]
async fn a_server_of_another_protocol_is_told() {
    for protocol in [None, Some("chat")] {
        let (_server, client) = pair(protocol).await;
        let error = client.err().unwrap();
        assert!(error.contains("not MQTT over it"), "{error}");
    }
}

proptest::proptest! {
    /// Whatever a server sends, in whatever pieces: no panic, no end without progress, and
    /// never more bytes than arrived.
    #[test]
    fn hostile_frames(pieces: Vec<Vec<u8>>, room in 1..64_usize) {
        let mut reader = Reader::default();
        let (mut arrived, mut total, mut read) = (BytesMut::new(), 0, 0);
        'all: for piece in pieces {
            total += piece.len();
            arrived.extend_from_slice(&piece);
            loop {
                match reader.next(&mut arrived, room) {
                    Ok(Some(Frame::Bytes(bytes))) => {
                        proptest::prop_assert!((1..=room).contains(&bytes.len()));
                        read += bytes.len();
                    }
                    Ok(Some(Frame::Ping(bytes))) => proptest::prop_assert!(bytes.len() <= 125),
                    Ok(Some(Frame::Close)) => {}
                    Ok(None) => break,
                    Err(_) => break 'all,
                }
            }
        }
        proptest::prop_assert!(read <= total);
    }
}
