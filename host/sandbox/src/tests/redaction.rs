//! What a policy drops or hashes is nowhere in a guest's memory: a guest that asks for all and
//! hands out every byte that it has.

use std::{net::IpAddr, num::NonZeroU16, sync::Arc, time::Duration};

use bailiwick_core::{
    bytes::ByteCount,
    policy::{Capability, Fields, Grant, Policy, Redaction, Scope, Seen, Sensitive, Whose},
    ports::{
        self, BoxFuture, FileSystem, Link, Prefix, Pseudonyms as _, Route, SystemDescription,
        UnavailableError, Unkeyed,
    },
    process::{Described, Process, ProcessState, ProcessTable, Way},
    session::{self, Reading, Session, Source, Tracker},
    time::{Monotonic, Timestamp},
};

use crate::{
    Instance,
    engine::engine,
    probe::{policy, ports},
    testing::{clock, component, limits},
};

/// Reads everything that tells of persons, and answers with its whole memory.
const LOOKER: &str = r#"(module
    (import "bailiwick:plugin/processes@0.1.0" "read" (func $read (param i32)))
    (import "bailiwick:plugin/sessions@0.1.0" "open" (func $open (param i32)))
    (import "bailiwick:plugin/system@0.1.0" "describe" (func $describe (param i32)))
    (import "bailiwick:plugin/system@0.1.0" "file-systems" (func $mounted (param i32)))
    (import "bailiwick:plugin/network@0.1.0" "links" (func $links (param i32)))
    (import "bailiwick:plugin/network@0.1.0" "routes" (func $routes (param i32)))
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
      (call $describe (i32.const 256))
      (call $mounted (i32.const 512))
      (call $links (i32.const 544))
      (call $routes (i32.const 576))
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
const STICK: &str = "/media/alice-the-user/stick";
const MAC: [u8; 6] = [0x52, 0x54, 0, 0xab, 0xcd, 0xef];
const ADDRESS: &str = "192.0.2.77";
const GATEWAY: &str = "192.0.2.1";
const CLIENT: &str = "198.51.100.9";

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
            memory: ByteCount::kib(4),
            read: None,
            written: None,
            threads: 1,
            state: ProcessState::Running,
        };
        let table = ProcessTable::new(
            Timestamp::from_ms(2),
            Monotonic::ZERO,
            Way::Proc,
            vec![process],
            0,
        );
        Box::pin(async move { Ok(Arc::new(table)) })
    }
}

impl ports::OpenSessions for Desk {
    fn open(&self) -> Arc<Vec<Session>> {
        let seen = session::Seen {
            user_name: Some(USER.to_owned()),
            client_name: Some(HOST.to_owned()),
            client_address: Some(IpAddr::from([198, 51, 100, 9])),
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

impl ports::System for Desk {
    fn describe(&self) -> BoxFuture<'_, Result<SystemDescription, UnavailableError>> {
        Box::pin(async {
            Ok(SystemDescription {
                host_name: HOST.to_owned(),
                family: "linux".to_owned(),
                architecture: "x86_64".to_owned(),
                kernel: "6.18".to_owned(),
                boot_time: Timestamp::from_ms(1),
                boot_id: String::new(),
                uptime_seconds: 1,
                processors: 1,
                memory: ByteCount::mib(1),
                swap: ByteCount::mib(0),
            })
        })
    }

    fn file_systems(&self) -> BoxFuture<'_, Result<Vec<FileSystem>, UnavailableError>> {
        Box::pin(async {
            Ok(vec![FileSystem {
                mount_point: STICK.to_owned(),
                device: "alice-the-user@server:".to_owned(),
                kind: "fuse.sshfs".to_owned(),
                total: ByteCount::mib(1),
                available: ByteCount::mib(1),
                read_only: false,
                removable: true,
            }])
        })
    }
}

impl ports::Links for Desk {
    fn links(&self) -> BoxFuture<'_, Result<Vec<Link>, UnavailableError>> {
        Box::pin(async {
            Ok(vec![Link {
                name: "eth0".to_owned(),
                index: 2,
                mac: Some(MAC),
                mtu: 1500,
                up: true,
                loopback: false,
                addresses: vec![Prefix {
                    ip: ADDRESS.parse().unwrap(),
                    bits: 24,
                }],
            }])
        })
    }

    fn routes(&self) -> BoxFuture<'_, Result<Vec<Route>, UnavailableError>> {
        Box::pin(async {
            Ok(vec![Route {
                destination: Prefix {
                    ip: "0.0.0.0".parse().unwrap(),
                    bits: 0,
                },
                gateway: Some(GATEWAY.parse().unwrap()),
                link: "eth0".to_owned(),
                metric: 0,
            }])
        })
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
    let grants = [
        Capability::Processes,
        Capability::Sessions,
        Capability::System,
        Capability::Network,
    ];
    policy.grants.extend(grants.map(grant));
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
    ports.system = Arc::new(Desk);
    ports.links = Arc::new(Desk);
    let now = ports.clock.now();
    let started = Instance::start(&component, &policy, &policy.plugin, ports, now).await;
    started.unwrap().collect().await.unwrap()
}

const SECRETS: [&str; 10] = [
    "alice", "hunter2", "password", "example", "/media", "server", "52:54:00", "192.0", "ab:cd",
    "198.51",
];

fn every(redaction: Redaction) -> Fields {
    let all = Sensitive::ALL.into_iter();
    all.fold(Fields::NONE, |fields, field| fields.given(field, redaction))
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
    let whole = seen_under(every(Redaction::Whole)).await;
    // Of the process, of the session, within the path, and of what the user mounted.
    assert_eq!(times(&whole, USER), 5);
    assert_eq!(times(&whole, COMMAND_LINE), 1);
    assert_eq!(times(&whole, HOST), 2);
    for text in [STICK, "52:54:00:ab:cd:ef", ADDRESS, GATEWAY, CLIENT] {
        assert_eq!(times(&whole, text), 1, "{text}");
    }
    let none = seen_under(Fields::NONE).await;
    for text in SECRETS {
        assert_eq!(times(&none, text), 0, "{text}");
    }
    for text in ["/home/~/bin/tool", "6.18", "eth0"] {
        assert_eq!(times(&none, text), 1, "it did look: {text}");
    }
}

#[tokio::test]
async fn a_hashed_value_is_one_digest_everywhere_and_never_itself() {
    let cut = Redaction::Truncated(NonZeroU16::new(4).unwrap());
    let fields = every(Redaction::Hashed).given(Sensitive::CommandLine, cut);
    let memory = seen_under(fields).await;
    for text in SECRETS {
        assert_eq!(times(&memory, text), 0, "{text}");
    }
    let named = [
        (Sensitive::MountPoint, STICK),
        (Sensitive::HostName, HOST),
        (Sensitive::Mac, "52:54:00:ab:cd:ef"),
        (Sensitive::Address, ADDRESS),
        (Sensitive::Address, GATEWAY),
        (Sensitive::Client, HOST),
        (Sensitive::Client, CLIENT),
    ];
    for (field, value) in named {
        let digest = Unkeyed.digest(field, value);
        assert_eq!(times(&memory, &digest), 1, "{value}");
    }
    let user = Unkeyed.digest(Sensitive::User, USER);
    assert_eq!(
        times(&memory, &user),
        2,
        "of the process and of the session"
    );
    assert_eq!(times(&memory, "tool -"), 0, "four characters and no more");
}
