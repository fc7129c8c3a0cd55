//! Ways to a server: straight, through a proxy, and what is said when one is closed.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::test_server::tls_for;

/// Echoes over TLS, as `name`.
async fn echo(name: &str) -> (u16, Trust) {
    let (acceptor, ca_pem) = tls_for(name);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let (mut reader, mut writer) = tokio::io::split(stream);
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    (port, Trust::os().and_pem(ca_pem))
}

/// A proxy that answers `head`, and, where that is a 200, connects to `port` whatever it
/// was asked for. Gives its port and what it was sent.
async fn proxy(head: &'static str, port: u16) -> (u16, tokio::sync::oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let (seen, asked) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(client.read_u8().await.unwrap());
        }
        seen.send(String::from_utf8(request).unwrap()).unwrap();
        client.write_all(head.as_bytes()).await.unwrap();
        if head.contains(" 200 ") {
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    });
    (own, asked)
}

fn through(proxy: u16, trust: &Trust) -> Connector {
    let url = format!("http://user:pa%20ss@127.0.0.1:{proxy}");
    Connector::new(trust, &ProxySettings::new(Some(&url), |_| None)).unwrap()
}

async fn says_hello(connected: Connected) {
    let mut stream = connected.stream;
    stream.write_all(b"hello").await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
}

async fn error(connector: &Connector, address: &str) -> String {
    let connected = connector.connect(&address.parse().unwrap()).await;
    connected.err().unwrap().to_string()
}

#[tokio::test]
async fn straight() {
    let (port, trust) = echo("127.0.0.1").await;
    let connector = Connector::new(&trust, &ProxySettings::direct()).unwrap();
    let address = format!("mqtts://127.0.0.1:{port}").parse().unwrap();
    let connected = connector.connect(&address).await.unwrap();
    let hops: Vec<_> = connected.hops.iter().map(Hop::to_string).collect();
    let broker = format!("the broker 127.0.0.1:{port}: connected with TLS");
    assert_eq!(hops, [broker]);
    says_hello(connected).await;
}

#[tokio::test]
async fn through_a_proxy_with_credentials() {
    let (port, trust) = echo("broker.example").await;
    let (own, asked) = proxy(
        "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n",
        port,
    )
    .await;
    let connector = through(own, &trust);
    let address = "mqtts://broker.example:8883".parse().unwrap();
    let connected = connector.connect(&address).await.unwrap();
    let hops: Vec<_> = connected.hops.iter().map(Hop::to_string).collect();
    assert_eq!(
        hops,
        [
            format!("the proxy 127.0.0.1:{own}: opened a way to broker.example:8883"),
            "the broker broker.example:8883: connected with TLS".to_owned(),
        ]
    );
    says_hello(connected).await;
    assert_eq!(
        asked.await.unwrap(),
        "CONNECT broker.example:8883 HTTP/1.1\r\nHost: broker.example:8883\r\n\
         Proxy-Authorization: Basic dXNlcjpwYSBzcw==\r\n\r\n"
    );
}

#[tokio::test]
async fn what_a_proxy_answers_is_said_and_its_password_is_not() {
    let trust = Trust::os().and_pem(tls_for("broker.example").1);
    for (head, expected) in [
        (
            "HTTP/1.1 407 Nope\r\n\r\n",
            "answered 407: it does not accept",
        ),
        (
            "HTTP/1.1 403 Nope\r\n\r\n",
            "answered 403: its rules forbid",
        ),
        (
            "HTTP/1.1 503 Nope\r\n\r\n",
            "answered 503: it does not reach",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", "no HTTP"),
        ("HTTP/1.1 200 OK\r\n", "ended in the middle"),
    ] {
        let (own, _asked) = proxy(head, 1).await;
        let error = error(&through(own, &trust), "mqtts://broker.example").await;
        let begins = format!("the proxy 127.0.0.1:{own}: ");
        assert!(
            error.starts_with(&begins) && error.contains(expected),
            "{error}"
        );
        assert!(
            !error.contains("pa ss") && !error.contains("pa%20ss"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_or_not_there_is_told_apart() {
    let (port, _) = echo("127.0.0.1").await;
    let trust = Trust::os().and_pem(tls_for("127.0.0.1").1);
    let connector = Connector::new(&trust, &ProxySettings::direct()).unwrap();
    let distrusted = error(&connector, &format!("mqtts://127.0.0.1:{port}")).await;
    assert!(distrusted.contains("does not trust"), "{distrusted}");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let absent = error(&connector, &format!("mqtts://127.0.0.1:{port}")).await;
    assert!(absent.contains("nothing listens there"), "{absent}");
    let nameless = error(&connector, "mqtts://nowhere.invalid").await;
    assert!(nameless.contains("its name is not known"), "{nameless}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    // Time stands still while a task can run, and moves on to the limit when none can.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let trust = Trust::os().and_pem(tls_for("127.0.0.1").1);
    let connector = Connector::new(&trust, &ProxySettings::direct()).unwrap();
    let error = error(&connector, &format!("mqtts://127.0.0.1:{port}")).await;
    assert!(error.contains("did not answer within 15 s"), "{error}");
}

#[tokio::test]
async fn on_a_websocket_over_tls() {
    let (acceptor, ca_pem) = tls_for("127.0.0.1");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.unwrap();
        assert_eq!(
            stream.get_ref().1.alpn_protocol(),
            None,
            "the server offers none"
        );
        let answer = super::websocket::test_answer(Some("mqtt"));
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, answer)
            .await
            .unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_binary() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let trust = Trust::os().and_pem(ca_pem);
    let connector = Connector::new(&trust, &ProxySettings::direct()).unwrap();
    let address = format!("wss://127.0.0.1:{port}/mqtt").parse().unwrap();
    let connected = connector.connect(&address).await.unwrap();
    let hop = connected.hops[0].to_string();
    assert!(
        hop.ends_with("connected with a WebSocket over TLS"),
        "{hop}"
    );
    says_hello(connected).await;
}
