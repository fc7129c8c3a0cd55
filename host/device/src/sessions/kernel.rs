//! The kernel's audit session ids: each login gets a number that its processes inherit.
//!
//! The kernel tells nobody when a login begins or ends, so it must be looked for. What that
//! costs is kept small: nothing is read of processes that are known to belong to a login,
//! nor of those that have lived for a while without one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bailiwick_core::{
    session::{MOST_SESSIONS, Remote, Seen, SessionKind, SessionState, Source},
    time::Timestamp,
};

use super::process::{self, Login};

/// So long a process without a login is looked at again in each scan: a login gets its
/// number some moments after the process that serves it was made.
const YOUNG: Duration = Duration::from_secs(10);
/// After this time everything is read again. It finds a number that was given to an old
/// process which made none since, and a process id that was used again within two scans.
const THOROUGH: Duration = Duration::from_secs(30);
/// The unit of times in `stat`: a hundredth of a second, whatever the kernel's own clock.
const MS_PER_TICK: u64 = 10;

/// Looks for logins; remembers what it has read.
#[derive(Debug)]
pub(super) struct Scanner {
    proc: PathBuf,
    processes: BTreeMap<u32, Known>,
    /// Audit session id → its first process.
    leaders: BTreeMap<u32, Leader>,
    /// What `loadavg` said at the last scan: the number of tasks and the last process id.
    tasks: String,
    /// When the machine was started, by a clock that may have been set since.
    boot: Option<Timestamp>,
    thorough_at: Option<Instant>,
}

/// A process that was looked at.
#[derive(Debug)]
struct Known {
    login: Option<Login>,
    first_seen: Instant,
}

/// The first process of a login.
#[derive(Clone, Debug)]
struct Leader {
    pid: u32,
    name: String,
    since: Option<Timestamp>,
    /// Its login is that of a user's services.
    serves_user: bool,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) seen: Vec<Seen>,
    pub(super) cut: usize,
    /// Ids of all processes, in order.
    pub(super) running: Vec<u32>,
}

impl Scanner {
    pub(super) fn new(proc: PathBuf) -> Self {
        Self {
            proc,
            processes: BTreeMap::new(),
            leaders: BTreeMap::new(),
            tasks: String::new(),
            boot: None,
            thorough_at: None,
        }
    }

    /// Whether this kernel numbers logins (`CONFIG_AUDIT`).
    pub(super) fn is_there(&self) -> bool {
        self.proc.join("self/sessionid").exists()
    }

    /// Whether a scan would find something new. One short read where nothing happens, and
    /// one more per process that is young.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        self.thorough_at.is_none_or(|at| now >= at)
            || self.tasks.is_empty()
            || self.tasks != tasks(&self.proc)
            || self.read_young_again(now)
    }

    /// Looks at every process that may have a login by now.
    pub(super) fn scan(&mut self, now: Instant) -> io::Result<Found> {
        // Read before the processes: what happens meanwhile makes the next scan due.
        self.tasks = tasks(&self.proc);
        if self.thorough_at.is_none_or(|at| now >= at) {
            self.thorough_at = now.checked_add(THOROUGH);
            for known in self.processes.values_mut() {
                known.login = None;
            }
            self.boot = boot_time(&self.proc);
            self.read_again(|_| true);
        }
        let running = process::all(&self.proc)?;
        self.processes
            .retain(|pid, _| running.binary_search(pid).is_ok());
        self.read_young_again(now);
        for pid in &running {
            self.processes.entry(*pid).or_insert_with(|| Known {
                login: process::login(&self.proc, *pid),
                first_seen: now,
            });
        }
        let (seen, cut) = self.sessions();
        Ok(Found { seen, cut, running })
    }

    /// The login from which a process that was running at the last scan descends.
    pub(super) fn login(&self, pid: u32) -> Option<Login> {
        self.processes.get(&pid)?.login
    }

    /// Whether one of them has a login by now.
    fn read_young_again(&mut self, now: Instant) -> bool {
        self.read_again(|known| now.duration_since(known.first_seen) < YOUNG)
    }

    fn read_again(&mut self, may_have_changed: impl Fn(&Known) -> bool) -> bool {
        let mut found = false;
        for (pid, known) in &mut self.processes {
            if known.login.is_none() && may_have_changed(known) {
                known.login = process::login(&self.proc, *pid);
                found |= known.login.is_some();
            }
        }
        found
    }

    fn sessions(&mut self) -> (Vec<Seen>, usize) {
        let mut logins: BTreeMap<u32, (u32, BTreeSet<u32>)> = BTreeMap::new();
        for (pid, known) in &self.processes {
            if let Some(login) = known.login {
                let entry = logins
                    .entry(login.audit)
                    .or_insert((login.uid, BTreeSet::new()));
                entry.1.insert(*pid);
            }
        }
        self.leaders.retain(|audit, leader| {
            logins
                .get(audit)
                .is_some_and(|(_, pids)| pids.contains(&leader.pid))
        });
        let boot = self.boot;
        let mut seen = Vec::new();
        for (audit, (uid, pids)) in &logins {
            let leader = self
                .leaders
                .entry(*audit)
                .or_insert_with(|| Leader::of(&self.proc, pids, boot));
            if !leader.serves_user {
                seen.push(leader.to_seen(*audit, *uid));
            }
        }
        let cut = seen.len().saturating_sub(MOST_SESSIONS);
        seen.truncate(MOST_SESSIONS);
        (seen, cut)
    }
}

impl Leader {
    /// Of the processes of one login the one that was born first.
    fn of(proc: &Path, pids: &BTreeSet<u32>, boot: Option<Timestamp>) -> Self {
        let births = pids
            .iter()
            .filter_map(|pid| Some((*pid, process::birth(proc, *pid)?)));
        let Some((pid, birth)) = births.min_by_key(|(_, birth)| birth.ticks) else {
            // All of them are gone already; the next scan will find that out.
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

    fn to_seen(&self, audit: u32, uid: u32) -> Seen {
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

/// The fields of `loadavg` that change with every process that is made and with every task
/// that ends.
fn tasks(proc: &Path) -> String {
    let text = fs::read_to_string(proc.join("loadavg")).unwrap_or_default();
    let mut fields = text.split_whitespace().skip(3);
    let tasks = fields.next().and_then(|tasks| tasks.split_once('/'));
    match (tasks, fields.next()) {
        (Some((_, tasks)), Some(last)) => format!("{tasks} {last}"),
        _ => String::new(),
    }
}

fn boot_time(proc: &Path) -> Option<Timestamp> {
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    let seconds: u64 = seconds.trim().parse().ok()?;
    Some(Timestamp::from_ms(seconds.saturating_mul(1_000)))
}
