//! Sessions on Linux: logind where it answers, else what the kernel and utmp tell.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use bailiwick_core::{
    ports::{BoxFuture, Sessions, UnavailableError},
    session::{ProcessMarks, Reading, Seen, Source},
};
use tokio::time::{sleep, timeout};

use super::{
    bus::{self, BusError},
    kernel::{Look, Scanner},
    logind::Logind,
    process,
    rest::{CALM, Expected, Rest, Teller},
    users::Users,
    utmp,
};
use crate::{Privileged, blocking::ask};

/// For everything that is asked of logind in one reading.
const PATIENCE: Duration = Duration::from_secs(5);
/// After logind or the bus gave an answer of no use. Where nothing listens at all it is tried
/// at each look that finds the machine stirred.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// So long after processes came or went everything is looked at: a program listens, and
/// writes its files, some moments after it was made.
const STIRRED: Duration = Duration::from_secs(5);
/// After the privileged process found nobody who listens: to ask it takes starting a process.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);
/// A login makes several signals: they are waited for, so that it is read once. It also
/// bounds what users cost who change their sessions as fast as they can.
const GATHER: Duration = Duration::from_millis(250);
/// logind that is upgraded is away for some tenths of a second. To ask the kernel meanwhile
/// would open and close again what only one of them counts as a session.
const GRACE: Duration = Duration::from_secs(1);
/// As the port says.
const MOST_PROCESSES: usize = 65_536;

/// Where things are; elsewhere in tests.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) proc: PathBuf,
    pub(super) utmp: PathBuf,
    pub(super) accounts: PathBuf,
    /// Address of the system bus.
    pub(super) bus: String,
    /// Who tells of the processes in `proc`.
    pub(super) teller: Teller,
}

/// The sessions of this machine.
pub struct DeviceSessions {
    link: tokio::sync::Mutex<Link>,
    fallback: Arc<Mutex<Fallback>>,
    places: Places,
}

/// The connection to logind's bus.
struct Link {
    logind: Option<Logind>,
    /// Not before.
    again_at: Option<Instant>,
    /// Why logind does not answer; empty while it does.
    remark: String,
    rest: Rest,
}

/// What is used where there is no logind.
struct Fallback {
    scanner: Scanner,
    users: Users,
    utmp: PathBuf,
    utmp_state: Option<(SystemTime, u64)>,
    /// First processes of sessions that logind told of: while it does not answer, their end
    /// is that of their sessions.
    of_logind: BTreeSet<u32>,
    /// Until when the machine counts as stirred.
    calm_at: Option<Instant>,
    looked_at_everything: Option<Instant>,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looked {
    /// There is something new to read, or it is time for it.
    is_due: bool,
    /// It is worth trying whether somebody listens on the bus.
    is_stirred: bool,
    expected: Expected,
}

impl DeviceSessions {
    /// The sources of this machine; none is asked yet.
    pub fn new() -> Self {
        Self::told_by(Teller::Kernel(None))
    }

    /// The same, where `privileged` opens what this process may not.
    pub fn through(privileged: Arc<Privileged>) -> Self {
        Self::told_by(Teller::Kernel(Some(privileged)))
    }

    fn told_by(teller: Teller) -> Self {
        Self::at(Places {
            proc: "/proc".into(),
            utmp: "/run/utmp".into(),
            accounts: "/etc/passwd".into(),
            bus: bus::address(),
            teller,
        })
    }

    pub(super) fn at(places: Places) -> Self {
        Self {
            link: tokio::sync::Mutex::new(Link {
                logind: None,
                again_at: None,
                remark: String::new(),
                rest: Rest::new(places.teller.clone()),
            }),
            fallback: Arc::new(Mutex::new(Fallback {
                scanner: Scanner::new(places.proc.clone(), places.teller.privileged()),
                users: Users::new(places.accounts.clone()),
                utmp: places.utmp.clone(),
                utmp_state: None,
                of_logind: BTreeSet::new(),
                calm_at: None,
                looked_at_everything: None,
            })),
            places,
        }
    }

    async fn fall_back(&self, remark: String) -> Reading {
        let fallback = Arc::clone(&self.fallback);
        let read = tokio::task::spawn_blocking(move || {
            let mut fallback = fallback.lock().unwrap_or_else(PoisonError::into_inner);
            fallback.read(remark)
        });
        read.await.unwrap_or_else(|error| Reading {
            remark: format!("reading the sessions was interrupted: {error}"),
            ..Reading::default()
        })
    }

    /// Whether the kernel or utmp may tell something new.
    fn look(&self) -> Looked {
        self.fallback().look(Instant::now())
    }

    fn fallback(&self) -> MutexGuard<'_, Fallback> {
        self.fallback.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for DeviceSessions {
    fn default() -> Self {
        Self::new()
    }
}

impl Sessions for DeviceSessions {
    fn observe(&self) -> BoxFuture<'_, Reading> {
        Box::pin(async move {
            let mut link = self.link.lock().await;
            link.connect(&self.places).await;
            match link.read().await {
                Some(reading) => {
                    self.fallback().of_logind = leaders(&reading.seen).collect();
                    reading
                }
                None => self.fall_back(link.remark.clone()).await,
            }
        })
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut link = self.link.lock().await;
            let link = &mut *link;
            // What came since the last reading was not looked for yet.
            let mut expected = Expected::More;
            loop {
                match &mut link.logind {
                    Some(logind) if logind.is_present() => {
                        let heard = if logind.is_outdated() {
                            Ok(())
                        } else {
                            logind.changed().await
                        };
                        link.heard(heard);
                        sleep(if link.is_present() { GATHER } else { GRACE }).await;
                        return;
                    }
                    // Its bus tells when logind comes.
                    Some(logind) => tokio::select! {
                        heard = logind.changed() => {
                            link.heard(heard);
                            return;
                        }
                        () = link.rest.wait(expected) => {}
                    },
                    None => link.rest.wait(expected).await,
                }
                let looked = self.look();
                expected = looked.expected;
                if link.logind.is_none() && looked.is_stirred {
                    link.connect(&self.places).await;
                    if link.logind.is_some() {
                        return;
                    }
                }
                if looked.is_due {
                    return;
                }
            }
        })
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<ProcessMarks>, UnavailableError>> {
        let proc = self.places.proc.clone();
        Box::pin(ask("the processes' sessions", move || {
            let pids = process::all(&proc).map_err(|error| error.to_string())?;
            let pids = pids.into_iter().take(MOST_PROCESSES);
            Ok(pids.filter_map(|pid| process::marks(&proc, pid)).collect())
        }))
    }
}

impl Link {
    /// Makes the connection if there is none and it is time.
    async fn connect(&mut self, places: &Places) {
        let now = Instant::now();
        if self.logind.is_some() || self.again_at.is_some_and(|at| now < at) {
            return;
        }
        let privileged = places.teller.privileged();
        let connected = Logind::connect(privileged.as_deref(), &places.bus);
        match timeout(PATIENCE, connected).await {
            Ok(Ok(logind)) => self.logind = Some(logind),
            Ok(Err(error)) => self.lose(&error),
            Err(_) => self.stalled(),
        }
    }

    /// What logind tells; none if it does not answer, and then the remark says why.
    async fn read(&mut self) -> Option<Reading> {
        // Taken out, so that a connection on which a question was not sent to its end, since
        // this was dropped, is never used again.
        let mut logind = self.logind.take()?;
        match timeout(PATIENCE, logind.sessions()).await {
            Ok(Ok(Some(told))) => {
                self.logind = Some(logind);
                self.remark.clear();
                Some(Reading {
                    consulted: [Source::Logind].into(),
                    seen: told.seen,
                    cut: told.cut,
                    ..Reading::default()
                })
            }
            Ok(Ok(None)) => {
                self.logind = Some(logind);
                "logind does not run".clone_into(&mut self.remark);
                None
            }
            Ok(Err(error)) => {
                self.lose(&error);
                None
            }
            Err(_) => {
                self.stalled();
                None
            }
        }
    }

    fn is_present(&self) -> bool {
        self.logind.as_ref().is_some_and(Logind::is_present)
    }

    fn heard(&mut self, heard: Result<(), BusError>) {
        if let Err(error) = heard {
            self.lose(&error);
        }
    }

    fn lose(&mut self, error: &BusError) {
        self.logind = None;
        self.remark = format!("logind can't be asked: {error}");
        let pause = match error {
            BusError::Unreachable { .. } | BusError::Lost(_) => None,
            BusError::NotOpened(_) => Some(AFTER_REFUSAL),
            _ => Some(AFTER_FAILURE),
        };
        self.again_at = pause.and_then(|pause| Instant::now().checked_add(pause));
    }

    fn stalled(&mut self) {
        self.logind = None;
        self.remark = format!("logind did not answer within {PATIENCE:?}");
        self.again_at = Instant::now().checked_add(AFTER_FAILURE);
    }
}

impl Fallback {
    fn look(&mut self, now: Instant) -> Looked {
        let look = self.scanner.look(now);
        if look != Look::Calm {
            self.calm_at = now.checked_add(STIRRED);
        }
        let expected = match self.calm_at {
            Some(at) if now < at => Expected::More,
            _ => Expected::Nothing,
        };
        let is_stirred = expected == Expected::More
            || self
                .looked_at_everything
                .is_none_or(|at| now.duration_since(at) >= CALM);
        if is_stirred {
            self.looked_at_everything = Some(now);
        }
        Looked {
            is_due: look == Look::Due || (is_stirred && self.utmp_state != self.look_at_utmp()),
            is_stirred,
            expected,
        }
    }

    fn look_at_utmp(&self) -> Option<(SystemTime, u64)> {
        let found = fs::metadata(&self.utmp).ok()?;
        Some((found.modified().ok()?, found.len()))
    }

    fn read(&mut self, remark: String) -> Reading {
        let mut reading = Reading {
            remark,
            ..Reading::default()
        };
        match self.scanner.scan(Instant::now()) {
            Ok(found) => {
                reading.running = Some(found.running);
                reading.cut = found.cut;
                reading.seen = found.seen;
                if self.scanner.is_there() {
                    reading.consulted.insert(Source::Kernel);
                } else {
                    remark_also(
                        &mut reading,
                        "the kernel does not number logins (CONFIG_AUDIT)",
                    );
                }
            }
            Err(error) => {
                remark_also(
                    &mut reading,
                    &format!("the processes can't be read: {error}"),
                );
            }
        }
        self.users.refresh();
        for seen in &mut reading.seen {
            seen.user_name = self.users.name(seen.uid).map(str::to_owned);
        }
        self.read_utmp(&mut reading);
        if let Some(running) = &reading.running {
            self.of_logind
                .retain(|pid| running.binary_search(pid).is_ok());
        }
        let watched = self.of_logind.iter().copied();
        self.scanner
            .watch(watched.chain(leaders(&reading.seen)).collect());
        reading
    }

    /// Adds what utmp tells. Records of processes that are gone stay in it where a program
    /// was killed; they are left out.
    fn read_utmp(&mut self, reading: &mut Reading) {
        self.utmp_state = self.look_at_utmp();
        let Some((_, length)) = self.utmp_state else {
            return;
        };
        let logins = if length > utmp::LARGEST {
            Err(format!("it has {length} bytes"))
        } else {
            fs::read(&self.utmp)
                .map_err(|error| error.to_string())
                .and_then(|bytes| {
                    utmp::parse(&bytes, utmp::Layout::NATIVE).map_err(|error| error.to_string())
                })
        };
        match logins {
            Ok((logins, cut)) => {
                reading.consulted.insert(Source::Utmp);
                reading.cut = reading.cut.saturating_add(cut);
                for login in logins {
                    self.add(reading, &login);
                }
            }
            Err(reason) => {
                let what = format!("{} can't be read: {reason}", self.utmp.display());
                remark_also(reading, &what);
            }
        }
    }

    fn add(&self, reading: &mut Reading, login: &utmp::Record) {
        let is_gone = |running: &Vec<u32>| running.binary_search(&login.pid).is_err();
        if reading.running.as_ref().is_some_and(is_gone) {
            return;
        }
        let numbered = self.scanner.login(login.pid);
        let Some(uid) = numbered
            .map(|numbered| numbered.uid)
            .or_else(|| self.users.uid(&login.user))
        else {
            return;
        };
        let mut seen = login.to_seen(uid);
        seen.audit = numbered.map(|numbered| numbered.audit);
        reading.seen.push(seen);
    }
}

/// First processes of these sessions.
fn leaders(seen: &[Seen]) -> impl Iterator<Item = u32> {
    seen.iter().filter_map(|seen| seen.leader)
}

fn remark_also(reading: &mut Reading, what: &str) {
    if !reading.remark.is_empty() {
        reading.remark.push_str("; ");
    }
    reading.remark.push_str(what);
}
