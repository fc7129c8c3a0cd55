//! What records of utmpx mean on macOS.

use bailiwick_core::session::{Remote, Seen, SessionKind, SessionState, Source};

use super::utmp::{Layout, Record};

/// That of the file, which programs of 32 and 64 bits share. The first record has its name and
/// version for a user, and is of a kind of its own.
pub(super) const LAYOUT: Layout = Layout {
    size: 628,
    kind: 296,
    pid: 292,
    terminal: (260, 32),
    user: (0, 256),
    host: (308, 256),
    seconds: (300, 4),
    address: None,
};

/// As a session of user `uid`; none for a terminal within one: a window of Terminal, or what
/// `screen` and `tmux` open.
pub(super) fn to_seen(record: &Record, uid: u32) -> Option<Seen> {
    let host = record.host.as_str();
    let kind = if record.terminal == "console" {
        SessionKind::Graphical
    } else if host.is_empty() || host.starts_with(':') || host.contains('(') {
        return None;
    } else if host.contains(' ') {
        // `192.0.2.7 via mosh [77]`
        SessionKind::Remote(Remote::Other)
    } else {
        SessionKind::Remote(Remote::Ssh)
    };
    let client = match kind {
        SessionKind::Remote(_) => host.split(' ').next().unwrap_or_default(),
        _ => "",
    };
    let seen = Seen {
        leader: Some(record.pid),
        user_name: Some(record.user.clone()),
        kind: Some(kind),
        state: Some(SessionState::Active),
        since: Some(record.since),
        terminal: Some(record.terminal.clone()),
        ..Seen::new(Source::Utmp, uid)
    };
    Some(seen.used_from(client))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::{
        super::utmp::{parse, tests::written},
        *,
    };

    const LOGIN: u16 = 7;
    const ENDED: u16 = 8;
    const SIGNATURE: u16 = 10;

    fn record(kind: u16, pid: u32, terminal: &str, user: &str, host: &str) -> Vec<u8> {
        written(LAYOUT, kind, pid, terminal, user, host, 1_800_000_000)
    }

    #[test]
    fn the_file_is_read_as_macos_writes_it() {
        let file = [
            record(SIGNATURE, 0, "", "utmpx-1.00", ""),
            record(2, 0, "", "", ""),
            record(LOGIN, 150, "console", "alice", ""),
            record(LOGIN, 801, "ttys000", "alice", ""),
            record(LOGIN, 902, "ttys001", "bob", "192.0.2.7"),
            record(LOGIN, 903, "ttys002", "bob", "desk.example"),
            record(LOGIN, 904, "ttys003", "bob", "fe80::1%en0 via mosh [904]"),
            record(LOGIN, 905, "ttys004", "bob", ":ttys001:S.0"),
            record(ENDED, 700, "ttys005", "bob", "192.0.2.8"),
        ];
        let (logins, cut) = parse(&file.concat(), LAYOUT).unwrap();
        assert_eq!((logins.len(), cut), (6, 0));
        let seen: Vec<Seen> = logins
            .iter()
            .filter_map(|record| to_seen(record, 501))
            .collect();
        let told: Vec<_> = seen.iter().map(|seen| (seen.leader, seen.kind)).collect();
        let ssh = SessionKind::Remote(Remote::Ssh);
        assert_eq!(
            told,
            [
                (Some(150), Some(SessionKind::Graphical)),
                (Some(902), Some(ssh)),
                (Some(903), Some(ssh)),
                (Some(904), Some(SessionKind::Remote(Remote::Other))),
            ]
        );
        let clients = seen
            .iter()
            .map(|seen| (seen.client_name.as_deref(), seen.client_address));
        let expected = [
            (None, None),
            (None, Some(IpAddr::from([192, 0, 2, 7]))),
            (Some("desk.example"), None),
            (None, Some("fe80::1".parse().unwrap())),
        ];
        assert!(clients.eq(expected));
        let bob = &seen[1];
        assert_eq!(bob.user_name.as_deref(), Some("bob"));
        assert_eq!(bob.terminal.as_deref(), Some("ttys001"));
        assert_eq!(bob.since.unwrap().as_ms(), 1_800_000_000_000);
    }

    proptest! {
        #[test]
        fn no_file_at_all_makes_it_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..1300),
            records in 0usize..3,
        ) {
            let _ = parse(&bytes, LAYOUT);
            bytes.resize(records * LAYOUT.size, 7);
            for login in parse(&bytes, LAYOUT).unwrap().0 {
                let _ = to_seen(&login, 0);
            }
        }
    }

    #[test]
    fn a_torn_file_is_refused_whole() {
        assert!(parse(&record(LOGIN, 1, "console", "a", "")[1..], LAYOUT).is_err());
    }
}
