//! What /proc/PID/stat, statm and io say.

/// What `stat` tells of a process that matters here (proc_pid_stat(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat<'a> {
    /// At most 15 bytes, of any value.
    pub(super) name: &'a [u8],
    pub(super) state: u8,
    pub(super) parent: u32,
    /// Processor time of all its threads, in ticks.
    pub(super) cpu_ticks: u64,
    pub(super) threads: u32,
    /// Since the machine was started, in ticks.
    pub(super) started_ticks: u64,
    /// As wait(2) would tell it; 0 for who may not see it.
    pub(super) exit: u32,
}

/// Reads `stat`. The name is in parentheses and may hold any byte; fields 3 to 52 follow the
/// last parenthesis.
pub(super) fn parse(text: &[u8]) -> Option<Stat<'_>> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let name = text.get(open + 1..close)?;
    let mut fields = text
        .get(close + 2..)?
        .split(|byte| byte.is_ascii_whitespace());
    // Field 3 is the first here.
    let state = *fields.next()?.first()?;
    let parent = number(fields.next()?)?;
    let user = number(fields.nth(9)?)?;
    let system = number(fields.next()?)?;
    let threads = number(fields.nth(4)?)?;
    let started_ticks = number(fields.nth(1)?)?;
    let exit = fields.nth(29).and_then(number).unwrap_or_default();
    Some(Stat {
        name,
        state,
        parent: u32::try_from(parent).ok()?,
        cpu_ticks: user.saturating_add(system),
        threads: u32::try_from(threads).ok()?,
        started_ticks,
        exit: u32::try_from(exit).unwrap_or_default(),
    })
}

/// Pages that `statm` calls resident: its second field.
pub(super) fn resident_pages(text: &[u8]) -> Option<u64> {
    let mut fields = text.split(|byte| byte.is_ascii_whitespace());
    number(fields.nth(1)?)
}

/// `read_bytes` and `write_bytes` of `io`: what went to and from storage.
pub(crate) fn moved(text: &[u8]) -> Option<(u64, u64)> {
    let value = |name: &[u8]| {
        let mut lines = text.split(|byte| *byte == b'\n');
        number(lines.find_map(|line| line.strip_prefix(name))?)
    };
    Some((value(b"read_bytes: ")?, value(b"write_bytes: ")?))
}

/// The user as whom a process runs: the effective id of `Uid:` in `status`.
pub(super) fn user(status: &[u8]) -> Option<u32> {
    let mut lines = status.split(|byte| *byte == b'\n');
    let ids = lines.find_map(|line| line.strip_prefix(b"Uid:\t"))?;
    let id = number(ids.split(|byte| byte.is_ascii_whitespace()).nth(1)?)?;
    u32::try_from(id).ok()
}

/// Digits and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str = "S 7 4 4 0 -1 4194560 100 0 5 0 30 12 0 0 20 0 3 0 4711 999 250 \
                          18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 1 1 1 1 \
                          1 1 1 139\n";

    #[test]
    fn a_name_may_hold_anything() {
        for name in ["sshd", "a) b (c", ") S 1 1", "", "\n"] {
            let text = format!("12 ({name}) {FIELDS}");
            let stat = parse(text.as_bytes()).unwrap();
            let expected = Stat {
                name: name.as_bytes(),
                state: b'S',
                parent: 7,
                cpu_ticks: 42,
                threads: 3,
                started_ticks: 4711,
                exit: 139,
            };
            assert_eq!(stat, expected);
        }
    }

    #[test]
    fn what_is_cut_or_no_number_is_none() {
        let whole = format!("12 (a) {FIELDS}");
        for length in 0..whole.len() - 60 {
            // Beyond the start there is only what may be missing.
            let _ = parse(&whole.as_bytes()[..length]);
        }
        assert_eq!(parse(b"12 (a) S"), None);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b")("), None);
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"-1"), None);
    }

    #[test]
    fn other_files_are_read() {
        assert_eq!(resident_pages(b"100 25 3 1 0 9 0\n"), Some(25));
        let io = b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\n\
                   cancelled_write_bytes: 0\n";
        assert_eq!(moved(io), Some((4_096, 8_192)));
        assert_eq!(
            user(b"Name:\tx\nUid:\t1000\t1001\t1002\t1003\n"),
            Some(1_001)
        );
    }
}
