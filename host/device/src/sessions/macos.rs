//! Sessions on macOS, from the file utmpx. Nothing without rights of Apple's own tells of locks
//! and of who shares a screen there, nor to which session a process belongs.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    ports::{BoxFuture, Sessions, UnavailableError},
    session::{ProcessMarks, Reading, Source},
};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, Users};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{utmp, utmpx};
use crate::Privileged;

/// `_PATH_UTMPX`.
const FILE: &str = "/var/run/utmpx";
/// A login makes several changes: they are waited for, so that it is read once.
const GATHER: Duration = Duration::from_millis(250);
/// From one look to the next where changes are told: a record stays where a process was killed.
const CALM: Duration = Duration::from_secs(30);
/// The same where they can't be.
const UNTOLD: Duration = Duration::from_millis(1_500);

/// The sessions of this machine.
#[derive(Debug, Default)]
pub struct DeviceSessions {
    stirred: Arc<Notify>,
    watcher: Mutex<Option<RecommendedWatcher>>,
}

impl DeviceSessions {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same: nobody else opens anything here.
    pub fn through(_: Arc<Privileged>) -> Self {
        Self::new()
    }

    /// Whether changes of the file are told, from now on at the latest.
    fn is_told(&self) -> bool {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if watcher.is_none() {
            *watcher = self.watch().ok();
        }
        watcher.is_some()
    }

    fn watch(&self) -> notify::Result<RecommendedWatcher> {
        let stirred = Arc::clone(&self.stirred);
        // What went wrong may have hidden a change.
        let mut watcher = notify::recommended_watcher(move |_| stirred.notify_one())?;
        watcher.watch(Path::new(FILE), RecursiveMode::NonRecursive)?;
        Ok(watcher)
    }
}

impl Sessions for DeviceSessions {
    fn observe(&self) -> BoxFuture<'_, Reading> {
        Box::pin(async {
            let read = tokio::task::spawn_blocking(read).await;
            read.unwrap_or_else(|error| Reading {
                remark: format!("reading the sessions was interrupted: {error}"),
                ..Reading::default()
            })
        })
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let bound = if self.is_told() { CALM } else { UNTOLD };
            if timeout(bound, self.stirred.notified()).await.is_ok() {
                sleep(GATHER).await;
            }
        })
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<ProcessMarks>, UnavailableError>> {
        Box::pin(std::future::ready(Err(UnavailableError {
            what: "the processes' sessions",
            reason: "macOS does not tell them".to_owned(),
        })))
    }
}

fn read() -> Reading {
    let mut reading = Reading::default();
    let (logins, cut) = match records() {
        Ok(found) => found,
        Err(error) => {
            reading.remark = format!("{FILE} can't be read: {error}");
            return reading;
        }
    };
    reading.consulted.insert(Source::Utmp);
    reading.cut = cut;
    reading.running = running();
    let users = Users::new_with_refreshed_list().ok();
    for login in logins {
        let is_gone = |running: &Vec<u32>| running.binary_search(&login.pid).is_err();
        if reading.running.as_ref().is_some_and(is_gone) {
            continue;
        }
        let mut known = users.iter().flat_map(|users| users.iter());
        if let Some(user) = known.find(|user| user.name() == login.user) {
            reading.seen.extend(utmpx::to_seen(&login, **user.id()));
        }
    }
    reading
}

fn records() -> Result<(Vec<utmp::Record>, usize), io::Error> {
    let length = fs::metadata(FILE)?.len();
    if length > utmp::LARGEST {
        return Err(io::Error::other(format!("it has {length} bytes")));
    }
    utmp::parse(&fs::read(FILE)?, utmpx::LAYOUT).map_err(io::Error::other)
}

/// Ids of all processes, in order.
fn running() -> Option<Vec<u32>> {
    let mut system = System::new().ok()?;
    let nothing_more = ProcessRefreshKind::nothing();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, nothing_more);
    let mut running: Vec<u32> = system.processes().keys().map(|pid| pid.as_u32()).collect();
    running.sort_unstable();
    Some(running)
}
