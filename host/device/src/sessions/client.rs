//! From where a login is used, where no source tells: what serves it holds the connection, and
//! the kernel lists connections by the numbers of their sockets.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    net::{IpAddr, Ipv6Addr},
    os::unix::net::UnixStream,
    path::Path,
};

use crate::{
    Privileged,
    privileged::{Request, tell},
};

/// Descriptors of a process that are looked at. What serves a login has some ten.
const MOST_DESCRIPTORS: usize = 256;
/// Bytes of a table that are read: 100,000 connections.
const LONGEST_TABLE: u64 = 16 << 20;
/// `TCP_ESTABLISHED` of net/tcp_states.h, as the tables write it.
const ESTABLISHED: &str = "01";

/// The other end of the connection that process `pid` holds. `privileged` looks, where there
/// is one: to see what a process holds takes the right to trace it.
pub(super) fn of(privileged: Option<&Privileged>, proc: &Path, pid: u32) -> Option<IpAddr> {
    let Some(privileged) = privileged else {
        return found(proc, pid);
    };
    let answer = privileged.ask(&Request::Client(pid), None).ok()?;
    str::from_utf8(&answer).ok()?.parse().ok()
}

/// Tells the agent. An answer that is no address says that there is none.
pub(crate) fn answer(pid: u32, to: UnixStream) {
    let address = found(Path::new("/proc"), pid);
    let text = address.map_or("-".to_owned(), |address| address.to_string());
    tell(to, text.as_bytes());
}

fn found(proc: &Path, pid: u32) -> Option<IpAddr> {
    let folder = proc.join(pid.to_string());
    let sockets = sockets(&folder)?;
    // Those of the process' own network: a container has another.
    ["net/tcp", "net/tcp6"]
        .iter()
        .find_map(|table| peer(&folder.join(table), &sockets))
}

/// The numbers of its sockets, of other kinds than TCP as well.
fn sockets(folder: &Path) -> Option<BTreeSet<u64>> {
    let descriptors = fs::read_dir(folder.join("fd")).ok()?.take(MOST_DESCRIPTORS);
    let number = |entry: std::io::Result<fs::DirEntry>| {
        let link = fs::read_link(entry.ok()?.path()).ok()?;
        let socket = link.to_str()?.strip_prefix("socket:[")?;
        socket.strip_suffix(']')?.parse().ok()
    };
    Some(descriptors.filter_map(number).collect())
}

fn peer(table: &Path, sockets: &BTreeSet<u64>) -> Option<IpAddr> {
    let mut table = BufReader::new(File::open(table).ok()?.take(LONGEST_TABLE));
    let mut line = String::new();
    while table.read_line(&mut line).ok()? > 0 {
        if let Some(peer) = entry(&line, sockets) {
            return Some(peer);
        }
        line.clear();
    }
    None
}

/// `sl local remote state queues timer retransmits uid timeout inode …`
/// (Documentation/networking/proc_net_tcp.rst).
fn entry(line: &str, sockets: &BTreeSet<u64>) -> Option<IpAddr> {
    let mut fields = line.split_ascii_whitespace();
    let (address, _) = fields.nth(2)?.split_once(':')?;
    let state = fields.next()?;
    let socket: u64 = fields.nth(5)?.parse().ok()?;
    if state != ESTABLISHED || !sockets.contains(&socket) {
        return None;
    }
    self::address(address)
}

/// Words of 32 bits in hexadecimal digits, each as this machine keeps it.
fn address(digits: &str) -> Option<IpAddr> {
    let words = digits.as_bytes().chunks(8);
    let words = words.map(|word| u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok());
    let words: Vec<[u8; 4]> = words
        .map(|word| word.map(u32::to_ne_bytes))
        .collect::<Option<_>>()?;
    match *words.as_flattened() {
        [a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
        ref all => {
            let all: [u8; 16] = all.try_into().ok()?;
            Some(Ipv6Addr::from(all).to_canonical())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        os::fd::OwnedFd,
        process::{Command, Stdio},
    };

    use proptest::prelude::*;

    use super::*;

    /// Both ends are on this machine, and have addresses of their own where there are several.
    fn peer_of_a_child(
        privileged: Option<&Privileged>,
        listening: &str,
    ) -> Option<(Option<IpAddr>, IpAddr)> {
        let listener = TcpListener::bind(listening).ok()?;
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, from) = listener.accept().unwrap();
        let mut child = Command::new("cat")
            .stdin(Stdio::from(OwnedFd::from(served)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let found = of(privileged, Path::new("/proc"), child.id());
        // Its input ends.
        drop(client);
        child.wait().unwrap();
        Some((found, from.ip()))
    }

    #[test]
    fn the_other_end_of_what_a_real_process_holds_is_found() {
        let (found, from) = peer_of_a_child(None, "127.0.0.2:0").unwrap();
        assert_eq!(found, Some(from));
        // Where there is no IPv6 nothing can listen there.
        if let Some((found, from)) = peer_of_a_child(None, "[::1]:0") {
            assert_eq!(found, Some(from));
        }
    }

    #[test]
    fn the_privileged_process_tells_the_same() {
        let tests = std::env::current_exe().unwrap();
        let program = tests.ancestors().nth(2).unwrap().join("examples/keeper");
        let nowhere = Path::new("/nowhere");
        let privileged = Privileged::start(&program, nowhere, &["/nowhere".as_ref()]).unwrap();
        let (found, from) = peer_of_a_child(Some(&privileged), "127.0.0.2:0").unwrap();
        assert_eq!(found, Some(from));
        let nobody = of(Some(&privileged), Path::new("/proc"), u32::MAX);
        assert_eq!(nobody, None);
    }

    #[test]
    fn who_holds_none_is_told_so() {
        let (reader, to) = UnixStream::pair().unwrap();
        answer(u32::MAX, to);
        let mut bytes = String::new();
        (&reader).read_to_string(&mut bytes).unwrap();
        assert_eq!(bytes, "-");
    }

    #[test]
    fn only_a_connection_that_is_open_counts() {
        let line = |state: &str, socket: u32| {
            let remote = u32::from_ne_bytes([192, 0, 2, 7]);
            format!("3: 0100007F:0016 {remote:08X}:D431 {state} 0:0 0:0 0 0 0 {socket} 1 0 20")
        };
        let sockets = [77].into();
        assert_eq!(
            entry(&line("01", 77), &sockets),
            Some(IpAddr::from([192, 0, 2, 7]))
        );
        assert_eq!(entry(&line("0A", 77), &sockets), None);
        assert_eq!(entry(&line("01", 78), &sockets), None);
        assert_eq!(entry("  sl  local_address rem_address", &sockets), None);
    }

    proptest! {
        #[test]
        fn addresses_are_read_as_they_are_written(bytes: [u8; 16], is_v6: bool) {
            let all = if is_v6 { &bytes[..] } else { &bytes[..4] };
            let words = all.as_chunks::<4>().0.iter();
            let digits: String = words
                .map(|word| format!("{:08X}", u32::from_ne_bytes(*word)))
                .collect();
            let expected = match is_v6 {
                true => Ipv6Addr::from(bytes).to_canonical(),
                false => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
            };
            prop_assert_eq!(address(&digits), Some(expected));
        }

        #[test]
        fn any_line_is_read_or_left_out(line in "\\PC{0,80}") {
            let _ = entry(&line, &[1].into());
        }
    }
}
