//! A network of two ends: one on this machine, the other in a namespace of its own.

use std::{
    fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU8, Ordering},
};

use crate::{own_networks, program};

/// A network namespace with one link to this machine. It goes when this is dropped.
#[derive(Debug)]
pub struct Network {
    namespace: String,
    link: String,
    here: Ipv4Addr,
}

impl Network {
    /// A link with an address at each end. None, with a note of the skip, where namespaces
    /// can't be made; `untested` says what is not tested without them.
    ///
    /// # Panics
    /// It was begun and could not be finished.
    pub fn new(untested: &str) -> Option<Self> {
        static MADE: AtomicU8 = AtomicU8::new(0);
        if program("ip").is_none() || !own_networks(untested) {
            return None;
        }
        let process = std::process::id();
        let own = MADE.fetch_add(1, Ordering::Relaxed);
        let (here, there) = ends(process, own);
        let network = Self {
            namespace: format!("bailiwick-{process:x}-{own}"),
            // No link's name is longer than 15 (IFNAMSIZ of netdevice(7)).
            link: format!("bw{process:x}-{own}"),
            here,
        };
        let (name, link) = (network.namespace.as_str(), network.link.as_str());
        for line in [
            format!("netns add {name}"),
            format!("link add {link} type veth peer name {THERE} netns {name}"),
            format!("address add {here}/30 broadcast + dev {link}"),
            format!("link set {link} up"),
            format!("-n {name} address add {there}/30 broadcast + dev {THERE}"),
            format!("-n {name} link set {THERE} up"),
            format!("-n {name} link set lo up"),
        ] {
            assert!(ip(&line), "ip {line}");
        }
        Some(network)
    }

    /// Name of the namespace, for `ip netns exec`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Address of this machine's end.
    pub const fn here(&self) -> Ipv4Addr {
        self.here
    }

    /// Name of the link at this machine's end.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// What programs that are started in the namespace find as `/etc/NAME`. One that runs
    /// sees a change if the file was there when it started.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn etc(&self, name: &str, content: &str) -> io::Result<()> {
        let folder = self.etc_folder();
        fs::create_dir_all(&folder)?;
        // In place: `ip netns exec` mounts the file itself.
        fs::write(folder.join(name), content)
    }

    /// Where `ip netns exec` looks for them.
    fn etc_folder(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.namespace)
    }

    /// From now on no packet passes in either direction. Neither end's connections are told.
    ///
    /// # Panics
    /// The link is gone.
    pub fn cut(&self) {
        assert!(ip(&format!("link set {} down", self.link)));
    }

    /// Packets pass again.
    ///
    /// # Panics
    /// The link is gone.
    pub fn mend(&self) {
        assert!(ip(&format!("link set {} up", self.link)));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The link goes with the namespace that has its other end.
        ip(&format!("netns delete {}", self.namespace));
        // Most have none.
        let _ = fs::remove_dir_all(self.etc_folder());
    }
}

/// Addresses of both ends. 198.18.0.0/15 is for tests of networks (RFC 2544); each network has
/// four of them, and each process two networks at a time.
fn ends(process: u32, own: u8) -> (Ipv4Addr, Ipv4Addr) {
    let four = (process << 1 | u32::from(own & 1)) & 0x7fff;
    let end = |end| Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() | four << 2 | end);
    (end(1), end(2))
}

/// Name of the link at the end in the namespace.
const THERE: &str = "up0";

fn ip(line: &str) -> bool {
    let status = Command::new("ip")
        .args(line.split(' '))
        .stdin(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_at_the_same_time_have_other_addresses() {
        let mut seen = std::collections::BTreeSet::new();
        for process in 4_000_000..4_000_000 + (1 << 14) {
            for own in [6, 7] {
                let (here, there) = ends(process, own);
                assert!(seen.insert(here) && seen.insert(there), "{here}");
                assert!([18, 19].contains(&there.octets()[1]), "{there}");
            }
        }
    }

    #[test]
    fn both_ends_reach_each_other_until_the_link_is_cut() {
        let Some(network) = Network::new("networks of tests themselves") else {
            return;
        };
        let reaches = || {
            let here = network.here().to_string();
            let mut command = Command::new("ip");
            command.args(["netns", "exec", network.namespace(), "timeout", "2", "bash"]);
            command.args(["-c", &format!("exec 3<>/dev/tcp/{here}/9")]);
            // Refused is an answer, too; `timeout` says 124 where none comes.
            command.stderr(Stdio::null()).status().unwrap().code() != Some(124)
        };
        assert!(reaches());
        network.cut();
        assert!(!reaches());
        network.mend();
        assert!(reaches());
    }
}
