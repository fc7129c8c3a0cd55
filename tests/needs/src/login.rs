//! Logins as the kernel knows them, made without any program that logs users in.

use std::{
    io::{self, BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{
    KernelFeature, root,
    skip::{Rule, skip},
};

/// A process to which the kernel gave a login's number, which its children inherit. The
/// login ends when this is dropped.
#[derive(Debug)]
pub struct Login {
    child: Child,
}

/// Id number `n` (below 8) of a user whom nobody else on this machine has, another run of
/// the same tests included.
pub fn own_uid(n: u32) -> u32 {
    2_000_000 + std::process::id() * 8 + n
}

impl Login {
    /// Whether logins can be made here. If not, the skip is noted; `untested` says what is
    /// not tested without them.
    pub fn is_possible(untested: &str) -> bool {
        if !KernelFeature::Audit.is_there(untested) || !root(untested) {
            return false;
        }
        // Root of a container need not have the right (CAP_AUDIT_CONTROL).
        let is_allowed = Self::of(own_uid(0)).is_ok();
        if !is_allowed {
            skip("the right to log users in", untested, Rule::Everywhere);
        }
        is_allowed
    }

    /// Logs `uid` in: the kernel gives a fresh number to who writes its own login uid.
    ///
    /// # Errors
    /// The kernel does not let this user do that.
    pub fn of(uid: u32) -> io::Result<Self> {
        Self::with_sleepers(uid, 0)
    }

    /// The same, with `sleepers` more processes, which sleep until the login ends.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn with_sleepers(uid: u32, sleepers: usize) -> io::Result<Self> {
        // They wait for the end of an input that nobody writes to, so that none is left over
        // however this ends; a shell would give what runs behind it another input.
        let script = format!(
            "echo {uid} > /proc/self/loginuid && exec 3<&0 && i=0 && \
             while [ $i -lt {sleepers} ]; do cat <&3 >/dev/null & i=$((i+1)); done && \
             echo ready && read line"
        );
        Self::begin(Command::new("sh").args(["-c", &script]))
    }

    /// The same, whose first process becomes `program`, which says `ready` on a line of its own
    /// once it is, and ends with its input.
    ///
    /// # Errors
    /// As [`Self::of`], or the program can't be run.
    pub fn with_program(uid: u32, program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let script = r#"echo "$0" > /proc/self/loginuid && exec "$@""#;
        let mut command = Command::new("sh");
        command.args(["-c", script, &uid.to_string()]).arg(program);
        Self::begin(command.args(arguments))
    }

    fn begin(command: &mut Command) -> io::Result<Self> {
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut login = Self { child };
        let mut line = String::new();
        if let Some(stdout) = login.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        match line.as_str() {
            "ready\n" => Ok(login),
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Id of its first process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The number that the kernel gave.
    ///
    /// # Errors
    /// The process has ended.
    pub fn audit(&self) -> io::Result<u32> {
        let file = format!("/proc/{}/sessionid", self.pid());
        let number = std::fs::read_to_string(file)?;
        number.trim().parse().map_err(io::Error::other)
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_sleep_are_of_the_login_and_end_with_it() {
        if !Login::is_possible("that logins with more processes can be made for other tests") {
            return;
        }
        let login = Login::with_sleepers(own_uid(1), 3).unwrap();
        let audit = login.audit().unwrap().to_string();
        let members = || {
            let processes = std::fs::read_dir("/proc").unwrap().flatten();
            let of = |path: std::path::PathBuf| {
                let read = |file| std::fs::read_to_string(path.join(file)).unwrap_or_default();
                // One that ended has no command, also where nobody asked how it ended.
                (read("sessionid").trim() == audit) && !read("cmdline").is_empty()
            };
            processes.filter(|one| of(one.path())).count()
        };
        let become_so_many = |expected| {
            let begun = std::time::Instant::now();
            // One that just becomes another program has no command for that moment.
            while members() != expected {
                assert!(begun.elapsed() < std::time::Duration::from_secs(20));
                std::thread::yield_now();
            }
        };
        become_so_many(4);
        drop(login);
        become_so_many(0);
    }

    #[test]
    fn a_program_that_is_logged_in_is_the_first_of_its_login() {
        if !Login::is_possible("that programs can be logged in for benchmarks") {
            return;
        }
        let says = ["-c", "echo ready; read line"];
        let login = Login::with_program(own_uid(2), Path::new("/bin/sh"), &says).unwrap();
        let command = std::fs::read(format!("/proc/{}/cmdline", login.pid())).unwrap();
        assert_eq!(command, b"/bin/sh\0-c\0echo ready; read line\0");
        assert_ne!(login.audit().unwrap(), u32::MAX);
        let silent = Login::with_program(own_uid(2), Path::new("/bin/true"), &[]);
        assert!(silent.is_err());
    }

    #[test]
    fn two_logins_of_one_user_have_numbers_of_their_own() {
        if !Login::is_possible("that logins can be made for other tests") {
            return;
        }
        let (one, two) = (
            Login::of(own_uid(0)).unwrap(),
            Login::of(own_uid(0)).unwrap(),
        );
        assert_ne!(one.audit().unwrap(), two.audit().unwrap());
    }
}
