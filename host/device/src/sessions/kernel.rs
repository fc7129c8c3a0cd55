//! The kernel's audit session ids: each login gets a number that its processes inherit.
//!
//! The kernel tells nobody when a login begins or ends, so it must be looked for. A *look*
//! costs some microseconds where nothing happens: process ids are given in turn, so
//! `loadavg` tells which are new, and they alone are read. That a login ended shows in its
//! first process. A *scan* goes through all processes; it follows a look that found
//! something, or one before which too much happened, and is made now and then.

mod leader;
mod tasks;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_core::{
    session::{MOST_SESSIONS, Seen},
    time::Timestamp,
};

use super::{
    client,
    process::{self, Gone, Login},
};
use crate::Privileged;
use leader::Leader;
use tasks::{LoadAverage, Tasks};

/// So long a process without a login is looked at again each time: a login gets its number
/// some moments after the process that serves it was made.
const YOUNG: Duration = Duration::from_secs(5);
/// After this time everything is read again. It finds a number that was given to an old
/// process which has made none since: programs that log users in make one at once.
const THOROUGH: Duration = Duration::from_secs(120);
/// New ids that a look reads. Where more came, going through all processes costs less.
const MOST_READ: usize = 64;
/// How far up the parents of a process are asked for its login.
const MOST_ANCESTORS: usize = 16;

/// Looks for logins; remembers what it has read.
#[derive(Debug)]
pub(super) struct Scanner {
    proc: PathBuf,
    privileged: Option<Arc<Privileged>>,
    load: LoadAverage,
    /// Up to where new processes were read.
    tasks: Option<Tasks>,
    processes: BTreeMap<u32, Option<Login>>,
    /// Those without a login that may yet get one, and when they were first seen.
    young: BTreeMap<u32, Instant>,
    /// Audit session id → its first process.
    leaders: BTreeMap<u32, Leader>,
    /// Other processes whose end is of interest.
    watched: BTreeSet<u32>,
    /// When the machine was started, by a clock that may have been set since.
    boot: Option<Timestamp>,
    thorough_at: Option<Instant>,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// No process came or went.
    Calm,
    /// Some did, or are young; none that is of interest.
    Stirred,
    /// A scan would find something, or it is time for one.
    Due,
}

/// Whose a new process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newcomer {
    OfNewLogin,
    /// It shows at which terminal its login is.
    WithTerminal,
    OfTheKernel,
    Other,
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
    /// `privileged` looks at what this process may not, where there is one.
    pub(super) fn new(proc: PathBuf, privileged: Option<Arc<Privileged>>) -> Self {
        Self {
            load: LoadAverage::new(&proc),
            proc,
            privileged,
            tasks: None,
            processes: BTreeMap::new(),
            young: BTreeMap::new(),
            leaders: BTreeMap::new(),
            watched: BTreeSet::new(),
            boot: None,
            thorough_at: None,
        }
    }

    /// Whether this kernel numbers logins (`CONFIG_AUDIT`).
    pub(super) fn is_there(&self) -> bool {
        self.proc.join("self/sessionid").exists()
    }

    /// Also watches these processes for their end, and no longer those it was told before.
    pub(super) fn watch(&mut self, pids: BTreeSet<u32>) {
        self.watched = pids;
    }

    /// Looks whether a scan would find something new.
    pub(super) fn look(&mut self, now: Instant) -> Look {
        if self.thorough_at.is_none_or(|at| now >= at) {
            return Look::Due;
        }
        let (Some(before), Some(tasks)) = (self.tasks, self.load.tasks()) else {
            return Look::Due;
        };
        if tasks == before && self.young.is_empty() {
            return Look::Calm;
        }
        let given = tasks.ids_since(before);
        if given.iter().cloned().flatten().nth(MOST_READ).is_some() {
            return Look::Due;
        }
        self.tasks = Some(tasks);
        let mut found = self.read_young_again(now);
        let mut stirred = tasks.count < before.count;
        for pid in given.into_iter().flatten() {
            match self.read_new(pid, now) {
                Newcomer::OfNewLogin | Newcomer::WithTerminal => found = true,
                Newcomer::OfTheKernel => {}
                Newcomer::Other => stirred = true,
            }
        }
        if found || (tasks != before && self.has_one_ended()) {
            return Look::Due;
        }
        if stirred || !self.young.is_empty() {
            Look::Stirred
        } else {
            Look::Calm
        }
    }

    /// Goes through all processes, and reads those of which it does not know the login.
    pub(super) fn scan(&mut self, now: Instant) -> io::Result<Found> {
        // Read before the processes: what happens meanwhile makes the next scan due.
        let before = self.tasks;
        self.tasks = self.load.tasks();
        if self.thorough_at.is_none_or(|at| now >= at) {
            self.thorough_at = now.checked_add(THOROUGH);
            self.boot = boot_time(&self.proc);
            for (pid, login) in &mut self.processes {
                *login = process::login(&self.proc, *pid).unwrap_or_default();
            }
        }
        let running = process::all(&self.proc)?;
        self.forget_given_since(before);
        self.processes
            .retain(|pid, _| running.binary_search(pid).is_ok());
        self.read_young_again(now);
        for pid in &running {
            if !self.processes.contains_key(pid) {
                // Gone again, or not to be looked at: then it has no login.
                let _ = self.read(*pid, now);
            }
        }
        self.read_ancestors();
        let (seen, cut) = self.sessions(now);
        Ok(Found { seen, cut, running })
    }

    /// The login from which a process that was running at the last scan descends.
    pub(super) fn login(&self, pid: u32) -> Option<Login> {
        *self.processes.get(&pid)?
    }

    /// An id that was given since may be that of another process by now.
    fn forget_given_since(&mut self, before: Option<Tasks>) {
        let (Some(before), Some(tasks)) = (before, self.tasks) else {
            return;
        };
        for given in tasks.ids_since(before) {
            if given.is_empty() {
                continue;
            }
            let known: Vec<u32> = self.processes.range(given).map(|(pid, _)| *pid).collect();
            for pid in known {
                self.processes.remove(&pid);
                self.young.remove(&pid);
            }
        }
    }

    /// Reads a process whose login is not known.
    fn read(&mut self, pid: u32, now: Instant) -> Result<Option<Login>, Gone> {
        let read = process::login(&self.proc, pid);
        let login = read.unwrap_or_default();
        self.processes.insert(pid, login);
        if login.is_none() {
            self.young.entry(pid).or_insert(now);
        }
        read
    }

    /// Reads what has an id that was just given. It can be a thread, which the next scan
    /// forgets, or gone already.
    fn read_new(&mut self, pid: u32, now: Instant) -> Newcomer {
        self.young.remove(&pid);
        match self.read(pid, now) {
            Ok(Some(login)) => match self.leaders.get(&login.audit) {
                None => Newcomer::OfNewLogin,
                Some(leader) if leader.awaits_terminal(now) && self.has_terminal(pid) => {
                    Newcomer::WithTerminal
                }
                Some(_) => Newcomer::Other,
            },
            // The kernel makes and ends workers for itself all the time.
            Ok(None) if process::birth(&self.proc, pid).is_some_and(|birth| birth.is_kernels) => {
                self.young.remove(&pid);
                Newcomer::OfTheKernel
            }
            Ok(None) => Newcomer::Other,
            Err(Gone) => {
                self.processes.remove(&pid);
                self.young.remove(&pid);
                Newcomer::Other
            }
        }
    }

    fn has_terminal(&self, pid: u32) -> bool {
        process::birth(&self.proc, pid).is_some_and(|birth| birth.terminal.is_some())
    }

    /// Whether one of them has a login by now.
    fn read_young_again(&mut self, now: Instant) -> bool {
        let mut found = false;
        let (proc, processes) = (&self.proc, &mut self.processes);
        self.young.retain(|pid, first_seen| {
            let read = process::login(proc, *pid);
            if let Ok(Some(login)) = read {
                processes.insert(*pid, Some(login));
                found = true;
            }
            read == Ok(None) && now.duration_since(*first_seen) < YOUNG
        });
        found
    }

    /// Whether the first process of a login, or one that is watched, is gone.
    fn has_one_ended(&self) -> bool {
        let leaders = self.leaders.values().map(|leader| leader.pid);
        let mut watched = leaders.chain(self.watched.iter().copied());
        watched.any(|pid| !process::exists(&self.proc, pid))
    }

    /// What logs a user in can be old when it gets the number, and is found by the process
    /// that it makes then.
    fn read_ancestors(&mut self) {
        let fresh: Vec<(u32, Login)> = self
            .processes
            .iter()
            .filter_map(|(pid, login)| Some((*pid, (*login)?)))
            .filter(|(_, login)| !self.leaders.contains_key(&login.audit))
            .collect();
        for (mut pid, login) in fresh {
            for _ in 0..MOST_ANCESTORS {
                let Some(birth) = process::birth(&self.proc, pid) else {
                    break;
                };
                pid = birth.parent;
                if process::login(&self.proc, pid) != Ok(Some(login)) {
                    break;
                }
                self.processes.insert(pid, Some(login));
            }
        }
    }

    fn sessions(&mut self, now: Instant) -> (Vec<Seen>, usize) {
        let mut logins: BTreeMap<u32, (u32, BTreeSet<u32>)> = BTreeMap::new();
        for (pid, login) in &self.processes {
            if let Some(login) = login {
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
            let leader = match self.leaders.entry(*audit) {
                Entry::Vacant(unknown) => {
                    let privileged = self.privileged.as_deref();
                    let client = |pid| client::of(privileged, &self.proc, pid);
                    let leader = Leader::of(&self.proc, pids, boot, now);
                    unknown.insert(leader.with_client(client))
                }
                Entry::Occupied(known) => {
                    let leader = known.into_mut();
                    if leader.awaits_terminal(now) {
                        leader.look_for_terminal(&self.proc, pids);
                    }
                    leader
                }
            };
            if !leader.serves_user {
                seen.push(leader.to_seen(*audit, *uid));
            }
        }
        let cut = seen.len().saturating_sub(MOST_SESSIONS);
        seen.truncate(MOST_SESSIONS);
        (seen, cut)
    }
}

fn boot_time(proc: &Path) -> Option<Timestamp> {
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    let seconds: u64 = seconds.trim().parse().ok()?;
    Some(Timestamp::from_ms(seconds.saturating_mul(1_000)))
}
