//! Follows the sessions of users, tells what becomes of them, and answers who asks.
//!
//! Events leave the device, so they name a user by a keyed digest of its id that means
//! something on this device alone: it tells that two sessions are of one user, and not of
//! whom. (The id itself, digested without a key, would be found by trying some thousands.)
//! Neither name, terminal nor host is in an event. Names reach the console only in the
//! reports of a plugin whose signed policy grants that field: settings grant nothing, so
//! there is none for it. On the device itself `bailiwick sessions` shows who is who.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use bailiwick_core::{
    ports::OpenSessions,
    session::{
        Change, Facts, Idle, MOST_SESSIONS, Owner, Owners, Reading, Saved, Session, SessionId,
        Source, Told, Tracker,
    },
    time::Timestamp,
};
use bailiwick_store::StoreError;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{host::Host, pseudonyms::key};
use crate::{
    events::Event,
    socket::{Peer, SessionLine, SessionsReport},
};

/// Under which the tracker is kept.
const KEPT: &str = "sessions";
/// Under which the key is kept that hides user ids.
const KEY: &str = "session-users-key";

/// Until changes are told of which there were too many at once.
const HELD_BACK: Duration = Duration::from_secs(30);

/// The sessions as they were seen last.
#[derive(Clone, Debug)]
struct View {
    sessions: Vec<Session>,
    source: Source,
    remark: String,
    untracked: usize,
}

/// Answers about sessions. Copies share what they know.
#[derive(Clone)]
pub(crate) struct Answers {
    host: Arc<Host>,
    users: Arc<Users>,
    view: watch::Receiver<View>,
}

/// The sessions that are open, as they were seen last. Whoever wants to follow them is woken.
#[derive(Debug)]
pub(crate) struct OpenList(watch::Sender<Option<Arc<Vec<Session>>>>);

impl Default for OpenList {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl OpenList {
    /// Only a list that differs wakes anybody.
    fn replace(&self, sessions: Vec<Session>) {
        self.0.send_if_modified(|known| {
            let differs = known.as_ref().is_none_or(|known| **known != sessions);
            if differs {
                *known = Some(Arc::new(sessions));
            }
            differs
        });
    }

    /// The list, and every later one; none until somebody looked.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<Arc<Vec<Session>>>> {
        self.0.subscribe()
    }
}

impl OpenSessions for OpenList {
    fn open(&self) -> Arc<Vec<Session>> {
        self.0.borrow().clone().unwrap_or_default()
    }
}

/// What events call users.
struct Users(hmac::Key);

/// The task that follows.
struct Watcher {
    host: Arc<Host>,
    users: Arc<Users>,
    tracker: Tracker,
    boot: String,
    untracked: usize,
    view: watch::Sender<View>,
}

/// Goes on where the agent stopped, and follows the sessions from now on.
///
/// # Errors
/// The store can't be read, or the system gives no random key.
pub(crate) async fn start(host: Arc<Host>) -> anyhow::Result<(JoinHandle<()>, Answers)> {
    let users = Arc::new(Users::open(&host).await?);
    // Without an id of this start a number could be another session's by now.
    let described = host.ports.system.describe().await;
    let boot = described.map(|machine| machine.boot_id).unwrap_or_default();
    let (view, seen) = watch::channel(View {
        sessions: Vec::new(),
        source: Source::None,
        remark: "the sessions were not read yet".to_owned(),
        untracked: 0,
    });
    let (tracker, changes) = restore(&host, &boot).await?;
    let watcher = Watcher {
        host: Arc::clone(&host),
        users: Arc::clone(&users),
        tracker,
        boot,
        untracked: 0,
        view,
    };
    let task = tokio::spawn(watcher.run(changes));
    let view = seen;
    Ok((task, Answers { host, users, view }))
}

async fn restore(host: &Host, boot: &str) -> Result<(Tracker, Vec<Change>), StoreError> {
    let Some(saved) = host.store.value(KEPT).await? else {
        return Ok((Tracker::new(MOST_SESSIONS), Vec::new()));
    };
    match serde_json::from_slice::<Saved>(&saved) {
        Ok(saved) => Ok(Tracker::restore(MOST_SESSIONS, saved, boot)),
        Err(error) => {
            host.tell(Event::Quarantined {
                what: format!("what was known of sessions: {error}"),
            })
            .await;
            // The clock in seconds is beyond any count of sessions.
            let last = host.clock.now().as_ms() / 1_000;
            let fresh = Tracker::new(MOST_SESSIONS).beginning_after(last);
            Ok((fresh, Vec::new()))
        }
    }
}

impl Watcher {
    async fn run(mut self, mut changes: Vec<Change>) {
        loop {
            let reading = self.host.sessions.observe().await;
            let now = self.host.clock.now();
            changes.append(&mut self.tracker.observe(&reading, now));
            // Shown first: whoever hears of a session and asks finds it.
            self.show(&reading, &changes);
            self.tell(std::mem::take(&mut changes)).await;
            let changed = self.host.sessions.changed();
            if self.tracker.holds_back() {
                // Whether it changed or not, what was held back can be told then.
                let _ = timeout(HELD_BACK, changed).await;
            } else {
                changed.await;
            }
        }
    }

    /// Tells, and keeps what opened and closed in the same commit. Other changes are told
    /// alone: on a server of hundreds of sessions each would write all of them, and after a
    /// restart the first reading brings them anyway.
    async fn tell(&self, changes: Vec<Change>) {
        let is_kept = |change: &Change| matches!(change, Change::Opened(_) | Change::Closed { .. });
        let is_kept = changes.iter().any(is_kept);
        let events: Vec<Event> = changes
            .into_iter()
            .filter_map(|change| self.event(change))
            .collect();
        if is_kept {
            let saved = serde_json::to_vec(&self.tracker.save(&self.boot)).unwrap_or_default();
            self.host.tell_and_keep(&events, KEPT, saved).await;
        } else {
            for event in events {
                self.host.tell(event).await;
            }
        }
    }

    fn event(&self, change: Change) -> Option<Event> {
        Some(match change {
            Change::Opened(Session { id, facts, .. }) => Event::SessionOpened {
                user: self.users.name(facts.uid),
                kind: value(&facts.kind),
                source: facts.source,
                since: value(&facts.since),
                state: value(&facts.state),
                idle_since: idle_since(&facts),
                session: id,
            },
            Change::Changed { session, aspects } => Event::SessionChanged {
                user: self.users.name(session.facts.uid),
                aspects,
                state: value(&session.facts.state),
                idle_since: idle_since(&session.facts),
                session: session.id,
            },
            Change::Closed { session, why } => Event::SessionClosed {
                user: self.users.name(session.facts.uid),
                session: session.id,
                why,
            },
            Change::Source { from, to, remark } => Event::SessionSource {
                source: to,
                before: from,
                remark,
            },
            Change::Untracked(count) => Event::SessionsUntracked { count },
            // What a later core tells and this agent does not know.
            _ => return None,
        })
    }

    fn show(&mut self, reading: &Reading, changes: &[Change]) {
        for change in changes {
            if let Change::Untracked(count) = change {
                self.untracked = *count;
            }
        }
        let sessions: Vec<Session> = self.tracker.sessions().cloned().collect();
        self.host.open_sessions.replace(sessions.clone());
        self.view.send_replace(View {
            sessions,
            source: reading.source(),
            remark: reading.remark.clone(),
            untracked: self.untracked,
        });
    }
}

fn idle_since(facts: &Facts) -> Option<Timestamp> {
    match value(&facts.idle) {
        Some(Idle::Since(at)) => Some(at),
        Some(Idle::InUse) | None => None,
    }
}

fn value<T: Copy>(told: &Option<Told<T>>) -> Option<T> {
    told.as_ref().map(|told| told.value)
}

impl Users {
    async fn open(host: &Host) -> anyhow::Result<Self> {
        Ok(Self(key(&host.store, KEY).await?))
    }

    fn name(&self, uid: u32) -> String {
        let digest = hmac::sign(&self.0, &uid.to_le_bytes());
        let digits = digest.as_ref().iter().take(6);
        digits.fold("u-".to_owned(), |name, byte| format!("{name}{byte:02x}"))
    }
}

impl Answers {
    /// How many sessions are open, and who tells of them.
    pub(crate) fn figures(&self) -> (usize, Source) {
        let view = self.view.borrow();
        (view.sessions.len(), view.source)
    }

    /// By which name events call a user.
    pub(crate) fn user(&self, uid: u32) -> String {
        self.users.name(uid)
    }

    /// The sessions that `peer` may see. Processes are counted now, but not for whoever asks
    /// for no more than their own: no user can make the agent read them all again and again.
    pub(crate) async fn report(&self, peer: Peer) -> SessionsReport {
        let view = self.view.borrow().clone();
        let (of_user, counted) = match peer {
            Peer::Owner => (None, self.count(&view.sessions).await),
            Peer::User(uid) => (Some(uid), None),
        };
        let visible = |session: &Session| of_user.is_none_or(|uid| session.facts.uid == uid);
        let sessions = view.sessions.into_iter().filter(visible).map(|session| {
            let processes = counted.as_ref().map(|counted| {
                let count = counted.by_session.get(&session.id);
                count.copied().unwrap_or_default()
            });
            SessionLine {
                user: self.users.name(session.facts.uid),
                session,
                processes,
            }
        });
        SessionsReport {
            source: view.source,
            remark: view.remark,
            sessions: sessions.collect(),
            // How much others do is not for every user.
            untracked: if of_user.is_none() { view.untracked } else { 0 },
            system_processes: counted.map(|counted| counted.of_system),
            of_user,
        }
    }

    /// None if processes can't be read.
    async fn count(&self, sessions: &[Session]) -> Option<Counted> {
        let processes = self.host.sessions.processes().await.ok()?;
        let owners = Owners::new(sessions);
        let mut counted = Counted::default();
        for marks in &processes {
            match owners.of(marks) {
                Owner::Session(id) => *counted.by_session.entry(id.clone()).or_default() += 1,
                Owner::System => counted.of_system += 1,
            }
        }
        Some(counted)
    }
}

/// Processes by whose they are.
#[derive(Debug, Default)]
struct Counted {
    by_session: BTreeMap<SessionId, usize>,
    of_system: usize,
}
