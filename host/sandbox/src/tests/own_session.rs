//! No state that a device can come to lets an instance that runs for a session read another one:
//! whoever logs in and out in whatever order, whatever processes there are, and whatever its
//! grants of its own session say, the bridges give it what is of its session, and nothing once
//! that has ended.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_core::{
    bytes::ByteCount,
    policy::{
        Capability, Effect, Fields, Grant, Policy, Scope, Seen as SeenPart, Sensitive, Whose,
    },
    ports::{self, BoxFuture, UnavailableError},
    process::{Described, Process, ProcessState, ProcessTable, Way},
    session::{
        ProcessMarks, Reading, Seen, Session, SessionId, SessionKind, SessionState, Source, Tracker,
    },
    time::{Monotonic, Timestamp},
};
use proptest::prelude::*;

use crate::{
    bindings::bailiwick::plugin::{processes, sessions},
    context::Context,
    limits::Enforced,
    probe,
    testing::{clock, limits},
};

/// A login, as a source tells it: which of the kernel's numbers it has, in which state it is, and
/// whether logind knows it, too.
type Login = (u32, u8, bool);

/// What a process looks like: from which login it descends, and where systemd put it.
type Marks = (Option<u32>, u8, u32);

/// A device at one moment.
#[derive(Clone, Debug)]
struct Moment {
    logins: Vec<Login>,
    processes: Vec<Marks>,
}

/// Whose a login is: the kernel never gives a number twice, and users have several.
const fn user(login: u32) -> u32 {
    1_000 + login % 3
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let login = (1_u32..7, 0_u8..4, any::<bool>());
    let process = (prop::option::of(1_u32..8), 0_u8..5, 1_u32..8);
    let moment = (
        prop::collection::vec(login, 0..5),
        prop::collection::vec(process, 0..8),
    );
    let moment = moment.prop_map(|(logins, processes)| Moment { logins, processes });
    prop::collection::vec(moment, 1..6)
}

/// Grants of its own session alone: whether one allows, of what, and which fields.
type Grants = Vec<(bool, bool, u8)>;

fn policy(grants: &Grants) -> Policy {
    let mut policy = probe::policy(&limits());
    let like = policy.grants[0].clone();
    let whole = [
        (true, Capability::Processes, 0_u8),
        (true, Capability::Sessions, 0),
    ];
    let more = grants.iter().map(|(allow, of_processes, bits)| {
        let of = [Capability::Sessions, Capability::Processes];
        (*allow, of[usize::from(*of_processes)], *bits)
    });
    for (allow, capability, bits) in whole.into_iter().chain(more) {
        let chosen = Sensitive::of(capability).iter().enumerate();
        let fields = chosen
            .filter(|(at, _)| bits >> at & 1 == 1)
            .fold(Fields::NONE, |fields, (_, field)| fields.with(*field));
        let (effect, whose) = match allow {
            true => (Effect::Allow, Whose::OwnSession),
            false => (Effect::Deny, Whose::All),
        };
        policy.grants.push(Grant {
            capability,
            effect,
            scope: Scope::Seen(SeenPart { whose, fields }),
            ..like.clone()
        });
    }
    policy
}

/// The device, as it is now.
#[derive(Default)]
struct Now {
    open: Mutex<Arc<Vec<Session>>>,
    processes: Mutex<Vec<ProcessMarks>>,
}

impl ports::OpenSessions for Now {
    fn open(&self) -> Arc<Vec<Session>> {
        Arc::clone(&self.open.lock().unwrap())
    }
}

/// A name by which a process is found in whatever a guest is given.
fn name(at: usize) -> String {
    format!("<process-{at}>")
}

fn pid(at: usize) -> u32 {
    1_000_000 + at as u32
}

/// Whether a guest is given that number, which is like nothing else that it is given.
fn tells_pid(buffer: &[u8], at: usize) -> bool {
    let pid = pid(at);
    let varint = [pid as u8 | 0x80, (pid >> 7) as u8 | 0x80, (pid >> 14) as u8];
    buffer.windows(3).any(|bytes| bytes == varint)
}

impl ports::Processes for Now {
    fn table(&self, _: Duration) -> BoxFuture<'_, Result<Arc<ProcessTable>, UnavailableError>> {
        let process = |(at, marks): (usize, &ProcessMarks)| Process {
            pid: pid(at),
            started: Timestamp::from_ms(1),
            // Two are each other's, so that some are of another session.
            parent: pid(at ^ 1),
            described: Arc::new(Described {
                name: name(at),
                user: marks.login_uid.map(|uid| format!("user-{uid}")),
                marks: marks.clone(),
                ..Described::default()
            }),
            cpu_ms: 0,
            memory: ByteCount::kib(4),
            read: None,
            written: None,
            threads: 1,
            state: ProcessState::Running,
        };
        let marks = self.processes.lock().unwrap();
        let table = ProcessTable::new(
            Timestamp::from_ms(2),
            Monotonic::ZERO,
            Way::Proc,
            marks.iter().enumerate().map(process).collect(),
            0,
        );
        Box::pin(async move { Ok(Arc::new(table)) })
    }
}

/// An eighth of a container's id.
const CONTAINER: &str = "0123cafe";

fn seen((login, state, logind): &Login) -> Seen {
    let states = [
        SessionState::Active,
        SessionState::Locked,
        SessionState::Disconnected,
        SessionState::Closing,
    ];
    Seen {
        audit: Some(*login),
        logind: logind.then(|| login.to_string()),
        user_name: Some(format!("user-{}", user(*login))),
        kind: Some(SessionKind::Console),
        state: Some(states[usize::from(*state)]),
        ..Seen::new(Source::Logind, user(*login))
    }
}

fn marks((login, place, of): &Marks) -> ProcessMarks {
    let uid = user(*of);
    let slice = format!("/user.slice/user-{uid}.slice");
    ProcessMarks {
        audit: *login,
        login_uid: login.map(user),
        cgroup: match place {
            0 => String::new(),
            1 => "/system.slice/cron.service".to_owned(),
            2 => format!("{slice}/session-{of}.scope"),
            3 => format!("/system.slice/docker-{}.scope", CONTAINER.repeat(8)),
            _ => format!("{slice}/user@{uid}.service/app.slice"),
        },
    }
}

/// Whose a process can't be but this user's, by what the kernel and systemd say: users leave
/// neither the scope of a login that is open nor what their login's number is.
fn can_be_of(marks: &ProcessMarks, session: &Session, open: &[Session]) -> bool {
    let uid = session.facts.uid;
    let in_scope = |other: &&Session| {
        let (uid, logind) = (other.facts.uid, other.facts.logind.as_deref());
        logind.is_some_and(|number| {
            marks.cgroup == format!("/user.slice/user-{uid}.slice/session-{number}.scope")
        })
    };
    match open.iter().find(in_scope) {
        Some(other) => other.id == session.id,
        None => {
            let by_login = marks.login_uid == Some(uid);
            let by_services = marks
                .cgroup
                .starts_with(&format!("/user.slice/user-{uid}.slice/user@{uid}.service/"));
            by_login || by_services
        }
    }
}

/// What the bridges give an instance, from its session's begin on and whatever comes then.
struct Instances {
    now: Arc<Now>,
    policy: Policy,
    all: BTreeMap<SessionId, Context>,
}

impl Instances {
    fn begin(&mut self, session: &SessionId) {
        let (ports, _) = probe::ports(clock(), false);
        let ports = crate::Ports {
            processes: self.now.clone(),
            sessions: self.now.clone(),
            session: Some(session.clone()),
            ..ports
        };
        let (policy, at) = (&self.policy, ports.clock.now());
        let context = Context::new(policy, &policy.plugin, ports, at, Enforced::default());
        self.all.entry(session.clone()).or_insert(context);
    }

    async fn look(&mut self) -> Result<(), TestCaseError> {
        let open = self.now.open.lock().unwrap().clone();
        let marks = self.now.processes.lock().unwrap().clone();
        let mut seen_by: BTreeMap<usize, SessionId> = BTreeMap::new();
        for (own, context) in &mut self.all {
            let own_is_open = open.iter().find(|session| session.id == *own);
            let told = sessions::Host::open(context).await.unwrap().unwrap();
            let ids: Vec<String> = told.iter().map(|session| session.id.clone()).collect();
            let expected: Vec<String> = own_is_open.iter().map(|_| own.to_string()).collect();
            prop_assert_eq!(ids, expected);
            let buffer = processes::Host::read(context).await.unwrap().unwrap();
            let text = String::from_utf8_lossy(&buffer);
            for (at, marks) in marks.iter().enumerate() {
                if !text.contains(&name(at)) {
                    prop_assert!(!tells_pid(&buffer, at), "as a parent, {marks:?}");
                    continue;
                }
                prop_assert!(tells_pid(&buffer, at));
                let in_container = marks.cgroup.contains(CONTAINER);
                prop_assert!(!in_container || text.contains("0123cafe0123"));
                let session = own_is_open.expect("an instance of an ended session sees a process");
                prop_assert!(can_be_of(marks, session, &open), "{marks:?} {session:?}");
                let before = seen_by.insert(at, own.clone());
                prop_assert_eq!(before, None, "two instances see process {}", at);
            }
            for other in open.iter().filter(|other| other.id != *own) {
                prop_assert!(!text.contains(&other.id.to_string()), "{other:?}");
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_reachable_state_lets_a_session_collector_read_another_session(
        moments in moments(),
        grants in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u8..4), 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut tracker = Tracker::new(100);
        let now = Arc::new(Now::default());
        let mut instances = Instances {
            now: now.clone(),
            policy: policy(&grants),
            all: BTreeMap::new(),
        };
        for (at, moment) in moments.iter().enumerate() {
            let logins: BTreeMap<u32, &Login> =
                moment.logins.iter().map(|login| (login.0, login)).collect();
            let reading = Reading {
                consulted: [Source::Logind].into(),
                seen: logins.into_values().map(seen).collect(),
                ..Reading::default()
            };
            tracker.observe(&reading, Timestamp::from_ms(1_000 * at as u64));
            let open: Vec<Session> = tracker.sessions().cloned().collect();
            for session in &open {
                instances.begin(&session.id);
            }
            *now.open.lock().unwrap() = Arc::new(open);
            *now.processes.lock().unwrap() = moment.processes.iter().map(marks).collect();
            runtime.block_on(instances.look())?;
        }
    }
}
