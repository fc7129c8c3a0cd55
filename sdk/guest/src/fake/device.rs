//! What a test says is on the device.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    rc::Rc,
};

use super::tree::Tree;
use crate::{
    exec, http,
    log::Level,
    message,
    network::{Link, Route},
    power, process_control,
    processes::{self, Process},
    sessions::Session,
    system::{Description, FileSystem},
    wake,
};

/// A device that a test describes. A file that is not described is not there, and a
/// capability that gives one answer (`system`, `network`) is `unavailable` until it is
/// described. [`Device::deny`] takes a capability, [`Device::deny_below`] a folder.
#[derive(Debug, Default)]
pub struct Device {
    parts: Rc<RefCell<Parts>>,
}

/// What the fakes read and change.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) tree: Tree,
    pub(super) denied: BTreeSet<&'static str>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) state: BTreeMap<String, Vec<u8>>,
    pub(super) description: Option<Description>,
    pub(super) file_systems: Option<Vec<FileSystem>>,
    pub(super) links: Option<Vec<Link>>,
    pub(super) routes: Option<Vec<Route>>,
    /// As the host writes them.
    pub(super) processes: Option<Vec<u8>>,
    pub(super) sessions: Vec<Session>,
    pub(super) now: u64,
    pub(super) monotonic: u64,
    pub(super) log: Vec<(Level, String)>,
    pub(super) progress: Vec<(Option<u8>, String)>,
    pub(super) programs: BTreeMap<String, Result<exec::Outcome, exec::Error>>,
    pub(super) ran: Vec<exec::Request>,
    /// By id and start.
    pub(super) controllable:
        BTreeMap<(u32, u64), Result<process_control::Ending, process_control::Error>>,
    pub(super) listeners: BTreeMap<String, Result<message::Delivered, message::Error>>,
    pub(super) told: Vec<(String, String)>,
    pub(super) power: Option<Result<(), power::Error>>,
    pub(super) asked_power: Vec<power::Verb>,
    pub(super) controlled: Vec<(Control, process_control::Process)>,
    pub(super) sent: Vec<SentPacket>,
    /// By address.
    pub(super) servers: BTreeMap<String, Result<http::Response, http::Error>>,
    pub(super) requests: Vec<http::Request>,
    pub(super) changed: BTreeSet<String>,
    /// Whether `watch::changed` was called.
    pub(super) watched: bool,
}

/// What was to be done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// It was to end.
    End {
        /// How long it was left, in milliseconds.
        grace_ms: u32,
    },
    /// It was to stand still.
    Suspend,
    /// It was to go on.
    Resume,
}

/// A magic packet that was sent: on which link, how, and what.
pub type SentPacket = (String, wake::Carrier, Vec<u8>);

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<Parts>>>> = const { RefCell::new(None) };
}

/// What `ask` finds on the device of this thread; none if nothing runs on one.
pub(super) fn current<R>(ask: impl FnOnce(&mut Parts) -> R) -> Option<R> {
    let parts = CURRENT.with_borrow(Clone::clone)?;
    let mut parts = parts.borrow_mut();
    Some(ask(&mut parts))
}

/// Puts back the device that was there before, also when a test panics: the thread may
/// run another.
struct Restore(Option<Rc<RefCell<Parts>>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl Device {
    /// A device with nothing on it, on which nothing is denied.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `body` on this device: the capabilities that it calls on this thread answer
    /// from it.
    pub fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let _restore = Restore(CURRENT.replace(Some(Rc::clone(&self.parts))));
        body()
    }

    fn with(self, change: impl FnOnce(&mut Parts)) -> Self {
        change(&mut self.parts.borrow_mut());
        self
    }

    /// A file, and the directories that lead to it.
    pub fn file(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.with(|parts| parts.tree.file(path, content.into()))
    }

    /// An empty directory, and those that lead to it.
    pub fn directory(self, path: &str) -> Self {
        self.with(|parts| parts.tree.directory(path))
    }

    /// A symbolic link that says `target`, and the directories that lead to it.
    pub fn symbolic_link(self, path: &str, target: &str) -> Self {
        self.with(|parts| parts.tree.symbolic_link(path, target))
    }

    /// Everything below `folder` of the machine that runs the test, under `path`.
    ///
    /// # Errors
    /// What the operating system says when `folder` can't be read.
    pub fn copy_of(self, path: &str, folder: &Path) -> io::Result<Self> {
        self.parts.borrow_mut().tree.copy_of(path, folder)?;
        Ok(self)
    }

    /// The capability of this name (`files`, `state` …) answers `denied`.
    pub fn deny(self, capability: &'static str) -> Self {
        self.with(|parts| {
            parts.denied.insert(capability);
        })
    }

    /// No grant covers `path` and what is below it.
    pub fn deny_below(self, path: &str) -> Self {
        self.with(|parts| parts.tree.deny_below(path))
    }

    /// A setting of the policy.
    pub fn config(self, key: &str, value: &str) -> Self {
        self.with(|parts| {
            parts.config.insert(key.to_owned(), value.to_owned());
        })
    }

    /// What `system::describe` answers.
    pub fn description(self, description: Description) -> Self {
        self.with(|parts| parts.description = Some(description))
    }

    /// What `system::file_systems` answers.
    pub fn file_systems(self, file_systems: impl Into<Vec<FileSystem>>) -> Self {
        self.with(|parts| parts.file_systems = Some(file_systems.into()))
    }

    /// What `network::links` answers.
    pub fn links(self, links: impl Into<Vec<Link>>) -> Self {
        self.with(|parts| parts.links = Some(links.into()))
    }

    /// What `network::routes` answers.
    pub fn routes(self, routes: impl Into<Vec<Route>>) -> Self {
        self.with(|parts| parts.routes = Some(routes.into()))
    }

    /// What `processes::read` answers, as read from `proc` at the time on this device's wall: set
    /// that before.
    pub fn processes(self, processes: &[Process<'_>]) -> Self {
        self.with(|parts| parts.processes = Some(processes::encode(parts.now, processes)))
    }

    /// What `sessions::open` answers.
    pub fn sessions(self, sessions: impl Into<Vec<Session>>) -> Self {
        self.with(|parts| parts.sessions = sessions.into())
    }

    /// The time on the wall, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn now(self, milliseconds: u64) -> Self {
        self.with(|parts| parts.now = milliseconds)
    }

    /// The monotonic clock, in nanoseconds.
    pub fn monotonic(self, nanoseconds: u64) -> Self {
        self.with(|parts| parts.monotonic = nanoseconds)
    }

    /// The lines that were logged, in order.
    pub fn log(&self) -> Vec<(Level, String)> {
        self.parts.borrow().log.clone()
    }

    /// What `exec::run` answers for the program at `path`, whatever it is given. Any other is
    /// denied.
    pub fn program(self, path: &str, answer: Result<exec::Outcome, exec::Error>) -> Self {
        self.with(|parts| {
            parts.programs.insert(path.to_owned(), answer);
        })
    }

    /// What was asked of `exec::run`, in order.
    pub fn ran(&self) -> Vec<exec::Request> {
        self.parts.borrow().ran.clone()
    }

    /// What `process_control` answers for the process with this id that started then, whatever is
    /// done to it and whatever session is named. Any other is denied.
    pub fn controllable(
        self,
        id: u32,
        started: u64,
        answer: Result<process_control::Ending, process_control::Error>,
    ) -> Self {
        self.with(|parts| {
            parts.controllable.insert((id, started), answer);
        })
    }

    /// What was asked of `process_control`, in order.
    pub fn controlled(&self) -> Vec<(Control, process_control::Process)> {
        self.parts.borrow().controlled.clone()
    }

    /// `path` changed: the next `watch::changed` tells it.
    pub fn change(&self, path: &str) {
        self.parts.borrow_mut().changed.insert(path.to_owned());
    }

    /// What `http::send` answers for `url`, whatever else is asked. Any other is denied.
    pub fn server(self, url: &str, answer: Result<http::Response, http::Error>) -> Self {
        self.with(|parts| {
            parts.servers.insert(url.to_owned(), answer);
        })
    }

    /// What was asked of `http::send`, in order.
    pub fn requests(&self) -> Vec<http::Request> {
        self.parts.borrow().requests.clone()
    }

    /// What `message::show` answers for the session with this id. Any other is denied.
    pub fn listener(
        self,
        session: &str,
        answer: Result<message::Delivered, message::Error>,
    ) -> Self {
        self.with(|parts| {
            parts.listeners.insert(session.to_owned(), answer);
        })
    }

    /// What `message::show` was to show, and to which session, in order.
    pub fn told(&self) -> Vec<(String, String)> {
        self.parts.borrow().told.clone()
    }

    /// What `power::ask` answers, whatever is asked. Without it all is denied.
    pub fn power(self, answer: Result<(), power::Error>) -> Self {
        self.with(|parts| parts.power = Some(answer))
    }

    /// What `power::ask` was asked, in order.
    pub fn asked_power(&self) -> Vec<power::Verb> {
        self.parts.borrow().asked_power.clone()
    }

    /// The packets that `wake::send` took, in order.
    pub fn sent(&self) -> Vec<SentPacket> {
        self.parts.borrow().sent.clone()
    }

    /// What a handler told of its progress, in order: the host would drop some of it.
    pub fn progress(&self) -> Vec<(Option<u8>, String)> {
        self.parts.borrow().progress.clone()
    }

    /// What the plugin keeps under `key`.
    pub fn kept(&self, key: &str) -> Option<Vec<u8>> {
        self.parts.borrow().state.get(key).cloned()
    }
}
