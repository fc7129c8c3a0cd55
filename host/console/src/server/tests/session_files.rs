//! Files about sessions.

use bailiwick_core::session::SessionId;
use bailiwick_transport::{FileOrigin, Files, LONGEST_FILE};

use super::*;

fn origin() -> FileOrigin {
    FileOrigin {
        device: DeviceId::from_bytes([0xab; 16]),
        plugin: "session-analyzer".parse().unwrap(),
        session: SessionId::new("c1", 3),
        made: Timestamp::from_ms(5),
    }
}

async fn send(console: &Console, key: &str, body: &[u8]) -> Result<(), SendError> {
    let files = Files::new(&console.https, &console.address(""));
    files.send(key, &origin(), body.to_vec()).await
}

/// Key, session, time and bytes of what is in the database.
fn stored(console: &Console) -> Vec<(String, String, i64, Vec<u8>)> {
    let database = rusqlite::Connection::open(console.folder.path().join(FILE)).unwrap();
    let mut all = database
        .prepare("SELECT key, session, made_ms, body FROM files ORDER BY id")
        .unwrap();
    let rows = all.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_file_is_stored_once_with_its_origin() {
    let console = Console::start().await;
    for _ in 0..2 {
        send(&console, "f-1", b"rows").await.unwrap();
    }
    let expected = ("f-1".to_owned(), "c1#3".to_owned(), 5, b"rows".to_vec());
    assert_eq!(stored(&console), [expected]);
    let other = send(&console, "f-1", b"other rows").await.unwrap_err();
    assert!(matches!(other, SendError::Refused { .. }), "{other}");
    assert_eq!(stored(&console).len(), 1);
}

#[tokio::test]
async fn an_oversize_or_empty_file_is_refused_and_the_next_one_is_taken() {
    let console = Console::start().await;
    let longest = usize::try_from(LONGEST_FILE.get()).unwrap();
    for length in [0, longest + 1, 5 << 20] {
        let answer = send(&console, "f-2", &vec![7; length]).await;
        // A sender that is still writing may find the connection closed before the answer.
        match answer {
            Err(SendError::Refused { .. }) => {}
            Err(SendError::Retry { .. }) if length > 4 << 20 => {}
            other => panic!("{length}: {other:?}"),
        }
    }
    send(&console, "f-3", &vec![7; longest]).await.unwrap();
    assert_eq!(stored(&console).len(), 1);
}

#[tokio::test]
async fn a_file_of_nobody_is_refused_with_the_header_that_is_missing() {
    let console = Console::start().await;
    let request = "POST /v1/files HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                   idempotency-key: k\r\ncontent-length: 1\r\n\
                   bailiwick-device: abababababababababababababababab\r\n\r\nx";
    let answer = console.raw(request).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("bailiwick-plugin"), "{answer}");
    assert_eq!(stored(&console), []);
}
