//! The first process of a login, which tells how its user came.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::Path,
    time::{Duration, Instant},
};

use bailiwick_core::{
    session::{Remote, Seen, SessionKind, SessionState, Source},
    time::Timestamp,
};

use super::YOUNG;
use crate::sessions::process::{self, Birth};

/// The unit of times in `stat`: a hundredth of a second, whatever the kernel's own clock.
const MS_PER_TICK: u64 = 10;

/// The first process of a login.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    pub(super) pid: u32,
    name: String,
    since: Option<Timestamp>,
    /// The terminal of the oldest process that has one: what serves a login from elsewhere has
    /// none itself, and makes what has some moments later.
    terminal: Option<String>,
    found: Instant,
    client: Option<IpAddr>,
    /// Its login is that of a user's services.
    pub(super) serves_user: bool,
}

impl Leader {
    /// Of the processes of one login the one that was born first.
    pub(super) fn of(
        proc: &Path,
        pids: &BTreeSet<u32>,
        boot: Option<Timestamp>,
        now: Instant,
    ) -> Self {
        let births = births(proc, pids);
        let terminal = terminal(&births);
        let Some((pid, birth)) = births.into_iter().next() else {
            // All of them are gone already; the next look will find that out.
            return Self {
                pid: pids.first().copied().unwrap_or_default(),
                name: String::new(),
                since: None,
                terminal: None,
                found: now,
                client: None,
                serves_user: false,
            };
        };
        let age = Duration::from_millis(birth.ticks.saturating_mul(MS_PER_TICK));
        Self {
            pid,
            name: birth.name,
            since: boot.map(|boot| boot.after(age)),
            terminal,
            found: now,
            client: None,
            serves_user: process::marks(proc, pid).is_some_and(|marks| marks.is_user_service()),
        }
    }

    /// The same, with the other end of the connection that it serves, if it serves one.
    pub(super) fn with_client(self, client: impl FnOnce(u32) -> Option<IpAddr>) -> Self {
        match kind(&self.name) {
            Some(SessionKind::Remote(_)) => Self {
                client: client(self.pid),
                ..self
            },
            _ => self,
        }
    }

    /// Whether its login may yet get a terminal.
    pub(super) fn awaits_terminal(&self, now: Instant) -> bool {
        self.terminal.is_none() && now.duration_since(self.found) < YOUNG
    }

    /// Looks for a terminal among its login's processes by now.
    pub(super) fn look_for_terminal(&mut self, proc: &Path, pids: &BTreeSet<u32>) {
        self.terminal = terminal(&births(proc, pids));
    }

    pub(super) fn to_seen(&self, audit: u32, uid: u32) -> Seen {
        Seen {
            audit: Some(audit),
            leader: Some(self.pid),
            kind: kind(&self.name),
            state: Some(SessionState::Active),
            since: self.since,
            terminal: self.terminal.clone(),
            client_address: self.client,
            ..Seen::new(Source::Kernel, uid)
        }
    }
}

/// These of them that still run, the oldest first.
fn births(proc: &Path, pids: &BTreeSet<u32>) -> Vec<(u32, Birth)> {
    let births = pids
        .iter()
        .filter_map(|pid| Some((*pid, process::birth(proc, *pid)?)));
    let mut births: Vec<(u32, Birth)> = births.collect();
    births.sort_by_key(|(_, birth)| birth.ticks);
    births
}

fn terminal(births: &[(u32, Birth)]) -> Option<String> {
    births.iter().find_map(|(_, birth)| birth.terminal.clone())
}

/// What serves a login tells how the user came. The kernel cuts names to 15 bytes.
fn kind(leader: &str) -> Option<SessionKind> {
    match leader {
        "sshd" | "sshd-session" | "dropbear" => Some(SessionKind::Remote(Remote::Ssh)),
        "xrdp-sesman" | "xrdp-sesexec" => Some(SessionKind::Remote(Remote::Rdp)),
        "vncsession" => Some(SessionKind::Remote(Remote::Vnc)),
        "cockpit-session" | "telnetd" | "in.telnetd" => Some(SessionKind::Remote(Remote::Other)),
        "login" | "agetty" => Some(SessionKind::Console),
        "gdm-session-wor" | "sddm-helper" | "lightdm" | "greetd" | "xdm" | "lxdm-session" => {
            Some(SessionKind::Graphical)
        }
        "cron" | "crond" | "atd" => Some(SessionKind::Background),
        _ => None,
    }
}
