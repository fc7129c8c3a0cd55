//! The first process of a login, which tells how its user came.

use std::{collections::BTreeSet, path::Path, time::Duration};

use bailiwick_core::{
    session::{Remote, Seen, SessionKind, SessionState, Source},
    time::Timestamp,
};

use crate::sessions::process;

/// The unit of times in `stat`: a hundredth of a second, whatever the kernel's own clock.
const MS_PER_TICK: u64 = 10;

/// The first process of a login.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    pub(super) pid: u32,
    name: String,
    since: Option<Timestamp>,
    /// Its login is that of a user's services.
    pub(super) serves_user: bool,
}

impl Leader {
    /// Of the processes of one login the one that was born first.
    pub(super) fn of(proc: &Path, pids: &BTreeSet<u32>, boot: Option<Timestamp>) -> Self {
        let births = pids
            .iter()
            .filter_map(|pid| Some((*pid, process::birth(proc, *pid)?)));
        let Some((pid, birth)) = births.min_by_key(|(_, birth)| birth.ticks) else {
            // All of them are gone already; the next look will find that out.
            return Self {
                pid: pids.first().copied().unwrap_or_default(),
                name: String::new(),
                since: None,
                serves_user: false,
            };
        };
        let age = Duration::from_millis(birth.ticks.saturating_mul(MS_PER_TICK));
        Self {
            pid,
            name: birth.name,
            since: boot.map(|boot| boot.after(age)),
            serves_user: process::marks(proc, pid).is_some_and(|marks| marks.is_user_service()),
        }
    }

    pub(super) fn to_seen(&self, audit: u32, uid: u32) -> Seen {
        Seen {
            audit: Some(audit),
            leader: Some(self.pid),
            kind: kind(&self.name),
            state: Some(SessionState::Active),
            since: self.since,
            ..Seen::new(Source::Kernel, uid)
        }
    }
}

/// What serves a login tells how the user came. The kernel cuts names to 15 bytes.
fn kind(leader: &str) -> Option<SessionKind> {
    match leader {
        "sshd" | "sshd-session" | "dropbear" => Some(SessionKind::Remote(Remote::Ssh)),
        "xrdp-sesman" | "xrdp-sesexec" => Some(SessionKind::Remote(Remote::Rdp)),
        "login" | "agetty" => Some(SessionKind::Console),
        "gdm-session-wor" | "sddm-helper" | "lightdm" | "greetd" | "xdm" | "lxdm-session" => {
            Some(SessionKind::Graphical)
        }
        "cron" | "crond" | "atd" => Some(SessionKind::Background),
        _ => None,
    }
}
