//! What the kernel tells of a process only to who may trace it: which program it runs and what
//! it moved. No process behind Landlock may trace one outside.

use std::os::unix::net::UnixStream;

use rustix::{
    fs::{Mode, OFlags},
    io::Result,
};

use super::{
    Privileged, Request,
    answer::tell,
    request::{MOST_PROCESSES, Wanted},
};
use crate::processes::stat;

/// Longest answer to one request: it fits into a socket that nobody reads.
const LONGEST: usize = 64 * 1_024;
/// Longest path of a program, in bytes; `PATH_MAX`.
const LONGEST_PATH: usize = 4_096;
/// Of one process, without the path: its id, read and written, the length of the path.
const HEAD: usize = 4 + 8 + 8 + 2;
/// Instead of what it read and wrote, if that is not told.
const UNTOLD: u64 = u64::MAX;

/// What was read of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Bytes that it read and wrote.
    pub(crate) moved: Option<(u64, u64)>,
    /// The path of its program, as the kernel tells it; empty if it is not told or was not
    /// asked for.
    pub(crate) program: Vec<u8>,
}

/// Has the privileged process look, and tells `each` by its place in `all`. Whoever is gone, or
/// can't be looked at, is told with nothing; if nobody looks any more, the rest is not told.
pub(crate) fn look(privileged: &Privileged, all: &[Wanted], mut each: impl FnMut(usize, Seen)) {
    let mut next = 0;
    while next < all.len() {
        let until = all.len().min(next + MOST_PROCESSES);
        let Some(answer) = ask(privileged, &all[next..until]) else {
            return;
        };
        let before = next;
        let mut rest = answer.as_slice();
        while let Some((pid, seen)) = take(&mut rest)
            && all.get(next).is_some_and(|wanted| wanted.pid == pid)
        {
            each(next, seen);
            next += 1;
        }
        // What brings nothing would be asked for again and again.
        if next == before {
            return;
        }
    }
}

fn ask(privileged: &Privileged, some: &[Wanted]) -> Option<Vec<u8>> {
    let request = Request::Closely(some.to_vec());
    privileged.ask(&request, None).ok()
}

/// Answers about as many of them as fit.
pub(super) fn answer(all: &[Wanted], to: UnixStream) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 512];
    for wanted in all {
        let seen = read(*wanted, &mut buffer);
        if bytes.len() + HEAD + seen.program.len() > LONGEST {
            break;
        }
        put(&mut bytes, wanted.pid, &seen);
    }
    tell(to, &bytes);
}

fn put(bytes: &mut Vec<u8>, pid: u32, seen: &Seen) {
    let (read, written) = seen.moved.unwrap_or((UNTOLD, UNTOLD));
    let length = u16::try_from(seen.program.len()).unwrap_or_default();
    bytes.extend(pid.to_le_bytes());
    bytes.extend(read.to_le_bytes());
    bytes.extend(written.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(&seen.program[..usize::from(length)]);
}

fn take(bytes: &mut &[u8]) -> Option<(u32, Seen)> {
    let (pid, rest) = bytes.split_first_chunk()?;
    let (read, rest) = rest.split_first_chunk()?;
    let (written, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (program, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    let moved = (u64::from_le_bytes(*read), u64::from_le_bytes(*written));
    let seen = Seen {
        moved: (moved != (UNTOLD, UNTOLD)).then_some(moved),
        program: program.to_vec(),
    };
    Some((u32::from_le_bytes(*pid), seen))
}

fn read(wanted: Wanted, buffer: &mut [u8]) -> Seen {
    let pid = wanted.pid;
    let moved = io(pid, buffer).ok();
    let mut program = Vec::new();
    if wanted.program
        && let Ok(link) = rustix::fs::readlink(format!("/proc/{pid}/exe"), Vec::new())
    {
        program = link.into_bytes();
        program.truncate(LONGEST_PATH);
    }
    Seen {
        moved: moved.and_then(|length| stat::moved(&buffer[..length])),
        program,
    }
}

fn io(pid: u32, buffer: &mut [u8]) -> Result<usize> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(format!("/proc/{pid}/io"), flags, Mode::empty())?;
    rustix::io::read(&file, buffer)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn what_is_seen_is_told_as_far_as_it_fits() {
        let own = Wanted {
            pid: std::process::id(),
            program: true,
        };
        let all = vec![own; MOST_PROCESSES];
        let (mut reader, answer_to) = UnixStream::pair().unwrap();
        answer(&all, answer_to);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert!(bytes.len() <= LONGEST);
        let mut rest = bytes.as_slice();
        let program = std::fs::read_link("/proc/self/exe").unwrap();
        let mut told = 0;
        while let Some((pid, seen)) = take(&mut rest) {
            assert_eq!(pid, own.pid);
            assert_eq!(seen.program, program.as_os_str().as_encoded_bytes());
            assert!(seen.moved.is_some());
            told += 1;
        }
        assert!(told > 100 && rest.is_empty(), "{told}");
    }

    #[test]
    fn who_is_not_there_is_told_with_nothing() {
        let wanted = Wanted {
            pid: u32::MAX,
            program: true,
        };
        assert_eq!(read(wanted, &mut [0; 512]), Seen::default());
        let mut bytes = Vec::new();
        put(&mut bytes, 7, &Seen::default());
        let mut rest = bytes.as_slice();
        assert_eq!(take(&mut rest), Some((7, Seen::default())));
        assert_eq!(take(&mut &bytes[..bytes.len() - 1]), None);
    }
}
