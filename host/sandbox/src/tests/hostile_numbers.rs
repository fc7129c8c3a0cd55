//! Every host call with every number that a guest can put where a pointer, a length or an
//! offset belongs.

use std::sync::Arc;

use bailiwick_core::{
    bytes::ByteCount,
    ids::PluginName,
    policy::{Capability, FileRoot, Policy, Scope},
    ports::{
        BoxFuture, Entry, FileKind, FileMetadata, Files, FilesError, Place, State, StateEntries,
        StateError,
    },
    release::World,
    time::Timestamp,
};
use proptest::prelude::*;

use crate::{
    CallError, Component, Instance, Ports,
    engine::{Engine, engine},
    probe::{policy, ports},
    testing::{clock, component_of, limits},
    usage::Usage,
};

/// The imports, as core functions: interface, name, and whether each parameter is an i64.
const FUNCTIONS: [(&str, &str, &[bool]); 26] = [
    ("log", "write", &[false, false, false]),
    ("clock", "now", &[]),
    ("clock", "monotonic", &[]),
    ("config", "get", &[false, false, false]),
    ("state", "get", &[false, false, false]),
    ("state", "set", &[false, false, false, false, false]),
    ("state", "delete", &[false, false, false]),
    ("state", "keys", &[false]),
    ("system", "describe", &[false]),
    ("system", "file-systems", &[false]),
    ("files", "read", &[false, false, true, false]),
    ("files", "read-part", &[false, false, true, false, false]),
    ("files", "list", &[false, false, false]),
    ("files", "look", &[false, false, false]),
    ("files", "read-link", &[false, false, false]),
    ("network", "links", &[false]),
    ("network", "routes", &[false]),
    ("wake", "send", &[false; 9]),
    ("exec", "run", &[false; MOST]),
    ("http", "send", &[false; 10]),
    ("watch", "changed", &[false]),
    (
        "process-control",
        "end",
        &[false, true, false, false, false, false, false],
    ),
    (
        "process-control",
        "suspend",
        &[false, true, false, false, false, false],
    ),
    (
        "process-control",
        "resume",
        &[false, true, false, false, false, false],
    ),
    ("message", "show", &[false; 5]),
    ("power", "ask", &[false; 2]),
];

/// As many as the function of the most takes.
const MOST: usize = 13;

/// A handler, since handlers have every capability, whose `load` takes two and [`MOST`] u64: which
/// function, what its allocator answers, and the arguments. There is a path that is granted at
/// address 512, 8 bytes long.
fn caller() -> String {
    let mut imports = String::new();
    let mut cases = String::new();
    for (index, (interface, name, parameters)) in FUNCTIONS.iter().enumerate() {
        let types: String = parameters
            .iter()
            .map(|long| if *long { " i64" } else { " i32" })
            .collect();
        let result = if *interface == "clock" {
            "(result i64)"
        } else {
            ""
        };
        imports += &format!(
            "(import \"bailiwick:plugin/{interface}@0.1.0\" \"{name}\"
               (func $f{index} (param{types}) {result}))"
        );
        let arguments: String = parameters
            .iter()
            .enumerate()
            .map(|(at, long)| {
                let load = if *long { "i64.load" } else { "i32.load" };
                format!("({load} offset={} (local.get $order))", 16 + 8 * at)
            })
            .collect();
        let call = format!("(call $f{index} {arguments})");
        let call = if result.is_empty() {
            call
        } else {
            format!("(drop {call})")
        };
        cases += &format!(
            "(if (i32.eq (i32.load (local.get $order)) (i32.const {index})) (then {call}))"
        );
    }
    format!(
        r#"(module
        {imports}
        (memory (export "memory") 2)
        (global $answer (mut i32) (i32.const 1024))
        (data (i32.const 512) "/there/a")
        (func $nothing (result i32) (i64.store (i32.const 0) (i64.const 0)) (i32.const 0))
        (func (export "bailiwick:plugin/handover@0.1.0#load")
          (param i32 i32) (param $order i32) (param i32) (result i32)
          (global.set $answer (i32.load offset=8 (local.get $order)))
          {cases}
          (i64.store (i32.const 0) (i64.const 0))
          (i64.store (i32.const 8) (i64.const 0))
          (i32.const 0))
        (func (export "bailiwick:plugin/handover@0.1.0#save") (result i32) (call $nothing))
        (func (export "bailiwick:plugin/handle@0.1.0#arguments-schema") (result i32)
          (call $nothing))
        (func (export "bailiwick:plugin/handle@0.1.0#handle")
          (param i32 i32 i32 i32 i64) (result i32) (call $nothing))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
          (global.get $answer)))"#
    )
}

/// A device with more of everything than fits, in files named by what they answer.
struct Plenty;

impl Files for Plenty {
    fn read<'a>(
        &'a self,
        _: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        assert!(at_most <= limits().memory, "the host would take {at_most}");
        Box::pin(async move {
            match at_most.get() {
                fits @ 100_000.. => Ok(vec![b'a'; usize::try_from(fits).unwrap()]),
                _ => Err(FilesError::TooLarge(ByteCount::new(u64::MAX))),
            }
        })
    }

    fn read_part<'a>(
        &'a self,
        _: Place<'a>,
        offset: u64,
        length: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        let length = u64::from(length).min(u64::MAX - offset);
        Box::pin(async move { Ok(vec![b'a'; usize::try_from(length).unwrap()]) })
    }

    fn list<'a>(
        &'a self,
        _: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>> {
        let entry = Entry {
            name: "a".repeat(200),
            kind: FileKind::File,
        };
        let count = at_most.get() / Entry::cost(200);
        Box::pin(async move { Ok(vec![entry; usize::try_from(count).unwrap()]) })
    }

    fn look<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>> {
        let metadata = FileMetadata {
            kind: FileKind::Other,
            size: ByteCount::new(u64::MAX),
            modified: Timestamp::from_ms(u64::MAX),
        };
        Box::pin(async move { Ok(metadata) })
    }

    fn read_link<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>> {
        Box::pin(async { Ok("a".repeat(4096)) })
    }
}

impl State for Plenty {
    fn load<'a>(&'a self, _: &'a PluginName) -> BoxFuture<'a, Result<StateEntries, StateError>> {
        let entries = (0..200).map(|n| (format!("key-{n}"), vec![b'a'; 200]));
        let entries: StateEntries = entries.collect();
        Box::pin(async move { Ok(entries) })
    }

    fn commit<'a>(
        &'a self,
        _: &'a PluginName,
        _: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Every capability, and the files beneath `/there`.
fn generous() -> Policy {
    let mut policy = policy(&limits());
    policy.config = [("/there/a".to_owned(), "a".repeat(4096))].into();
    let grant = policy.grants[0].clone();
    policy.grants = Capability::ALL
        .map(|capability| {
            let mut grant = grant.clone();
            grant.capability = capability;
            if capability == Capability::Files {
                grant.scope = Scope::Files(vec![FileRoot {
                    root: "/there".to_owned(),
                    patterns: vec!["**".parse().unwrap()],
                }]);
            }
            grant
        })
        .into();
    policy
}

struct Stage {
    runtime: tokio::runtime::Runtime,
    _engine: Engine,
    component: Component,
    policy: Policy,
    ports: Ports,
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let engine = engine().unwrap();
        let component = runtime.block_on(component_of(&engine, World::ActionHandler, &caller()));
        let (mut ports, _) = ports(clock(), false);
        ports.files = Arc::new(Plenty);
        ports.state = Arc::new(Plenty);
        Self {
            runtime,
            _engine: engine,
            component,
            policy: generous(),
            ports,
        }
    }

    /// One host call with these numbers, in an instance of its own.
    fn call(&self, function: usize, allocated: u32, arguments: [u64; MOST]) -> Usage {
        let order: Vec<u8> = [function as u64, u64::from(allocated)]
            .into_iter()
            .chain(arguments)
            .flat_map(u64::to_le_bytes)
            .collect();
        self.runtime.block_on(async {
            let (policy, ports) = (&self.policy, self.ports.clone());
            let now = ports.clock.now();
            let start = Instance::start(&self.component, policy, &policy.plugin, ports, now);
            let mut instance = start.await.unwrap();
            match instance.load("", &order).await {
                Ok(()) => assert!(instance.is_alive()),
                Err(CallError::Trapped(_)) => assert!(!instance.is_alive()),
                Err(other) => panic!("{other}"),
            }
            let usage = instance.usage();
            assert!(usage.memory_high_water <= policy.limits.memory, "{usage:?}");
            assert!(usage.host_calls <= 1);
            usage
        })
    }
}

/// Mostly what lies at a border: of a page, of memory, of a type's sign or width.
fn number() -> impl Strategy<Value = u64> {
    let borders = [
        0,
        1,
        8,
        511,
        512,
        1024,
        4 * 1024,
        64 * 1024,
        128 * 1024,
        256 * 1024,
        1024 * 1024,
        4 * 1024 * 1024,
        1 << 31,
        1 << 32,
        1 << 63,
        u64::MAX,
    ];
    prop_oneof![
        6 => (prop::sample::select(borders.to_vec()), -8_i64..=8)
            .prop_map(|(border, off)| border.wrapping_add_signed(off)),
        1 => any::<u64>(),
    ]
}

#[test]
fn no_number_makes_the_host_panic_or_hold_more_than_the_limit() {
    let stage = Stage::new();
    let allocated = prop_oneof![Just(1024_u32), any::<u32>(), 131_000_u32..131_100];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(64));
    for (function, imported) in FUNCTIONS.iter().enumerate() {
        let numbers = (allocated.clone(), prop::array::uniform::<_, MOST>(number()));
        runner
            .run(&numbers, |(allocated, arguments)| {
                stage.call(function, allocated, arguments);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{imported:?}: {error}"));
    }
}

/// The numbers that random ones do not find: a path that is granted, with each bound.
#[test]
fn no_offset_or_length_of_a_granted_file_gets_past_the_limit() {
    let stage = Stage::new();
    let borders = [
        0,
        1,
        65_536,
        1 << 20,
        (1 << 31) - 1,
        1 << 31,
        u64::MAX - 1,
        u64::MAX,
    ];
    let of_files = FUNCTIONS.iter().enumerate();
    for (function, _) in of_files.filter(|(_, (interface, ..))| *interface == "files") {
        // It reaches the device: a test of refused paths would show nothing.
        let granted = |numbers: [u64; 3]| {
            let mut arguments = [0; MOST];
            arguments[..2].copy_from_slice(&[512, 8]);
            arguments[2..5].copy_from_slice(&numbers);
            let usage = stage.call(function, 1024, arguments);
            assert_eq!((usage.host_calls, usage.denials), (1, 0), "{arguments:?}");
        };
        for a in borders {
            for b in borders {
                granted([a, b, 0]);
                granted([a, b, 256]);
            }
            granted([a, 256, 0]);
        }
        granted([256, 0, 0]);
    }
}
