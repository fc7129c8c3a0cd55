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
async fn both_ends_of_ours_understand_each_other() {
    let (client, server) = duplex(1_000);
    let client = WebSocket::new(Box::new(client), Side::Client);
    let (mut from_server, mut to_server) = tokio::io::split(client);
    let mut server = WebSocket::accepted(server);
    let sent: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let expected = sent.clone();
    let serving = tokio::spawn(async move {
        let mut all = vec![0; expected.len()];
        server.read_exact(&mut all).await.unwrap();
        assert_eq!(all, expected);
        server.write_all(&all).await.unwrap();
        server.flush().await.unwrap();
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
    });
    to_server.write_all(&sent).await.unwrap();
    to_server.flush().await.unwrap();
    let mut back = vec![0; sent.len()];
    from_server.read_exact(&mut back).await.unwrap();
    assert_eq!(back, sent);
    to_server.shutdown().await.unwrap();
    timeout(Duration::from_secs(60), serving)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_mask_is_refused() {
    let (mut client, server) = duplex(1_000);
    client.write_all(&[0x82, 1, 7]).await.unwrap();
    let error = WebSocket::accepted(server).read_u8().await.unwrap_err();
    assert!(error.to_string().contains("a client masks"), "{error}");
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
    /// Whatever the other side sends, in whatever pieces: no panic, no end without progress, and
    /// never more bytes than arrived.
    #[test]
    fn hostile_frames(pieces: Vec<Vec<u8>>, room in 1..64_usize, server: bool) {
        let mut reader = Reader::new(if server { Side::Server } else { Side::Client });
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
