//! Answers as wtsapi32 gives them, field by field where its declarations have them.

use proptest::prelude::*;

use super::*;

/// 2026-12-01T08:00:00Z, in units of 100 ns since 1601.
const LOGON: u64 = 134_405_856_000_000_000;
const LOGON_MS: u64 = 1_796_112_000_000;
const HOUR: u64 = 36_000_000_000;

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn session(state: u32, flags: u32, station: &str, domain: &str, user: &str) -> Vec<u8> {
    let mut bytes = vec![0; at::END];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(at::LEVEL, &1_u32.to_le_bytes());
    put(at::SESSION_ID, &5_u32.to_le_bytes());
    put(at::STATE, &state.to_le_bytes());
    put(at::FLAGS, &flags.to_le_bytes());
    put(at::STATION, &utf16(station));
    put(at::USER, &utf16(user));
    put(at::DOMAIN, &utf16(domain));
    put(at::LOGON, &LOGON.to_le_bytes());
    put(at::LAST_INPUT, &(LOGON + HOUR).to_le_bytes());
    put(at::DISCONNECT, &(LOGON + 2 * HOUR).to_le_bytes());
    bytes
}

fn client(family: u32, address: &[u8]) -> Vec<u8> {
    let mut bytes = family.to_le_bytes().to_vec();
    bytes.extend_from_slice(address);
    bytes.resize(24, 0);
    bytes
}

fn remote() -> Answers {
    Answers {
        session: session(0, 1, "RDP-Tcp#3", "EXAMPLE", "alice"),
        protocol: vec![2, 0],
        client_name: utf16("LAPTOP-7\0"),
        client_address: client(2, &[0, 0, 192, 0, 2, 7]),
    }
}

#[test]
fn a_remote_session_tells_from_where_it_is_used() {
    let seen = remote().to_seen().unwrap();
    let expected = Seen {
        logind: Some("5".to_owned()),
        audit: Some(5),
        user_name: Some("EXAMPLE\\alice".to_owned()),
        kind: Some(SessionKind::Remote(Remote::Rdp)),
        state: Some(SessionState::Active),
        since: Some(Timestamp::from_ms(LOGON_MS)),
        idle: Some(Idle::InUse),
        terminal: Some("RDP-Tcp#3".to_owned()),
        client_name: Some("LAPTOP-7".to_owned()),
        client_address: Some(IpAddr::from([192, 0, 2, 7])),
        ..Seen::new(Source::Wts, seen.uid)
    };
    assert_eq!(seen, expected);
}

#[test]
fn state_and_lock_are_told_apart() {
    let hour = |hours: u64| Idle::Since(Timestamp::from_ms(LOGON_MS + hours * 3_600_000));
    let (active, locked) = (SessionState::Active, SessionState::Locked);
    for (state, flags, expected, idle) in [
        (0, 1, Some(active), Some(Idle::InUse)),
        (0, u32::MAX, Some(active), Some(Idle::InUse)),
        (0, 0, Some(locked), Some(hour(1))),
        (3, 1, Some(active), Some(Idle::InUse)),
        (4, 1, Some(SessionState::Disconnected), Some(hour(2))),
        (4, 0, Some(SessionState::Disconnected), Some(hour(2))),
        (8, 1, None, None),
    ] {
        let answers = Answers {
            session: session(state, flags, "", "EXAMPLE", "alice"),
            ..remote()
        };
        let seen = answers.to_seen().unwrap();
        assert_eq!((seen.state, seen.idle), (expected, idle), "{state} {flags}");
    }
}

#[test]
fn the_console_has_no_client_and_a_disconnected_session_keeps_its_kind() {
    let console = Answers {
        session: session(0, 1, "Console", "DESK", "bob"),
        protocol: vec![0, 0],
        client_name: utf16("\0"),
        client_address: client(0, &[]),
    };
    let seen = console.to_seen().unwrap();
    assert_eq!(seen.kind, Some(SessionKind::Graphical));
    assert_eq!((seen.client_name, seen.client_address), (None, None));
    let disconnected = Answers {
        session: session(4, 1, "", "EXAMPLE", "alice"),
        protocol: vec![0, 0],
        ..console
    };
    let seen = disconnected.to_seen().unwrap();
    assert_eq!((seen.kind, seen.terminal), (None, None));
}

#[test]
fn where_nobody_has_logged_in_there_is_no_session() {
    for (state, station) in [(1, "Console"), (4, "Services"), (6, "RDP-Tcp")] {
        let session = session(state, u32::MAX, station, "", "");
        let nobody = Answers {
            session,
            ..remote()
        };
        assert_eq!(nobody.to_seen(), None, "{station}");
    }
    let mut torn = remote();
    torn.session.truncate(at::END - 1);
    assert_eq!(torn.to_seen(), None);
    let mut of_another_level = remote();
    of_another_level.session[at::LEVEL] = 2;
    assert_eq!(of_another_level.to_seen(), None);
}

#[test]
fn addresses_are_of_both_families() {
    let v6: IpAddr = "2001:db8::7".parse().unwrap();
    let IpAddr::V6(bytes) = v6 else {
        panic!("{v6}")
    };
    assert_eq!(address(&client(23, &bytes.octets())), Some(v6));
    assert_eq!(address(&client(23, &[0; 16])), None);
    assert_eq!(address(&client(2, &[0; 6])), None);
    assert_eq!(address(&[2, 0, 0, 0, 0, 0, 192]), None);
}

#[test]
fn a_user_is_one_however_the_name_is_written() {
    assert_eq!(user_number("EXAMPLE\\Alice"), user_number("example\\alice"));
    assert_ne!(user_number("EXAMPLE\\alice"), user_number("DESK\\alice"));
}

proptest! {
    #[test]
    fn no_answer_at_all_makes_it_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        one in any::<bool>(),
    ) {
        if let (true, Some(level)) = (one, bytes.get_mut(..4)) {
            level.copy_from_slice(&[1, 0, 0, 0]);
        }
        let answers = Answers {
            session: bytes.clone(),
            protocol: bytes.clone(),
            client_name: bytes.clone(),
            client_address: bytes,
        };
        let _ = answers.to_seen();
    }
}
