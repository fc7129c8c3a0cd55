//! The files utmp and utmpx: records of logins, each of a fixed size (glibc's `bits/utmp.h`,
//! utmp(5); `utmpx.h` of macOS).

use std::net::{IpAddr, Ipv6Addr};

#[cfg(target_os = "linux")]
use bailiwick_core::session::{Remote, Seen, SessionKind, SessionState, Source};
use bailiwick_core::{session::MOST_SESSIONS, time::Timestamp};

/// Largest file that is read, in bytes: 20,000 records.
pub(super) const LARGEST: u64 = 8 * 1024 * 1024;

/// `USER_PROCESS`: somebody is logged in.
const USER_PROCESS: u16 = 7;

/// Where the fields of a record are. Linux has two layouts: most platforms keep the session
/// and the time in 32 bits even where `long` has 64, so that programs of both sizes share
/// the file; those that never had 32-bit programs (arm64 among them) keep them in 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Bytes of a record.
    pub(super) size: usize,
    pub(super) kind: usize,
    pub(super) pid: usize,
    /// Of texts, where they are and of how many bytes.
    pub(super) terminal: (usize, usize),
    pub(super) user: (usize, usize),
    pub(super) host: (usize, usize),
    /// Where its seconds are, and in how many bytes.
    pub(super) seconds: (usize, usize),
    /// Where the 16 bytes of the client's address are, if it has one.
    pub(super) address: Option<usize>,
}

impl Layout {
    /// Records of 384 bytes: x86, x86_64, 32-bit arm, s390x, powerpc64.
    #[cfg(target_os = "linux")]
    pub(super) const COMPACT: Self = Self {
        size: 384,
        kind: 0,
        pid: 4,
        terminal: (8, 32),
        user: (44, 32),
        host: (76, 256),
        seconds: (340, 4),
        address: Some(348),
    };
    /// Records of 400 bytes: arm64, riscv64, loongarch64.
    #[cfg(target_os = "linux")]
    pub(super) const WIDE: Self = Self {
        size: 400,
        seconds: (344, 8),
        address: Some(360),
        ..Self::COMPACT
    };
    /// That of this platform.
    #[cfg(target_os = "linux")]
    pub(super) const NATIVE: Self = if cfg!(any(
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "loongarch64"
    )) {
        Self::WIDE
    } else {
        Self::COMPACT
    };
}

/// A login as the file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) pid: u32,
    pub(super) terminal: String,
    pub(super) user: String,
    pub(super) host: String,
    pub(super) address: Option<IpAddr>,
    pub(super) since: Timestamp,
}

/// Why the file can't be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has {length} bytes, and records of {size} would leave {rest} over")]
pub(super) struct UtmpError {
    length: usize,
    size: usize,
    rest: usize,
}

/// The logins in `bytes`, and how many were beyond the bound. Records of another kind
/// (starts, getty, ended logins) are left out, as are those without process, user or
/// terminal.
pub(super) fn parse(bytes: &[u8], layout: Layout) -> Result<(Vec<Record>, usize), UtmpError> {
    let records = bytes.chunks_exact(layout.size);
    if !records.remainder().is_empty() {
        return Err(UtmpError {
            length: bytes.len(),
            size: layout.size,
            rest: records.remainder().len(),
        });
    }
    let mut logins: Vec<Record> = records.filter_map(|one| record(one, layout)).collect();
    let cut = logins.len().saturating_sub(MOST_SESSIONS);
    logins.truncate(MOST_SESSIONS);
    Ok((logins, cut))
}

fn record(bytes: &[u8], layout: Layout) -> Option<Record> {
    let kind = u16::from_ne_bytes(*bytes.get(layout.kind..)?.first_chunk()?);
    let pid = i32::from_ne_bytes(*bytes.get(layout.pid..)?.first_chunk()?);
    let pid = u32::try_from(pid).ok().filter(|pid| *pid != 0)?;
    let text = |(at, length)| Some(text(bytes.get(at..at + length)?));
    let terminal = text(layout.terminal)?;
    let user = text(layout.user)?;
    let host = text(layout.host)?;
    let (at, length) = layout.seconds;
    let seconds = bytes.get(at..at + length)?;
    // Unsigned since glibc 2.40, so that 32 bits last until 2106.
    let seconds = match length {
        4 => u64::from(u32::from_ne_bytes(seconds.try_into().ok()?)),
        _ => u64::try_from(i64::from_ne_bytes(seconds.try_into().ok()?)).ok()?,
    };
    let is_login = kind == USER_PROCESS && !terminal.is_empty() && !user.is_empty();
    is_login.then(|| Record {
        pid,
        terminal,
        user,
        host,
        address: layout.address.and_then(|at| address(bytes.get(at..)?)),
        since: Timestamp::from_ms(seconds.saturating_mul(1_000)),
    })
}

/// One of IPv4 is in the first four bytes, and then the others are 0.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    match *bytes.first_chunk()? {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => None,
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => Some(IpAddr::from([a, b, c, d])),
        all => Some(Ipv6Addr::from(all).to_canonical()),
    }
}

/// Up to the first NUL, if there is one.
fn text(field: &[u8]) -> String {
    let field = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(field).into_owned()
}

#[cfg(target_os = "linux")]
impl Record {
    /// As a session of user `uid`.
    pub(super) fn to_seen(&self, uid: u32) -> Seen {
        let is_display = |text: &str| text.starts_with(':');
        let display = [&self.terminal, &self.host]
            .into_iter()
            .find(|text| is_display(text));
        let kind = if display.is_some() {
            Some(SessionKind::Graphical)
        } else if self.terminal.starts_with("tty") {
            Some(SessionKind::Console)
        } else if self.address.is_none() && (self.host.is_empty() || self.host.contains('(')) {
            // `tmux(7).%0`: a terminal within a session.
            None
        } else {
            Some(SessionKind::Remote(Remote::Other))
        };
        let client = match kind {
            Some(SessionKind::Remote(_)) => self.host.as_str(),
            _ => "",
        };
        let seen = Seen {
            leader: Some(self.pid),
            user_name: Some(self.user.clone()),
            kind,
            state: Some(SessionState::Active),
            since: Some(self.since),
            terminal: (!is_display(&self.terminal)).then(|| self.terminal.clone()),
            display: display.cloned(),
            ..Seen::new(Source::Utmp, uid).used_from(client)
        };
        Seen {
            client_address: self.address.or(seen.client_address),
            ..seen
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record as a C program with this layout writes it.
    pub(crate) fn written(
        layout: Layout,
        kind: u16,
        pid: u32,
        terminal: &str,
        user: &str,
        host: &str,
        seconds: u32,
    ) -> Vec<u8> {
        let mut bytes = vec![0; layout.size];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(layout.kind, &kind.to_ne_bytes());
        put(layout.pid, &pid.to_ne_bytes());
        put(layout.terminal.0, terminal.as_bytes());
        put(layout.user.0, user.as_bytes());
        put(layout.host.0, host.as_bytes());
        match layout.seconds {
            (at, 4) => put(at, &seconds.to_ne_bytes()),
            (at, _) => put(at, &u64::from(seconds).to_ne_bytes()),
        }
        bytes
    }

    #[test]
    fn logins_are_read_in_both_layouts_and_other_records_left_out() {
        for layout in [Layout::COMPACT, Layout::WIDE] {
            let mut file = written(layout, 2, 0, "~", "reboot", "6.18", 1);
            file.extend(written(layout, 6, 700, "tty2", "LOGIN", "", 2));
            file.extend(written(
                layout,
                7,
                801,
                "pts/0",
                "alice",
                "192.0.2.7",
                1_800_000_000,
            ));
            file.extend(written(layout, 8, 802, "pts/1", "", "", 3));
            let long = "u".repeat(32);
            file.extend(written(layout, 7, 803, "tty1", &long, "", u32::MAX));
            let (logins, cut) = parse(&file, layout).unwrap();
            assert_eq!((logins.len(), cut), (2, 0));
            assert_eq!(logins[0].terminal, "pts/0");
            assert_eq!(logins[0].user, "alice");
            assert_eq!(logins[0].since, Timestamp::from_ms(1_800_000_000_000));
            // A field that is full has no NUL.
            assert_eq!(logins[1].user, long);
            assert_eq!(
                logins[1].since,
                Timestamp::from_ms(u64::from(u32::MAX) * 1_000)
            );
        }
    }

    #[test]
    fn a_torn_file_is_refused_whole() {
        let file = written(Layout::COMPACT, 7, 1, "tty1", "a", "", 1);
        let error = parse(&file[..383], Layout::COMPACT).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it has 383 bytes, and records of 384 would leave 383 over"
        );
        assert!(parse(&file, Layout::WIDE).is_err());
        assert_eq!(parse(&[], Layout::COMPACT), Ok((vec![], 0)));
    }

    #[test]
    fn terminal_and_host_tell_the_kind() {
        for (terminal, host, kind) in [
            ("tty1", "", Some(SessionKind::Console)),
            ("tty7", ":0", Some(SessionKind::Graphical)),
            (":0", "", Some(SessionKind::Graphical)),
            (
                "pts/0",
                "192.0.2.7",
                Some(SessionKind::Remote(Remote::Other)),
            ),
            ("pts/1", "tmux(77).%0", None),
            ("pts/2", "", None),
        ] {
            let file = written(Layout::COMPACT, 7, 1, terminal, "a", host, 1);
            let seen = parse(&file, Layout::COMPACT).unwrap().0[0].to_seen(0);
            assert_eq!(seen.kind, kind, "{terminal} {host}");
            assert_eq!(seen.client_address.is_some(), terminal == "pts/0");
        }
    }

    #[test]
    fn a_client_has_a_name_an_address_or_both() {
        for (host, bytes, name, address) in [
            (
                "desk.example",
                "192.0.2.7",
                Some("desk.example"),
                Some("192.0.2.7"),
            ),
            ("2001:db8::7", "2001:db8::7", None, Some("2001:db8::7")),
            ("fe80::1%eth0", "", None, Some("fe80::1")),
            ("", "::ffff:192.0.2.7", None, Some("192.0.2.7")),
            ("desk.example", "", Some("desk.example"), None),
        ] {
            for layout in [Layout::COMPACT, Layout::WIDE] {
                let mut file = written(layout, 7, 1, "pts/0", "a", host, 1);
                match bytes.parse() {
                    Ok(IpAddr::V4(v4)) => {
                        file[layout.address.unwrap()..][..4].copy_from_slice(&v4.octets())
                    }
                    Ok(IpAddr::V6(v6)) => {
                        file[layout.address.unwrap()..][..16].copy_from_slice(&v6.octets())
                    }
                    Err(_) => {}
                }
                let seen = parse(&file, layout).unwrap().0[0].to_seen(0);
                assert_eq!(
                    seen.kind,
                    Some(SessionKind::Remote(Remote::Other)),
                    "{host}"
                );
                assert_eq!(seen.client_name.as_deref(), name, "{host}");
                let expected = address.map(|text| text.parse::<IpAddr>().unwrap());
                assert_eq!(seen.client_address, expected, "{host}");
            }
        }
    }

    #[test]
    fn more_logins_than_the_bound_are_counted() {
        let one = written(Layout::COMPACT, 7, 1, "tty1", "a", "", 1);
        let (logins, cut) = parse(&one.repeat(MOST_SESSIONS + 3), Layout::COMPACT).unwrap();
        assert_eq!((logins.len(), cut), (MOST_SESSIONS, 3));
    }

    proptest! {
        #[test]
        fn no_file_at_all_makes_it_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..1600),
            records in 0usize..4,
        ) {
            let _ = parse(&bytes, Layout::COMPACT);
            for layout in [Layout::COMPACT, Layout::WIDE] {
                bytes.resize(records * layout.size, 7);
                let (logins, _) = parse(&bytes, layout).unwrap();
                prop_assert!(logins.len() <= records);
                for login in logins {
                    let _ = login.to_seen(0);
                }
            }
        }
    }
}
