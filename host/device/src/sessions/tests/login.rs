//! Logins as the kernel knows them.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use bailiwick_needs::KernelFeature;

/// A process whose kernel gave it a login's number. It ends when this is dropped.
pub(super) struct Login {
    child: Child,
}

/// Id number `n` (below 8) of a user whom nobody else on this machine has, another run of
/// these tests included.
pub(super) fn own_uid(n: u32) -> u32 {
    2_000_000 + std::process::id() * 8 + n
}

/// Whether logins can be made here; the skip is noted.
pub(super) fn can_log_in(untested: &str) -> bool {
    KernelFeature::Audit.is_there(untested) && bailiwick_needs::root(untested)
}

impl Login {
    /// Logs `uid` in: the kernel gives a fresh number to who writes its own login uid.
    pub(super) fn of(uid: u32) -> Self {
        let script = format!("echo {uid} > /proc/self/loginuid && echo ready && read line");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The number that the kernel gave.
    pub(super) fn audit(&self) -> u32 {
        let file = format!("/proc/{}/sessionid", self.pid());
        std::fs::read_to_string(file)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
