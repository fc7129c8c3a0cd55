//! What the tests of this crate share: a real clock, the compiler child, limits.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_core::{
    bytes::ByteCount,
    limits::{CpuShare, Limits},
    ports::{Clock, Compile as _},
    release::World,
    time::{Monotonic, Span, Timestamp},
};

use crate::{
    artifact::Artifact,
    compile::{Child, ChildLimits},
    component::Component,
    engine::{Engine, engine},
};

/// The machine's clocks.
pub(crate) struct Real(Instant);

impl Clock for Real {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::ZERO.after(self.0.elapsed())
    }

    fn thread_cpu_ns(&self) -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        u64::try_from(time.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap()
    }

    fn is_the_processors(&self) -> bool {
        let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        std::fs::read(source).is_ok_and(|name| name.trim_ascii() == b"tsc")
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(Real(Instant::now()))
}

/// Small enough that a test that has to wait for one does not wait long.
pub(crate) fn limits() -> Limits {
    Limits {
        memory: ByteCount::mib(4),
        deadline: Span::new(Duration::from_millis(400)),
        cpu: CpuShare {
            per_mille: 500,
            window: Span::new(Duration::from_millis(400)),
        },
        output: ByteCount::kib(256),
        host_calls: 2_000,
        log_lines: 20,
        state: ByteCount::kib(64),
    }
}

/// `bailiwick-compile`, which cargo builds beside the tests.
fn compiler() -> Child {
    let tests = std::env::current_exe().unwrap();
    let program: PathBuf = tests.ancestors().nth(2).unwrap().join("bailiwick-compile");
    assert!(
        program.exists(),
        "build it first: cargo build -p bailiwick-compile"
    );
    Child::new(program, ChildLimits::default())
}

/// The core module `text` as a component of the contract's world `collector`, compiled by
/// the child. It imports what the module imports, by the names of the contract.
pub(crate) async fn component(engine: &Engine, text: &str) -> Component {
    component_of(engine, World::Collector, text).await
}

/// The same of another world.
pub(crate) async fn component_of(engine: &Engine, world: World, text: &str) -> Component {
    let component = encode(text, world.name(), None);
    mapped(engine, &compiled(&component).await.unwrap())
}

/// The core module `text` as a component of `world`, which is one of the contract's, or
/// one of the package `guest` that `wit` tells.
pub(crate) fn encode(text: &str, world: &str, wit: Option<&str>) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let contract = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (mut package, _) = resolve.push_path(contract).unwrap();
    if let Some(wit) = wit {
        package = resolve.push_str("imports.wit", wit).unwrap();
    }
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
    )
    .unwrap();
    wit_component::ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// What the compiler made of a component, or said.
pub(crate) async fn compiled(component: &[u8]) -> Result<Vec<u8>, String> {
    let compiled = compiler().compile(component).await;
    compiled.map_err(|error| error.to_string())
}

/// What the compiler made, mapped.
pub(crate) fn mapped(engine: &Engine, compiled: &[u8]) -> Component {
    let artifact = Artifact::from_compiler(compiled.to_vec());
    Component::from_artifact(engine, &artifact).unwrap()
}

/// An engine and the probe, compiled by the child.
pub(crate) async fn probe() -> (Engine, Component) {
    let engine = engine().unwrap();
    let artifact = compiler().compile_probe("limits").await.unwrap();
    let component = Component::from_artifact(&engine, &artifact).unwrap();
    (engine, component)
}
