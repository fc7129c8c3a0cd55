mod fallback;
mod kernel;
mod lingering;
mod logind;
mod private_bus;
mod systemd;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_core::{
    ports::Sessions as _,
    session::{Change, Reading, Session, Tracker},
    time::Timestamp,
};

use super::{
    linux::{DeviceSessions, Places},
    rest::Teller,
};
use crate::Privileged;

/// For what has no bound of its own here: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port and a tracker, used as the agent uses them.
struct Watch {
    port: DeviceSessions,
    tracker: Tracker,
    last: Reading,
    changes: Vec<Change>,
}

/// This machine, with a bus that is not there.
fn without_bus(folder: &tempfile::TempDir) -> Places {
    Places {
        proc: PathBuf::from("/proc"),
        utmp: folder.path().join("utmp"),
        accounts: folder.path().join("passwd"),
        bus: format!("unix:path={}", folder.path().join("no-bus").display()),
        teller: Teller::Kernel(None),
    }
}

/// Who connects to the bus at this address for who may not.
pub(crate) fn privileged_on(bus: &str) -> Arc<Privileged> {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/keeper");
    let nowhere = Path::new("/nowhere");
    let privileged = Privileged::on_bus(bus, &program, nowhere, &[nowhere.as_os_str()]);
    Arc::new(privileged.unwrap())
}

impl Watch {
    async fn begin(places: Places) -> Self {
        let mut watch = Self {
            port: DeviceSessions::at(places),
            tracker: Tracker::new(1_024),
            last: Reading::default(),
            changes: Vec::new(),
        };
        watch.look().await;
        watch
    }

    async fn look(&mut self) {
        self.last = self.port.observe().await;
        let changes = self.tracker.observe(&self.last, Timestamp::EPOCH);
        self.changes.extend(changes);
    }

    /// Waits for a change that `fits`, and tells how long that took. Changes before it stay
    /// in the list.
    async fn until<T>(&mut self, fits: impl Fn(&Change) -> Option<T>) -> (T, Duration) {
        let began = Instant::now();
        loop {
            if let Some(at) = self
                .changes
                .iter()
                .position(|change| fits(change).is_some())
            {
                let change = self.changes.remove(at);
                return (fits(&change).unwrap(), began.elapsed());
            }
            let left = PATIENCE.checked_sub(began.elapsed());
            let left = left.unwrap_or_else(|| panic!("only this changed: {:?}", self.changes));
            let changed = tokio::time::timeout(left, self.port.changed()).await;
            assert!(
                changed.is_ok(),
                "only this changed: {:?}; {:?}",
                self.changes,
                self.last
            );
            self.look().await;
        }
    }

    async fn opened(&mut self, uid: u32) -> (Session, Duration) {
        let fits = |change: &Change| match change {
            Change::Opened(session) if session.facts.uid == uid => Some(session.clone()),
            _ => None,
        };
        self.until(fits).await
    }

    async fn closed(&mut self, session: &Session) -> Duration {
        let fits = |change: &Change| match change {
            Change::Closed {
                session: closed, ..
            } => (closed.id == session.id).then_some(()),
            _ => None,
        };
        self.until(fits).await.1
    }

    /// Whether a session of `uid` opened or closed that nobody waited for.
    fn heard_of(&self, uid: u32) -> bool {
        self.changes.iter().any(|change| match change {
            Change::Opened(session) | Change::Closed { session, .. } => session.facts.uid == uid,
            _ => false,
        })
    }
}
