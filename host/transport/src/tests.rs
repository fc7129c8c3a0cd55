//! Against a real TLS server on loopback.

use std::time::Duration;

use bailiwick_core::{
    bytes::ByteCount,
    digest::Sha256,
    ids::DeviceId,
    ports::{Fetch as _, FetchError},
    sending::Blame,
    time::Timestamp,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    Address, Endpoint, EventLine, Events, Https, ProxySettings, Receipt, Reports, SendError, Trust,
    test_server::{TestServer, answer},
};

const TEN: ByteCount = ByteCount::new(10);

async fn fetch(answers: &[&[u8]]) -> Result<Option<Vec<u8>>, FetchError> {
    let server = TestServer::start(answers).await;
    let (https, address) = server.client();
    Endpoint::new(&https, address)
        .fetch("1.root.json", TEN)
        .await
}

#[tokio::test]
async fn a_file_arrives_whole_up_to_the_bound() {
    let mut server = TestServer::start(&[&answer("200 OK", "", "0123456789")]).await;
    let (https, address) = server.client();
    let file = Endpoint::new(&https, address)
        .fetch("vendor/a/b/1.0.0.wasm", TEN)
        .await;
    assert_eq!(file.unwrap().unwrap(), b"0123456789");
    let request = server.requests.recv().await.unwrap();
    assert!(
        request
            .head
            .starts_with("get /base/vendor/a/b/1.0.0.wasm http/1.1\r\n")
    );
}

#[tokio::test]
async fn a_file_beyond_the_bound_is_refused_announced_or_not() {
    let announced = answer("200 OK", "", "0123456789a");
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
        8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n";
    for bytes in [&announced[..], chunked] {
        let error = fetch(&[bytes]).await.unwrap_err();
        assert!(
            matches!(error, FetchError::TooLarge { at_most: TEN, .. }),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_breaks_off_is_no_file() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n01234";
    let error = fetch(&[cut]).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn only_404_says_that_there_is_no_file() {
    let html = "content-type: text/html\r\n";
    let missing = answer("404 Not Found", html, "<html>no</html>");
    assert_eq!(fetch(&[&missing]).await.unwrap(), None);
    for status in ["403 Forbidden", "410 Gone", "204 No Content", "500 Oh"] {
        let error = fetch(&[&answer(status, "", "")]).await.unwrap_err();
        let code: u16 = status[..3].parse().unwrap();
        assert!(
            matches!(error, FetchError::Status { status, .. } if status == code),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_web_page_in_place_of_the_file_points_to_a_proxy() {
    let typed = answer("200 OK", "content-type: Text/HTML; charset=utf-8\r\n", "hi");
    let untyped = answer("200 OK", "", "\n <HTML>");
    for bytes in [typed, untyped] {
        let error = fetch(&[&bytes]).await.unwrap_err().to_string();
        assert!(
            error.contains("web page") && error.contains("captive portal"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let location = "location: https://portal.example/login?token=secret\r\n";
    let mut server = TestServer::start(&[&answer("302 Found", location, "")]).await;
    let (https, address) = server.client();
    let error = Endpoint::new(&https, address)
        .fetch("timestamp.json", TEN)
        .await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("https://portal.example:") && error.contains("sign in"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
    server.requests.recv().await.unwrap();
    assert!(server.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_path_that_leaves_the_endpoint_is_never_asked_for() {
    let mut server = TestServer::start(&[&answer("200 OK", "", "x")]).await;
    let (https, address) = server.client();
    let endpoint = Endpoint::new(&https, address);
    for path in [
        "",
        "..",
        "../x",
        "a/../../x",
        "/x",
        "x?y",
        "%2e%2e/x",
        "https://e.example/x",
    ] {
        let error = endpoint.fetch(path, TEN).await.unwrap_err();
        assert!(
            matches!(error, FetchError::InvalidPath { .. }),
            "{path}: {error}"
        );
    }
    assert!(server.requests.try_recv().is_err());
}

async fn refusal(https: &Https, address: Address) -> String {
    let error = Endpoint::new(https, address)
        .fetch("timestamp.json", TEN)
        .await;
    let error = error.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused_also_when_the_authorities_share_a_name() {
    let mut server = TestServer::start(&[&answer("200 OK", "", "x")]).await;
    let other = TestServer::start(&[&answer("200 OK", "", "x")]).await;
    let (namesake, _) = other.client();
    let nobody = Https::new(&Trust::os(), &ProxySettings::direct()).unwrap();
    let expected = CertificateDer::from_pem_slice(other.ca_pem.as_bytes()).unwrap();
    let expected = format!("of the configured CA: {}", Sha256::of(&expected));
    for (https, told) in [
        (namesake, ["of the same name is trusted", &expected]),
        (
            nobody,
            ["a proxy or an interception", "no CA is configured"],
        ),
    ] {
        let text = refusal(&https, server.address()).await;
        assert!(told.iter().all(|told| text.contains(told)), "{text}");
        assert!(
            text.contains("authority that this device does not trust"),
            "{text}"
        );
    }
    assert!(server.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = TestServer::named("other.example", &[&answer("200 OK", "", "x")]).await;
    let (https, address) = server.client();
    let text = refusal(&https, address).await;
    assert!(text.contains("another name"), "{text}");
}

#[tokio::test]
async fn a_closed_port_says_so() {
    let server = TestServer::start(&[&answer("200 OK", "", "x")]).await;
    let (https, _) = server.client();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let address = format!("https://127.0.0.1:{port}/").parse().unwrap();
    let text = refusal(&https, address).await;
    assert!(text.contains("nothing listens there"), "{text}");
}

#[tokio::test]
async fn loopback_is_never_asked_through_a_proxy() {
    let server = TestServer::start(&[&answer("200 OK", "", "x")]).await;
    // Nothing listens on port 9 here: through this proxy every fetch would fail.
    let proxy = ProxySettings::new(Some("http://127.0.0.1:9"), |_| None);
    let trust = Trust::os().and_pem(server.ca_pem.clone());
    let https = Https::new(&trust, &proxy).unwrap();
    let file = Endpoint::new(&https, server.address())
        .fetch("a", TEN)
        .await;
    assert_eq!(file.unwrap().unwrap(), b"x");
}

async fn send(bytes: &[u8]) -> Result<Receipt, SendError> {
    let server = TestServer::start(&[bytes]).await;
    let (https, address) = server.client();
    Reports::new(&https, &address)
        .send("key-1", b"body".to_vec())
        .await
}

#[tokio::test]
async fn a_report_goes_out_with_its_key_and_comes_back_with_a_receipt() {
    let stored = answer("200 OK", "", r#"{"result":"stored"}"#);
    let full = answer("409 Conflict", "", r#"{"result":"need-full","reason":"r"}"#);
    let mut server = TestServer::start(&[&stored, &full]).await;
    let (https, address) = server.client();
    let reports = Reports::new(&https, &address);
    assert_eq!(
        reports.send("key-1", b"body".to_vec()).await,
        Ok(Receipt::Stored)
    );
    assert_eq!(
        reports.send("key-2", b"body".to_vec()).await,
        Ok(Receipt::NeedFull)
    );
    for key in ["key-1", "key-2"] {
        let request = server.requests.recv().await.unwrap();
        assert!(
            request
                .head
                .starts_with("post /base/v1/reports http/1.1\r\n")
        );
        assert!(
            request
                .head
                .contains(&format!("\r\nidempotency-key: {key}\r\n"))
        );
        assert_eq!(request.body, b"body");
    }
}

#[tokio::test]
async fn a_busy_receiver_says_how_long_to_wait() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let busy = answer(
            status,
            "retry-after: 17\r\n",
            r#"{"result":"later","reason":"busy"}"#,
        );
        let Err(SendError::Retry { after, reason, .. }) = send(&busy).await else {
            panic!("{status} is no receipt");
        };
        assert_eq!(after, Some(Duration::from_secs(17)));
        assert!(reason.contains("busy"), "{reason}");
    }
}

#[tokio::test]
async fn only_the_receiver_itself_acknowledges_or_refuses() {
    let refused = answer(
        "400 Bad Request",
        "",
        r#"{"result":"refused","reason":"why\u001b"}"#,
    );
    let expected = SendError::Refused {
        reason: "why".to_owned(),
    };
    assert_eq!(send(&refused).await, Err(expected));
    for (status, body) in [
        ("200 OK", "<html>welcome to the hotel</html>"),
        ("200 OK", ""),
        ("200 OK", r#"{"result":"need-full"}"#),
        ("202 Accepted", r#"{"result":"stored"}"#),
        ("302 Found", ""),
        ("400 Bad Request", "<html>proxy</html>"),
        ("403 Forbidden", ""),
        ("404 Not Found", r#"{"result":"nothing"}"#),
        ("409 Conflict", "conflict"),
        ("413 Too Large", "<html>proxy</html>"),
        ("500 Oh", r#"{"result":"stored"}"#),
    ] {
        let sent = send(&answer(status, "", body)).await;
        assert!(
            matches!(sent, Err(SendError::Retry { .. })),
            "{status} {body}: {sent:?}"
        );
    }
}

#[tokio::test]
async fn what_was_sent_is_blamed_for_errors_of_a_server_and_for_no_outage() {
    for (status, expected) in [
        ("500 Oh", Blame::PerhapsThis),
        ("503 Service Unavailable", Blame::PerhapsThis),
        ("403 Forbidden", Blame::PerhapsThis),
        ("200 OK", Blame::Everything),
        ("302 Found", Blame::Everything),
        ("401 Unauthorized", Blame::Everything),
        ("407 Proxy Authentication Required", Blame::Everything),
        ("429 Too Many Requests", Blame::Everything),
    ] {
        let sent = send(&answer(status, "", "<html>oh</html>")).await;
        let Err(SendError::Retry { blame, .. }) = sent else {
            panic!("{status} is no receipt");
        };
        assert_eq!(blame, expected, "{status}");
    }
    let Err(SendError::Retry { blame, .. }) = send(b"").await else {
        panic!("a connection that is closed is no receipt");
    };
    assert_eq!(blame, Blame::Everything);
}

#[tokio::test]
async fn a_connection_that_breaks_off_before_the_receipt_is_no_receipt() {
    for cut in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"result\":\"sto",
    ] {
        let sent = send(cut).await;
        assert!(matches!(sent, Err(SendError::Retry { .. })), "{sent:?}");
    }
}

#[tokio::test]
async fn events_go_out_one_a_line() {
    let stored = answer("200 OK", "", r#"{"result":"stored"}"#);
    let mut server = TestServer::start(&[&stored]).await;
    let (https, address) = server.client();
    let event = |words: &str| EventLine {
        device: DeviceId::from_bytes([1; 16]),
        at: Timestamp::from_ms(5),
        words: words.to_owned(),
        event: serde_json::json!({ "event": "pulled", "plugin": "inventory" }),
        log: None,
    };
    let events = [event("one\ntwo"), event("three")];
    Events::new(&https, &address)
        .send("key-1", &events)
        .await
        .unwrap();
    let request = server.requests.recv().await.unwrap();
    assert!(
        request
            .head
            .starts_with("post /base/v1/events http/1.1\r\n")
    );
    let text = String::from_utf8(request.body).unwrap();
    let read: Vec<EventLine<serde_json::Value>> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read, events);
}
