//! A process of its own that becomes the user and tells them, for an agent that may neither become
//! anybody nor write to a terminal: see `privileged`. All that it can do is what the user can.

use std::{
    io::{self, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use rustix::{
    process::{Gid, Uid, geteuid},
    thread::{set_no_new_privs, set_thread_gid, set_thread_groups, set_thread_uid},
};
use tokio::io::AsyncReadExt as _;

use super::{notification, terminal};
use crate::{
    exec::{line, user},
    privileged::{Privileged, Request},
};

/// Longest time until it has answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest reason that it gives, in bytes.
const LONGEST: u64 = 1_024;
/// What it says when the user was told.
const TOLD: &[u8] = b"+";

/// To whom, and which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) uid: u32,
    /// The terminal's path; none for the user's desktop.
    pub(super) terminal: Option<String>,
    /// The user's runtime folder, where the bus of the desktop is.
    pub(super) folder: String,
}

/// Has `privileged` start one, and waits for what it says. Whoever drops this ends it.
pub(super) async fn tell(
    privileged: &Privileged,
    way: &Way,
    heading: &str,
    text: &str,
) -> Result<(), String> {
    let asked = async {
        let (end, its_end) = UnixStream::pair()?;
        let (its_input, mut input) = io::pipe()?;
        let (output, its_output) = UnixStream::pair()?;
        let errors: OwnedFd = std::fs::File::open("/dev/null")?.into();
        let parts = [
            way.uid.to_string(),
            way.terminal.clone().unwrap_or_default(),
            way.folder.clone(),
            heading.to_owned(),
            text.to_owned(),
        ];
        // It fits into the pipe, whoever reads it.
        let parts: Vec<_> = parts.into_iter().map(String::into_bytes).collect();
        line::write(&mut input, &parts)?;
        let with = [
            its_end.as_fd(),
            its_input.as_fd(),
            its_output.as_fd(),
            errors.as_fd(),
        ];
        privileged.send(&Request::Teller, &with)?;
        drop((its_end, its_input, its_output, errors, input));
        output.set_nonblocking(true)?;
        let mut said = Vec::new();
        let output = tokio::net::UnixStream::from_std(output)?;
        output.take(LONGEST).read_to_end(&mut said).await?;
        // Until here somebody waits for it.
        drop(end);
        io::Result::Ok(said)
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(said)) if said == TOLD => Ok(()),
        Ok(Ok(said)) if said.is_empty() => Err("who tells users could not be started".to_owned()),
        Ok(Ok(said)) => Err(String::from_utf8_lossy(&said).into_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("who tells users did not answer".to_owned()),
    }
}

/// Tells, as standard input says, and says on standard output whether that was done. For a process
/// of one thread that nothing else is expected of.
pub(crate) fn serve() -> io::Result<()> {
    let parts = line::read(&mut io::stdin().lock())?;
    let said = match told(&parts) {
        Ok(()) => TOLD.to_vec(),
        Err(reason) => reason.into_bytes(),
    };
    io::stdout().write_all(&said)
}

fn told(parts: &[Vec<u8>]) -> Result<(), String> {
    let texts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| std::str::from_utf8(part).ok())
        .collect();
    let Some([uid, terminal, folder, heading, text]) = texts.as_deref() else {
        return Err("the order is no order".to_owned());
    };
    let uid = uid.parse().map_err(|_| "the order names nobody")?;
    become_user(uid)?;
    match *terminal {
        "" => notification::as_user(Path::new(folder), uid, heading, text),
        terminal => terminal::write(Path::new(terminal), uid, heading, text),
    }
}

/// For good: what it does from here on, the user can do.
fn become_user(uid: u32) -> Result<(), String> {
    let failed = |error: rustix::io::Errno| format!("the user can't be told: {error}");
    if geteuid().as_raw() != uid {
        let account = user::person(uid)?.account;
        let groups: Vec<Gid> = account
            .groups
            .iter()
            .map(|gid| Gid::from_raw(*gid))
            .collect();
        set_thread_groups(&groups).map_err(failed)?;
        set_thread_gid(Gid::from_raw(account.gid)).map_err(failed)?;
        set_thread_uid(Uid::from_raw(account.uid)).map_err(failed)?;
    }
    set_no_new_privs(true).map_err(failed)
}
