//! Sessions on Windows, from Remote Desktop Services. Logins by OpenSSH run in the services'
//! session there, and nothing tells them apart.

mod calls;
mod window;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bailiwick_core::{
    ports::{BoxFuture, Sessions, UnavailableError},
    session::{MOST_SESSIONS, ProcessMarks, Reading, Source},
};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};
use tokio::time::sleep;

use super::wts::Answers;
use crate::{Privileged, blocking::ask, processes::elsewhere::marks};

/// A login makes several notices: they are waited for, so that it is read once.
const GATHER: Duration = Duration::from_millis(250);
/// From one look to the next while nobody tells: at the machine's start, until Remote Desktop
/// Services run.
const UNTOLD: Duration = Duration::from_millis(1_500);
/// As the port says.
const MOST_PROCESSES: usize = 65_536;

/// The sessions of this machine.
#[derive(Debug, Default)]
pub struct DeviceSessions {
    /// Whether notices come.
    is_told: Arc<AtomicBool>,
}

impl DeviceSessions {
    /// Nothing is asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same: nobody else opens anything here.
    pub fn through(_: Arc<Privileged>) -> Self {
        Self::new()
    }

    /// Has a thread wait for notices, if none does.
    fn be_told(&self) {
        if self.is_told.swap(true, Ordering::SeqCst) {
            return;
        }
        let is_told = Arc::clone(&self.is_told);
        let listen = move || {
            window::listen();
            is_told.store(false, Ordering::SeqCst);
            // Whoever waits for a notice waits for none of this window any more.
            window::STIRRED.notify_one();
        };
        let thread = std::thread::Builder::new().name("session-notices".to_owned());
        if thread.spawn(listen).is_err() {
            self.is_told.store(false, Ordering::SeqCst);
        }
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
            if self.is_told.load(Ordering::SeqCst) {
                window::STIRRED.notified().await;
                sleep(GATHER).await;
            } else {
                // What happens before the window is there is found by the look that follows.
                self.be_told();
                sleep(UNTOLD).await;
            }
        })
    }

    fn processes(&self) -> BoxFuture<'_, Result<Vec<ProcessMarks>, UnavailableError>> {
        Box::pin(ask("the processes' sessions", || {
            let mut system = System::new().map_err(|error| error.to_string())?;
            let nothing_more = ProcessRefreshKind::nothing();
            system.refresh_processes_specifics(ProcessesToUpdate::All, true, nothing_more);
            let processes = system.processes().values().take(MOST_PROCESSES);
            Ok(processes.map(marks).collect())
        }))
    }
}

fn read() -> Reading {
    let ids = match calls::sessions() {
        Ok(ids) => ids,
        Err(error) => {
            return Reading {
                remark: format!("Remote Desktop Services do not answer: {error}"),
                ..Reading::default()
            };
        }
    };
    let answers = ids.into_iter().map(|id| Answers {
        session: calls::answer(id, calls::SESSION),
        protocol: calls::answer(id, calls::PROTOCOL),
        client_name: calls::answer(id, calls::CLIENT_NAME),
        client_address: calls::answer(id, calls::CLIENT_ADDRESS),
    });
    let mut seen: Vec<_> = answers.filter_map(|answers| answers.to_seen()).collect();
    let cut = seen.len().saturating_sub(MOST_SESSIONS);
    seen.truncate(MOST_SESSIONS);
    Reading {
        consulted: [Source::Wts].into(),
        seen,
        cut,
        ..Reading::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_tells_of_its_sessions_and_that_they_change() {
        let port = DeviceSessions::new();
        let reading = port.observe().await;
        assert_eq!(reading.source(), Source::Wts, "{}", reading.remark);
        for seen in &reading.seen {
            assert!(seen.user_name.is_some() && seen.state.is_some(), "{seen:?}");
        }
        port.changed().await;
        assert!(
            port.is_told.load(Ordering::SeqCst),
            "the window is not told"
        );
        // As Windows does it: the window's procedure is called on its thread.
        window::tell();
        port.changed().await;
    }

    #[tokio::test]
    async fn a_process_is_of_the_session_that_its_number_names() {
        let processes = DeviceSessions::new().processes().await.unwrap();
        assert!(!processes.is_empty());
        // Services are of none.
        assert!(processes.iter().all(|marks| marks.audit != Some(0)));
    }
}
