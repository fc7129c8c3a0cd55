//! What the crates need from the outside world, as plain traits: sandbox's bridges take
//! them, device and transport implement them, the agent wires.
//!
//! Futures are boxed so that a port can be a `dyn` trait, and no runtime is named.

mod http;
mod watch;

use std::{future::Future, pin::Pin, sync::Arc};

pub use http::{Http, HttpAnswer, HttpError, HttpOrder, NoHttp};
pub use watch::{Changes, NoWatch, Watch};

use crate::{
    bytes::ByteCount,
    decision::Decision,
    digest::Sha256,
    ids::PluginName,
    notice::Notice,
    policy::{self, Denial, Sensitive},
    process::ProcessTable,
    session::{ProcessMarks, Reading, Session, SessionId},
    time::{Monotonic, Timestamp},
};

/// What every asynchronous port returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Time. The only way in which decisions and bridges learn it.
pub trait Clock: Send + Sync {
    /// The time on the wall.
    fn now(&self) -> Timestamp;
    /// The clock that never goes backwards.
    fn monotonic(&self) -> Monotonic;
    /// A clock that never goes backwards and counts while the machine sleeps, too. Its
    /// moments can't be compared with those of [`Self::monotonic`], which it is where the
    /// system has no other.
    fn since_boot(&self) -> Monotonic {
        self.monotonic()
    }
    /// CPU time that the calling thread has used, in nanoseconds.
    fn thread_cpu_ns(&self) -> u64;
    /// Whether the operating system itself takes [`Self::monotonic`] from the processor's
    /// counter, having found that it runs evenly and alike on all cores: short spans may then
    /// be measured with it.
    fn is_the_processors(&self) -> bool {
        false
    }
}

/// Where a plugin's log lines go.
pub trait Log: Send + Sync {
    /// Keeps one line, already escaped and cut.
    fn write(&self, plugin: &PluginName, level: LogLevel, line: &str);
}

/// Severity, as in the contract's `log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// What happened, when all is well.
    Info,
    /// Something is off, and the plugin goes on.
    Warn,
    /// Something failed.
    Error,
}

/// A plugin's own key-value store. One call's changes arrive in one [`State::commit`].
pub trait State: Send + Sync {
    /// Everything that is kept for `plugin`, in order of keys.
    fn load<'a>(
        &'a self,
        plugin: &'a PluginName,
    ) -> BoxFuture<'a, Result<StateEntries, StateError>>;
    /// Makes `changes` durable, all or none. `None` deletes.
    fn commit<'a>(
        &'a self,
        plugin: &'a PluginName,
        changes: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>>;
}

/// Keys with their values, in order of keys.
pub type StateEntries = Vec<(String, Vec<u8>)>;

/// The store under [`State`] failed.
#[derive(Debug, thiserror::Error)]
#[error("the state of plugin `{plugin}` could not be {doing}: {reason}")]
pub struct StateError {
    /// Whose state.
    pub plugin: PluginName,
    /// `read` or `written`.
    pub doing: &'static str,
    /// What the store said.
    pub reason: String,
}

/// Where to look: a path that a grant covers, and the grants for the name that is left
/// once links are followed.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The granted root, absolute.
    pub root: &'a str,
    /// The path beneath it, with `/`; empty for the root itself.
    pub path: &'a str,
    /// What is granted and denied.
    pub grants: &'a Arc<policy::Files>,
    /// When the question was asked.
    pub now: Timestamp,
}

/// Files beneath a root. The caller has checked the path by its name; the implementation
/// never leaves the root, and gives nothing of what a link leads to before
/// [`policy::Files::leads_to`] allows it.
pub trait Files: Send + Sync {
    /// The whole file, if not larger than `at_most`.
    fn read<'a>(
        &'a self,
        place: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>>;
    /// Up to `length` bytes from `offset`.
    fn read_part<'a>(
        &'a self,
        place: Place<'a>,
        offset: u64,
        length: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>>;
    /// Entries in order of name, at most 65,536. If they would cost more than `at_most`
    /// (see [`Entry::cost`]), [`FilesError::TooLarge`].
    fn list<'a>(
        &'a self,
        place: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>>;
    /// What is there, symbolic links beneath the root followed.
    fn look<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>>;
    /// What a symbolic link says. Links on the way to it are followed, and it is not.
    fn read_link<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>>;
}

/// A directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the directory.
    pub name: String,
    /// What it is, links not followed.
    pub kind: FileKind,
}

impl Entry {
    /// Bytes of memory that an entry with a name of `length` bytes takes.
    pub const fn cost(length: usize) -> u64 {
        64 + length as u64
    }
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    SymbolicLink,
    /// A device, socket or pipe.
    Other,
}

/// What [`Files::look`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMetadata {
    /// What it is.
    pub kind: FileKind,
    /// Its size as the file system tells it.
    pub size: ByteCount,
    /// When its content last changed.
    pub modified: Timestamp,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// Nothing there.
    #[error("nothing is there")]
    NotFound,
    /// It leads out of the root.
    #[error("it leads out of the granted root")]
    Escapes,
    /// A link leads to what is not granted under its own name.
    #[error("it leads to what is not granted: {0}")]
    Denied(Denial),
    /// There, but not what was asked for.
    #[error("it is of another kind than was asked for")]
    WrongKind,
    /// Larger than the caller allows.
    #[error("it is larger than allowed: {0}")]
    TooLarge(ByteCount),
    /// The operating system refused or failed.
    #[error("the operating system answered: {0}")]
    Unavailable(String),
}

/// What the operating system knows of the machine.
pub trait System: Send + Sync {
    /// The machine.
    fn describe(&self) -> BoxFuture<'_, Result<SystemDescription, UnavailableError>>;
    /// Mounted file systems that hold data, in order of mount point, at most 1,024.
    fn file_systems(&self) -> BoxFuture<'_, Result<Vec<FileSystem>, UnavailableError>>;
}

/// The operating system did not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what} can't be had from the operating system: {reason}")]
pub struct UnavailableError {
    /// What was asked for.
    pub what: &'static str,
    /// What it said.
    pub reason: String,
}

/// See the record of the same name in `wit/system.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract documents each field")]
pub struct SystemDescription {
    pub host_name: String,
    pub family: String,
    pub architecture: String,
    pub kernel: String,
    pub boot_time: Timestamp,
    pub boot_id: String,
    pub uptime_seconds: u64,
    pub processors: u32,
    pub memory: ByteCount,
    pub swap: ByteCount,
}

/// See the record of the same name in `wit/system.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract documents each field")]
pub struct FileSystem {
    pub mount_point: String,
    pub device: String,
    pub kind: String,
    pub total: ByteCount,
    pub available: ByteCount,
    pub read_only: bool,
    pub removable: bool,
}

/// Network links and routes.
pub trait Links: Send + Sync {
    /// Links in order of name, at most 1,024.
    fn links(&self) -> BoxFuture<'_, Result<Vec<Link>, UnavailableError>>;
    /// The main routing table, in order of destination and metric, at most 4,096.
    fn routes(&self) -> BoxFuture<'_, Result<Vec<Route>, UnavailableError>>;
}

/// An address with the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    /// The address.
    pub ip: std::net::IpAddr,
    /// Bits of the prefix: at most 32 for IPv4, 128 for IPv6.
    pub bits: u8,
}

/// See the record of the same name in `wit/network.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract documents each field")]
pub struct Link {
    pub name: String,
    pub index: u32,
    pub mac: Option<[u8; 6]>,
    pub mtu: u32,
    pub up: bool,
    pub loopback: bool,
    pub addresses: Vec<Prefix>,
}

/// See the record of the same name in `wit/network.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract documents each field")]
pub struct Route {
    pub destination: Prefix,
    pub gateway: Option<std::net::IpAddr>,
    pub link: String,
    pub metric: u32,
}

/// Users' sessions.
pub trait Sessions: Send + Sync {
    /// What the sources tell now. That none answers is a reading too: its remark says why.
    fn observe(&self) -> BoxFuture<'_, Reading>;
    /// Returns when another [`Sessions::observe`] may tell something else: when the platform
    /// said so, or, where it says nothing, when it is time to look again. For one caller at
    /// a time; what happened since the last `observe` is not missed.
    fn changed(&self) -> BoxFuture<'_, ()>;
    /// Marks of every process, at most 65,536.
    fn processes(&self) -> BoxFuture<'_, Result<Vec<ProcessMarks>, UnavailableError>>;
}

/// The processes of the device.
pub trait Processes: Send + Sync {
    /// All of them, read not longer ago than `no_older_than`: one pass serves all who ask
    /// meanwhile.
    fn table(
        &self,
        no_older_than: std::time::Duration,
    ) -> BoxFuture<'_, Result<Arc<ProcessTable>, UnavailableError>>;
}

/// The sessions that are open, as whoever follows them saw them last.
pub trait OpenSessions: Send + Sync {
    /// In the order in which they opened.
    fn open(&self) -> Arc<Vec<Session>>;
}

/// What takes the place of a value that a policy hashes.
pub trait Pseudonyms: Send + Sync {
    /// The digest of `value` of a field, under a key that the device does not give away: equal
    /// for equal values of one field, told by whatever capability, and on no other device.
    fn digest(&self, field: Sensitive, value: &str) -> String;
}

/// Digests without any key, where no plugin sees what is anybody's: whoever has one and
/// guesses the value can prove it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unkeyed;

impl Pseudonyms for Unkeyed {
    fn digest(&self, field: Sensitive, value: &str) -> String {
        let text = format!("{}\0{value}", field.name());
        policy::pseudonym(Sha256::of(text.as_bytes()).as_bytes())
    }
}

/// Where nobody follows sessions.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSessions;

impl OpenSessions for NoSessions {
    fn open(&self) -> Arc<Vec<Session>> {
        Arc::default()
    }
}

/// Fetches files of the update endpoint. It proves nothing: what it returns is bytes
/// that TUF has yet to verify.
pub trait Fetch: Send + Sync {
    /// The file at `path`, relative to the endpoint, at most `at_most` bytes long. `None`
    /// if the endpoint says that there is none.
    fn fetch<'a>(
        &'a self,
        path: &'a str,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, FetchError>>;
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, or none that TLS accepts.
    #[error("{url} can't be reached: {reason}")]
    Unreachable {
        /// Full address.
        url: String,
        /// The innermost cause, in words.
        reason: String,
    },
    /// The server answered with something else than the file.
    #[error("{url} answered {status}{hint}")]
    Status {
        /// Full address.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it may mean, or empty.
        hint: String,
    },
    /// More than was allowed.
    #[error("{url} is longer than {at_most}")]
    TooLarge {
        /// Full address.
        url: String,
        /// The bound.
        at_most: ByteCount,
    },
    /// The path can't be part of an address on the endpoint.
    #[error("`{path}` is not a path on the update endpoint")]
    InvalidPath {
        /// As asked for.
        path: String,
    },
}

/// Compiles a component in a child process.
pub trait Compile: Send + Sync {
    /// The compiled artifact of `component` (the bytes of a WebAssembly component).
    fn compile<'a>(&'a self, component: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, CompileError>>;
}

/// Why a component was not compiled.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The child could not be started.
    #[error("the compiler `{program}` can't be started: {reason}")]
    NotStarted {
        /// Path of the program.
        program: String,
        /// What the operating system said.
        reason: String,
    },
    /// It used more time or memory than it may.
    #[error("the compiler was stopped: {0}")]
    Stopped(String),
    /// It is no component that this host accepts.
    #[error("the component does not compile: {0}")]
    Refused(String),
}

/// A program to run, once its policy allows it: everything of it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOrder {
    /// The grant.
    pub program: policy::Program,
    /// Without the program's name.
    pub arguments: Vec<String>,
    /// All that is in its environment.
    pub environment: Vec<(String, String)>,
    /// Its standard input, at most [`policy::LONGEST_INPUT`].
    pub input: Vec<u8>,
    /// How long it may take.
    pub time_limit: std::time::Duration,
    /// Id of the user of the session that was named, where the grant says
    /// [`policy::RunAs::Session`].
    pub session_user: Option<u32>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecEnded {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal.
    Signal(u8),
    /// By us, because its time was over.
    TimedOut,
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRan {
    /// How it ended.
    pub ended: ExecEnded,
    /// The beginning of what it wrote, and whether there was more.
    pub output: (Vec<u8>, bool),
    /// The same of its standard error.
    pub errors: (Vec<u8>, bool),
    /// From its start until all that it had started had ended.
    pub elapsed: std::time::Duration,
    /// Processor time, in steps of 10 ms.
    pub cpu: std::time::Duration,
}

/// Why a program was not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// It is missing, is not what was granted, or others can change it.
    #[error("it was not started: {0}")]
    NotStarted(String),
    /// This host can't run programs.
    #[error("programs can't be run here: {0}")]
    Unavailable(String),
}

/// Programs of the device. Whoever drops the future ends the program and all that it
/// started.
pub trait Exec: Send + Sync {
    /// Runs it to its end.
    fn run(&self, order: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>>;

    /// Somebody may ask for a run at any time and would have to wait for it. As long as the
    /// answer is kept, what can be made ready for one run is.
    fn expect_runs(&self) -> Expectation {
        Box::new(())
    }
}

/// Kept by whoever expects something, and dropped when that is over.
pub type Expectation = Box<dyn Send + Sync>;

/// How a magic packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeCarrier {
    /// UDP to 255.255.255.255.
    Limited {
        /// 9 or 7.
        port: u16,
    },
    /// UDP to the broadcast address of one of the link's networks.
    Directed {
        /// That address.
        address: std::net::Ipv4Addr,
        /// 9 or 7.
        port: u16,
    },
    /// An Ethernet frame of type 0x0842.
    Ethernet,
}

/// Why a magic packet was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WakeError {
    /// The link is virtual, and no grant names it.
    #[error("the link is virtual, and no grant names it")]
    Virtual,
    /// Too many in a minute.
    #[error("the rate is used up for {} ms", .0.as_millis())]
    TooOften(std::time::Duration),
    /// The address is none of a network of the link.
    #[error("{0} is the broadcast address of no network of the link")]
    Address(std::net::Ipv4Addr),
    /// The link is not there, is down, or can't carry it.
    #[error("{0}")]
    Link(String),
    /// The operating system refused.
    #[error("the operating system answered: {0}")]
    Unavailable(String),
}

/// Sends magic packets.
pub trait Wake: Send + Sync {
    /// Sends `payload`, which is one, on `link`, for `plugin`.
    fn send<'a>(
        &'a self,
        plugin: &'a PluginName,
        allowed: policy::WakeAllowed,
        link: &'a str,
        by: WakeCarrier,
        payload: &'a [u8],
    ) -> BoxFuture<'a, Result<(), WakeError>>;
}

/// What is to be done to a process, and under which grants.
#[derive(Clone, Debug)]
pub struct ControlOrder {
    /// For whom.
    pub plugin: PluginName,
    /// What.
    pub verb: policy::ControlVerb,
    /// Its id.
    pub pid: u32,
    /// When it started, as [`Processes`] told it.
    pub started: Timestamp,
    /// The session that it must be of.
    pub session: Option<SessionId>,
    /// The sessions that are open.
    pub open: Arc<Vec<Session>>,
    /// How long it is left to end by itself.
    pub grace: std::time::Duration,
    /// What is granted and denied.
    pub grants: Arc<policy::ProcessControl>,
    /// When the question was asked.
    pub now: Timestamp,
}

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controlled {
    /// It got its signal.
    Signalled,
    /// It ended by itself.
    Ended,
    /// It was killed.
    Killed,
}

/// What was found under a process's id, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlAnswer {
    /// What was asked for, of what was found; none if nothing was.
    pub control: Option<policy::Control>,
    /// What became of it.
    pub result: Result<Controlled, ControlError>,
}

/// Why nothing was done to a process, or not all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No grant covers it.
    #[error("it is not granted: {0}")]
    Denied(Denial),
    /// It is not there, or its id is another one's by now.
    #[error("there is no such process")]
    NotThere,
    /// It is one that nobody may touch.
    #[error("it is {0}, which nothing may touch")]
    Untouchable(&'static str),
    /// Too many in a minute.
    #[error("the rate is used up for {} ms", .0.as_millis())]
    TooOften(std::time::Duration),
    /// It was killed and is still there.
    #[error("it was killed, and is still there")]
    StillThere,
    /// The operating system refused.
    #[error("the operating system answered: {0}")]
    Unavailable(String),
}

/// Ends, suspends and resumes processes.
pub trait ProcessControl: Send + Sync {
    /// Does it, once [`policy::ProcessControl::allows`] allows what is found under the id. Whoever
    /// drops the future leaves alone what was not yet killed.
    fn control(&self, order: ControlOrder) -> BoxFuture<'_, ControlAnswer>;
}

/// Touches no process: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProcessControl;

impl ProcessControl for NoProcessControl {
    fn control(&self, _: ControlOrder) -> BoxFuture<'_, ControlAnswer> {
        let reason = "no process is touched here".to_owned();
        Box::pin(async {
            ControlAnswer {
                control: None,
                result: Err(ControlError::Unavailable(reason)),
            }
        })
    }
}

/// What a user is to be told.
#[derive(Clone, Debug)]
pub struct MessageOrder {
    /// By which plugin.
    pub plugin: PluginName,
    /// To whom.
    pub session: Session,
    /// Who says it: stands above the text.
    pub from: String,
    /// What.
    pub notice: Notice,
    /// Most of the plugin in a minute. None: it is not one of the plugin's own and not counted.
    pub per_minute: Option<u16>,
}

/// How a user was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// By the notification service of the user's desktop.
    Notification,
    /// On the session's terminal.
    Terminal,
}

/// Why a user was not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Too many in a minute.
    #[error("the rate is used up for {} ms", .0.as_millis())]
    TooOften(std::time::Duration),
    /// Nothing in the session shows messages.
    #[error("{0}")]
    Nobody(String),
    /// This host can't do it.
    #[error("messages can't be shown here: {0}")]
    Unavailable(String),
}

/// Tells users something.
pub trait Message: Send + Sync {
    /// Shows it, or says why not.
    fn show(&self, order: MessageOrder) -> BoxFuture<'_, Result<Delivered, MessageError>>;
}

/// What is to be done to the whole device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerOrder {
    /// What.
    pub verb: policy::PowerVerb,
    /// Under this.
    pub allowed: policy::PowerAllowed,
}

/// Why nothing is done to the device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PowerError {
    /// One that ends what runs was accepted.
    #[error("one is under way")]
    UnderWay,
    /// Not for so long.
    #[error("it is too soon, by {} ms", .0.as_millis())]
    TooSoon(std::time::Duration),
    /// A program holds a lock against it.
    #[error("it is held up: {0}")]
    Inhibited(String),
    /// Nothing on this host does it, or what does it refused.
    #[error("it can't be done here: {0}")]
    Unavailable(String),
}

/// Locks, suspends, restarts and switches off the device.
pub trait Power: Send + Sync {
    /// Whether it could be done now: users are warned of nothing that can't be.
    fn ready(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>>;
    /// Looks again, and has it done: returns once it is accepted.
    fn go(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>>;
}

/// Tells nobody anything: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMessage;

impl Message for NoMessage {
    fn show(&self, _: MessageOrder) -> BoxFuture<'_, Result<Delivered, MessageError>> {
        let reason = "nobody is told anything here".to_owned();
        Box::pin(async { Err(MessageError::Unavailable(reason)) })
    }
}

/// Leaves the device as it is: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPower;

impl Power for NoPower {
    fn ready(&self, _: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        let reason = "the device is left as it is".to_owned();
        Box::pin(async { Err(PowerError::Unavailable(reason)) })
    }

    fn go(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        self.ready(order)
    }
}

/// Runs nothing: for trials of plugins, which must leave nothing behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoExec;

impl Exec for NoExec {
    fn run(&self, _: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>> {
        let reason = "no program is run here".to_owned();
        Box::pin(async { Err(ExecError::Unavailable(reason)) })
    }
}

/// Wakes nobody: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWake;

impl Wake for NoWake {
    fn send<'a>(
        &'a self,
        _: &'a PluginName,
        _: policy::WakeAllowed,
        _: &'a str,
        _: WakeCarrier,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<(), WakeError>> {
        let reason = "nobody is woken here".to_owned();
        Box::pin(async { Err(WakeError::Unavailable(reason)) })
    }
}

/// Where a plugin's decisions go, see [`crate::decision`]. Called while a host call is answered:
/// it must not wait.
pub trait Decisions: Send + Sync {
    /// Takes one.
    fn note(&self, decision: Decision);
    /// Whether the plugin is observed, see [`policy::learn`]: then reads that are allowed, and
    /// what each call of an export used, are told as well.
    fn observes(&self) -> bool {
        false
    }
    /// Takes a read that was allowed.
    fn read(&self, call: policy::Call) {
        drop(call);
    }
    /// Takes what one call of an export used, or a part of it.
    fn used(&self, peaks: policy::learn::Peaks) {
        let _ = peaks;
    }
}

/// Where nobody asks afterwards: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotWrittenDown;

impl Decisions for NotWrittenDown {
    fn note(&self, _: Decision) {}
}
