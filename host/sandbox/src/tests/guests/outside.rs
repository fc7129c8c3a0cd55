//! What guests can reach: a device that gives everything to whoever gets to it.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_core::{
    bytes::ByteCount,
    charge,
    digest::Sha256,
    ids::PluginName,
    policy::{PowerPast, Rates, WakeAllowed},
    ports::{
        BoxFuture, Entry, Exec, ExecEnded, ExecError, ExecOrder, ExecRan, FileKind, FileMetadata,
        Files, FilesError, Http, HttpAnswer, HttpError, HttpOrder, Log, LogLevel, OpenSessions,
        Place, Processes, State, StateEntries, StateError, UnavailableError, Wake, WakeCarrier,
        WakeError,
    },
    process::{Described, Process, ProcessState, ProcessTable, Way},
    session::{Facts, ProcessMarks, Seen, Session, SessionId, Source},
    time::{Monotonic, Timestamp},
};

use super::{
    attack::{Attack, Defence},
    written::Written,
};
use crate::{Ports, probe, testing::clock};

/// How long a slow state takes: longer than the guest's deadline of 200 ms, which the sandbox
/// holds by the clock of the machine.
const SLOW: Duration = Duration::from_millis(600);

/// What a look at the list of a folder costs other threads, in nanoseconds.
const LIST_NS: u64 = 50_000_000;

/// Where a cloud tells its machines their secrets, and where any server may be.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const SERVER: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);

/// The session that instances run for, and another one.
const SESSIONS: [(&str, &str); 2] = [("1", "alice"), ("2", "bob")];

/// The device, which keeps what it was told.
pub(super) struct Outside {
    slow: bool,
    /// Whether instances run for a session.
    for_session: bool,
    /// The defence that this one lacks.
    pub(super) without: Option<Defence>,
    /// How often what goes out of the device was done.
    pub(super) rates: Mutex<Rates>,
    pub(super) past: Mutex<PowerPast>,
    written: Arc<Written>,
    lines: Mutex<Vec<String>>,
    kept: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Outside {
    /// As `attack` has it, and without a defence.
    pub(super) fn new(attack: &Attack, without: Option<Defence>) -> Arc<Self> {
        Arc::new(Self {
            slow: attack.slow_state,
            for_session: attack.session,
            without,
            rates: Mutex::default(),
            past: Mutex::default(),
            written: Written::new(without, attack.observed),
            lines: Mutex::default(),
            kept: Mutex::default(),
        })
    }

    pub(super) fn ports(self: &Arc<Self>) -> Ports {
        let (mut ports, _) = probe::ports(clock(), false);
        ports.log = self.clone();
        ports.state = self.clone();
        ports.files = self.clone();
        ports.exec = self.clone();
        ports.wake = self.clone();
        ports.http = self.clone();
        ports.sessions = self.clone();
        ports.processes = self.clone();
        ports.process_control = self.clone();
        ports.message = self.clone();
        ports.power = self.clone();
        ports.watch = self.clone();
        ports.decisions = self.written.clone();
        ports.session = self.for_session.then(|| session_id(SESSIONS[0].0));
        ports
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(super) fn written(&self) -> &Written {
        &self.written
    }

    /// How much of it.
    pub(super) fn kept(&self) -> ByteCount {
        let kept = self.kept.lock().unwrap();
        let size = |(key, value): (&String, &Vec<u8>)| (key.len() + value.len()) as u64;
        ByteCount::new(kept.iter().map(size).sum())
    }
}

impl Log for Outside {
    fn write(&self, _: &PluginName, _: LogLevel, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}

impl State for Outside {
    fn load<'a>(&'a self, _: &'a PluginName) -> BoxFuture<'a, Result<StateEntries, StateError>> {
        Box::pin(async {
            if self.slow {
                tokio::time::sleep(SLOW).await;
            }
            let kept = self.kept.lock().unwrap();
            Ok(kept.clone().into_iter().collect())
        })
    }

    fn commit<'a>(
        &'a self,
        _: &'a PluginName,
        changes: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let mut kept = self.kept.lock().unwrap();
            for (key, value) in changes {
                match value {
                    Some(value) => kept.insert(key, value),
                    None => kept.remove(&key),
                };
            }
            Ok(())
        })
    }
}

/// Whatever is asked for is there.
impl Files for Outside {
    fn read<'a>(
        &'a self,
        _: Place<'a>,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        Box::pin(async { Ok(b"secret".to_vec()) })
    }

    fn read_part<'a>(
        &'a self,
        _: Place<'a>,
        _: u64,
        _: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        Box::pin(async { Ok(b"secret".to_vec()) })
    }

    fn list<'a>(
        &'a self,
        _: Place<'a>,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>> {
        let entry = Entry {
            name: "secret".to_owned(),
            kind: FileKind::File,
        };
        if self.without != Some(Defence::Charging) {
            charge::charge(LIST_NS);
        }
        Box::pin(async { Ok(vec![entry]) })
    }

    fn look<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>> {
        let metadata = FileMetadata {
            kind: FileKind::File,
            size: ByteCount::new(6),
            modified: Timestamp::from_ms(0),
        };
        Box::pin(async move { Ok(metadata) })
    }

    fn read_link<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>> {
        Box::pin(async { Ok("secret".to_owned()) })
    }
}

/// Runs nothing, and says that it did.
impl Exec for Outside {
    fn run(&self, _: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>> {
        let ran = ExecRan {
            ended: ExecEnded::Exited(0),
            output: (b"secret".to_vec(), false),
            errors: (Vec::new(), false),
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
        };
        Box::pin(async move { Ok(ran) })
    }
}

/// Sends nothing, and says that it did, as often as the grant lets it.
impl Wake for Outside {
    fn send<'a>(
        &'a self,
        plugin: &'a PluginName,
        _: Option<Sha256>,
        allowed: WakeAllowed,
        _: &'a str,
        _: WakeCarrier,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<(), WakeError>> {
        let sent = self.in_time(plugin, allowed.per_minute);
        Box::pin(async move { sent.map_err(WakeError::TooOften) })
    }
}

/// Everybody answers, wherever a name leads, and sends whoever asks on to the metadata of a
/// cloud. As every port of this kind, it connects only where the grant reaches.
impl Http for Outside {
    fn request<'a>(
        &'a self,
        _: &'a PluginName,
        order: HttpOrder,
    ) -> BoxFuture<'a, Result<HttpAnswer, HttpError>> {
        let address = match order.target.origin().host() {
            // A name that led elsewhere when it was granted.
            "rebound.example" | "169.254.169.254" => METADATA,
            _ => SERVER,
        };
        let answer = order
            .allowed
            .reaches(address.into())
            .map_err(HttpError::Denied)
            .map(|()| HttpAnswer {
                status: 302,
                headers: vec![("location".to_owned(), format!("http://{METADATA}/"))],
                body: b"secret".to_vec(),
            });
        Box::pin(async move { answer })
    }
}

fn session_id(number: &str) -> SessionId {
    SessionId::new(number, 1)
}

impl OpenSessions for Outside {
    fn open(&self) -> Arc<Vec<Session>> {
        let session = |(number, user): &(&str, &str)| {
            let seen = Seen {
                audit: number.parse().ok(),
                user_name: Some((*user).to_owned()),
                ..Seen::new(Source::Kernel, 1000).used_from("192.0.2.7")
            };
            Session {
                id: session_id(number),
                first_seen: Timestamp::from_ms(1),
                facts: Facts::from(&seen),
            }
        };
        Arc::new(SESSIONS.iter().map(session).collect())
    }
}

/// A process in each session.
impl Processes for Outside {
    fn table(&self, _: Duration) -> BoxFuture<'_, Result<Arc<ProcessTable>, UnavailableError>> {
        let process = |(number, user): &(&str, &str)| Process {
            pid: 7,
            started: Timestamp::from_ms(1),
            parent: 1,
            described: Arc::new(Described {
                name: format!("{user}s-editor"),
                user: Some((*user).to_owned()),
                marks: ProcessMarks {
                    audit: number.parse().ok(),
                    login_uid: Some(1000),
                    cgroup: String::new(),
                },
                ..Described::default()
            }),
            cpu_ms: 1,
            memory: ByteCount::kib(4),
            read: None,
            written: None,
            threads: 1,
            state: ProcessState::Running,
        };
        let table = ProcessTable::new(
            Timestamp::from_ms(1),
            Monotonic::ZERO,
            Way::Proc,
            SESSIONS.iter().map(process).collect(),
            0,
        );
        Box::pin(async move { Ok(Arc::new(table)) })
    }
}
