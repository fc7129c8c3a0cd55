//! What a policy drops or hashes is nowhere in a guest's memory: a guest that asks for all and
//! hands out every byte that it has.

use std::{num::NonZeroU16, sync::Arc, time::Duration};

use bailiwick_core::{
    policy::{Capability, Fields, Grant, Policy, Redaction, Scope, Seen, Sensitive, Whose},
    ports::{self, BoxFuture, Pseudonyms as _, UnavailableError, Unkeyed},
    process::{Described, Process, ProcessState, ProcessTable},
    session::{self, Reading, Session, Source, Tracker},
    time::{Monotonic, Timestamp},
};

use crate::{
    Instance,
    engine::engine,
    probe::{policy, ports},
    testing::{clock, component, limits},
};

/// Reads processes and sessions, and answers with its whole memory.
const LOOKER: &str = r#"(module
    (import "bailiwick:plugin/processes@0.1.0" "read" (func $read (param i32)))
    (import "bailiwick:plugin/sessions@0.1.0" "open" (func $open (param i32)))
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func $nothing (result i32) (i64.store (i32.const 0) (i64.const 0)) (i32.const 0))
    (func (export "bailiwick:plugin/handover@0.1.0#load")
      (param i32 i32 i32 i32) (result i32) (call $nothing))
    (func (export "bailiwick:plugin/handover@0.1.0#save") (result i32) (call $nothing))
    (func (export "bailiwick:plugin/collect@0.1.0#schema") (result i32) (call $nothing))
    (func (export "bailiwick:plugin/collect@0.1.0#collect") (result i32)
      (call $read (i32.const 64))
      (call $open (i32.const 128))
      (i32.store (i32.const 16) (i32.const 0))
      (i32.store (i32.const 20) (i32.const 0))
      (i32.store (i32.const 24) (i32.const 65536))
      (i32.const 16))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (local $given i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (local.set $given (global.get $next))
      (global.set $next (i32.add (global.get $next) (local.get 3)))
      (local.get $given)))"#;

const USER: &str = "alice-the-user";
const HOME: &str = "/home/alice-the-user/bin/tool";
const COMMAND_LINE: &str = "tool --password hunter2-and-more";
const HOST: &str = "laptop-of-alice.example";

/// One process of one session.
struct Desk;

impl ports::Processes for Desk {
    fn table(&self, _: Duration) -> BoxFuture<'_, Result<Arc<ProcessTable>, UnavailableError>> {
        let described = Described {
            name: "tool".to_owned(),
            executable: HOME.to_owned(),
            command_line: COMMAND_LINE.to_owned(),
            user: Some(USER.to_owned()),
            ..Described::default()
        };
        let process = Process {
            pid: 7,
            started: Timestamp::from_ms(1),
            parent: 1,
            described: Arc::new(described),
            cpu_ms: 0,
            memory: bailiwick_core::bytes::ByteCount::kib(4),
            read: None,
            written: None,
            threads: 1,
            state: ProcessState::Running,
        };
        let table = ProcessTable {
            taken_at: Timestamp::from_ms(2),
            taken: Monotonic::ZERO,
            processes: vec![process],
            cut: 0,
        };
        Box::pin(async move { Ok(Arc::new(table)) })
    }
}

impl ports::OpenSessions for Desk {
    fn open(&self) -> Arc<Vec<Session>> {
        let seen = session::Seen {
            user_name: Some(USER.to_owned()),
            remote_host: Some(HOST.to_owned()),
            ..session::Seen::new(Source::Kernel, 1000)
        };
        let seen = session::Seen {
            audit: Some(3),
            ..seen
        };
        let reading = Reading {
            consulted: [Source::Kernel].into(),
            seen: vec![seen],
            ..Reading::default()
        };
        let mut tracker = Tracker::new(10);
        tracker.observe(&reading, Timestamp::from_ms(1));
        Arc::new(tracker.sessions().cloned().collect())
    }
}

fn granted(fields: Fields) -> Policy {
    let mut policy = policy(&limits());
    let like = policy.grants[0].clone();
    let grant = |capability| Grant {
        capability,
        scope: Scope::Seen(Seen {
            whose: Whose::All,
            fields,
        }),
        ..like.clone()
    };
    let grants = [Capability::Processes, Capability::Sessions].map(grant);
    policy.grants.extend(grants);
    policy
}

/// Every byte of the memory of a guest that looked.
async fn seen_under(fields: Fields) -> Vec<u8> {
    let engine = engine().unwrap();
    let component = component(&engine, LOOKER).await;
    let policy = granted(fields);
    let (mut ports, _) = ports(clock(), false);
    ports.processes = Arc::new(Desk);
    ports.sessions = Arc::new(Desk);
    let now = ports.clock.now();
    let started = Instance::start(&component, &policy, &policy.plugin, ports, now).await;
    started.unwrap().collect().await.unwrap()
}

fn times(memory: &[u8], text: &str) -> usize {
    let text = text.as_bytes();
    memory
        .windows(text.len())
        .filter(|part| *part == text)
        .count()
}

#[tokio::test]
async fn what_is_given_as_it_is_is_found_and_what_is_dropped_is_not() {
    let all = Fields::NONE
        .with(Sensitive::User)
        .with(Sensitive::CommandLine)
        .with(Sensitive::Place);
    let whole = seen_under(all).await;
    // Of the process, of the session, and within the path.
    assert_eq!(times(&whole, USER), 3);
    assert_eq!(times(&whole, COMMAND_LINE), 1);
    assert_eq!(times(&whole, HOST), 1);
    let none = seen_under(Fields::NONE).await;
    for text in [USER, "alice", "hunter2", "password", HOST] {
        assert_eq!(times(&none, text), 0, "{text}");
    }
    assert_eq!(times(&none, "/home/~/bin/tool"), 1, "it did look");
}

#[tokio::test]
async fn a_hashed_value_is_one_digest_everywhere_and_never_itself() {
    let cut = Redaction::Truncated(NonZeroU16::new(4).unwrap());
    let fields = Fields::NONE
        .given(Sensitive::User, Redaction::Hashed)
        .given(Sensitive::CommandLine, cut)
        .given(Sensitive::Place, Redaction::Hashed);
    let memory = seen_under(fields).await;
    for text in ["alice", "hunter2", "password", HOST, "example"] {
        assert_eq!(times(&memory, text), 0, "{text}");
    }
    let user = Unkeyed.digest(Sensitive::User, USER);
    assert_eq!(
        times(&memory, &user),
        2,
        "of the process and of the session"
    );
    let host = Unkeyed.digest(Sensitive::Place, HOST);
    assert_eq!(times(&memory, &host), 1);
    assert_eq!(times(&memory, "tool -"), 0, "four characters and no more");
}
