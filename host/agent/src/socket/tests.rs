use std::{path::Path, sync::Arc, time::Duration};

use bailiwick_core::ports::BoxFuture;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::{platform::peer, *};
use crate::look::{LogQuery, OutboxQuery};

struct Echo;

impl Handler for Echo {
    fn answer(&self, peer: Peer, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            assert_eq!(peer, Peer::Owner);
            Response::Refused {
                reason: format!("{request:?}"),
            }
        })
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

fn serving(path: &Path) -> tokio::task::JoinHandle<()> {
    let socket = ControlSocket::bind(path).unwrap();
    tokio::spawn(async move { socket.serve(Arc::new(Echo)).await.unwrap() })
}

async fn raw(path: &Path, bytes: &[u8]) -> Response {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    serde_json::from_str(&text).unwrap()
}

fn refusal(response: Response) -> String {
    match response {
        Response::Refused { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_request_reaches_the_handler() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let server = serving(&path);
    for request in [
        Request::Status {},
        Request::Plugins {},
        Request::UpdateStatus {},
        Request::UpdateRefresh {},
        Request::Inventory {},
        Request::Settings {},
        Request::Sessions {},
        Request::Outbox(OutboxQuery {
            decoded: true,
            at_most: 3,
            key: None,
        }),
        Request::Log(LogQuery {
            plugin: Some("inventory".parse().unwrap()),
            ..LogQuery::default()
        }),
        Request::Pause { for_ms: Some(7) },
        Request::Resume {},
    ] {
        let answer = ask(&path, request.clone(), PATIENCE).await.unwrap();
        assert_eq!(refusal(answer), format!("{request:?}"));
    }
    server.abort();
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let server = serving(&path);
    for (sent, expected) in [
        (&b"hello\n"[..], "not understood"),
        (b"{\"request\":\"reboot\"}\n", "unknown variant"),
        (b"{\"request\":\"status\",\"x\":1}\n", "unknown field"),
        (b"{\"request\":\"status\"}", "before the end of a line"),
    ] {
        let reason = refusal(raw(&path, sent).await);
        assert!(reason.contains(expected), "{reason}");
    }
    let reason = refusal(raw(&path, &[b' '; 4096]).await);
    assert!(reason.contains("longer than 4096 bytes"), "{reason}");
    server.abort();
}

#[tokio::test]
async fn the_socket_is_open_to_users_and_goes_with_its_agent() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let socket = ControlSocket::bind(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    drop(socket);
    assert!(!path.exists());
    let error = ask(&path, Request::Status {}, PATIENCE).await.unwrap_err();
    assert!(matches!(error, SocketError::NotRunning(_)), "{error}");
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let error = ask(&path, Request::Status {}, PATIENCE).await.unwrap_err();
    assert!(matches!(error, SocketError::NotRunning(_)), "{error}");
    let _live = ControlSocket::bind(&path).unwrap();
    let error = ControlSocket::bind(&path).unwrap_err();
    assert!(matches!(error, SocketError::AlreadyRunning(_)), "{error}");
}

#[tokio::test]
async fn a_file_in_the_way_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, "mine").unwrap();
    let error = ControlSocket::bind(&path).unwrap_err();
    assert!(matches!(error, SocketError::InTheWay(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[test]
fn only_root_and_the_agents_own_user_are_its_owners() {
    assert_eq!(peer(0, 1000), Peer::Owner);
    assert_eq!(peer(1000, 1000), Peer::Owner);
    assert_eq!(peer(1001, 1000), Peer::User(1001));
    assert_eq!(peer(1000, 0), Peer::User(1000));
}
