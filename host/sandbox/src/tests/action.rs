//! Handlers of actions: answers, words, being called off, and every limit.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bailiwick_core::{
    action::{ActionId, Progress, Request},
    bytes::ByteCount,
    policy::{Capability, Program, RunAs, Scope, Shape},
    ports,
    release::World,
    time::{Span, Timestamp},
};
use tokio::sync::watch;

use super::start;
use crate::{
    CallError, Component, Failure, Instance, Trap,
    engine::{Engine, engine},
    testing::{component_of, limits},
};

/// A handler that does what the first letter of its arguments says.
const HANDLER: &str = r#"(module
    (import "bailiwick:plugin/progress@0.1.0" "report"
        (func $report (param i32 i32 i32 i32)))
    (memory (export "memory") 8)
    (data (i32.const 64) "half of it\0a")
    (data (i32.const 96) "{\"done\":true}")
    (data (i32.const 128) "{\"type\":\"object\"}")
    (global $top (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (global.get $top))
        (global.set $top (i32.add (global.get $top) (i32.and
            (i32.add (local.get 3) (i32.const 15)) (i32.const -16))))
        (local.get $at))
    (func $answer (param $case i32) (param $at i32) (param $length i32) (result i32)
        (i32.store (i32.const 16) (local.get $case))
        (i32.store (i32.const 20) (local.get $at))
        (i32.store (i32.const 24) (local.get $length))
        (i32.const 16))
    (func (export "bailiwick:plugin/handle@0.1.0#arguments-schema") (result i32)
        (i32.store (i32.const 16) (i32.const 128))
        (i32.store (i32.const 20) (i32.const 17))
        (i32.const 16))
    (func (export "bailiwick:plugin/handle@0.1.0#handle")
        (param $id i32) (param i32) (param $arguments i32) (param i32) (param i64) (result i32)
        (local $letter i32)
        (local $times i32)
        (local.set $letter (i32.load8_u (local.get $arguments)))
        (if (i32.eq (local.get $letter) (i32.const 102)) (then ;; f: it failed
            (i32.store (i32.const 20) (i32.const 2))
            (i32.store (i32.const 24) (i32.const 64))
            (i32.store (i32.const 28) (i32.const 11))
            (i32.store (i32.const 16) (i32.const 1))
            (return (i32.const 16))))
        (if (i32.eq (local.get $letter) (i32.const 111)) (then ;; o: too much
            (return (call $answer (i32.const 0) (i32.const 1024) (i32.const 70000)))))
        (if (i32.eq (local.get $letter) (i32.const 112)) (then ;; p: tells much
            (loop $again
                (call $report (i32.const 1) (i32.const 50) (i32.const 64) (i32.const 11))
                (local.set $times (i32.add (local.get $times) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $times) (i32.const 1000))))))
        (if (i32.eq (local.get $letter) (i32.const 115)) (then ;; s: never ends
            (loop $for-ever (br $for-ever))))
        (if (i32.eq (local.get $letter) (i32.const 117)) (then unreachable)) ;; u
        (call $answer (i32.const 0) (i32.const 96) (i32.const 13)))
    (func (export "bailiwick:plugin/handover@0.1.0#save") (result i32)
        (i32.store (i32.const 16) (i32.const 64))
        (i32.store (i32.const 20) (i32.const 4))
        (i32.const 16))
    (func (export "bailiwick:plugin/handover@0.1.0#load")
        (param i32 i32 i32 i32) (result i32)
        (i32.store (i32.const 16) (i32.const 0))
        (i32.const 16)))"#;

async fn handler() -> (Engine, Component) {
    let engine = engine().unwrap();
    let component = component_of(&engine, World::ActionHandler, HANDLER).await;
    (engine, component)
}

fn request(arguments: &str) -> Request {
    Request {
        id: ActionId::from_bytes([7; 16]),
        handler: "probe".parse().unwrap(),
        arguments: arguments.to_owned(),
        expires: Timestamp::from_ms(1_900_000_000_000),
    }
}

/// The answer to `arguments` and what was told meanwhile.
async fn ask(
    instance: &mut Instance,
    arguments: &str,
) -> (Result<Result<String, Failure>, CallError>, Vec<Progress>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let words = Arc::clone(&told);
    let sink = Box::new(move |word| words.lock().unwrap().push(word));
    let (_keep, cancel) = watch::channel(false);
    let answer = instance.handle(&request(arguments), sink, cancel).await;
    let told = std::mem::take(&mut *told.lock().unwrap());
    (answer, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_says_what_it_takes_and_answers_or_says_why_not() {
    let (_engine, handler) = handler().await;
    let (mut instance, _) = start(&handler, &limits()).await;
    assert_eq!(instance.world(), World::ActionHandler);
    assert_eq!(
        instance.arguments_schema().await.unwrap(),
        "{\"type\":\"object\"}"
    );
    let (answer, _) = ask(&mut instance, "d").await;
    assert_eq!(answer.unwrap(), Ok("{\"done\":true}".to_owned()));
    let (answer, _) = ask(&mut instance, "f").await;
    assert_eq!(
        answer.unwrap(),
        Err(Failure::Failed("half of it\\n".to_owned()))
    );
    assert!(matches!(
        instance.collect().await,
        Err(CallError::OtherWorld(World::ActionHandler))
    ));
    let saved = instance.save().await.unwrap();
    assert_eq!(saved, b"half");
    instance.load("0.1.0", &saved).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_asked_nothing_that_handlers_are() {
    let (_engine, probe) = crate::testing::probe().await;
    let (mut instance, _) = start(&probe, &limits()).await;
    let (answer, _) = ask(&mut instance, "d").await;
    assert!(
        matches!(answer, Err(CallError::OtherWorld(World::Collector))),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_are_passed_on_at_most_four_a_second() {
    let (_engine, handler) = handler().await;
    let (mut instance, _) = start(&handler, &limits()).await;
    let began = Instant::now();
    let (answer, told) = ask(&mut instance, "p").await;
    answer.unwrap().unwrap();
    let most = 1 + began.elapsed().as_millis() / 250;
    assert!((1..=most).contains(&(told.len() as u128)), "{}", told.len());
    assert_eq!(told[0].percent, Some(50));
    assert_eq!(told[0].text, "half of it\\n");
    assert_eq!(instance.usage().host_calls, 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_limit_holds_for_a_handler_and_a_fresh_instance_follows() {
    let (_engine, handler) = handler().await;
    let mut roomy = limits();
    roomy.cpu.per_mille = 1_000;
    roomy.cpu.window = Span::new(Duration::from_secs(30));
    let mut few = roomy;
    few.host_calls = 10;
    let mut small = roomy;
    small.output = ByteCount::new(12);
    for (arguments, limits, expected) in [
        ("u", roomy, Trap::Unreachable),
        ("s", roomy, Trap::Deadline),
        // Beyond 64 KiB, whatever the policy allows.
        ("o", roomy, Trap::Output),
        ("d", small, Trap::Output),
        ("p", few, Trap::HostCalls),
    ] {
        let (mut instance, _) = start(&handler, &limits).await;
        let (answer, _) = ask(&mut instance, arguments).await;
        assert_eq!(answer.unwrap_err().trap(), Some(&expected), "{arguments}");
        assert!(!instance.is_alive());
        let (mut fresh, _) = start(&handler, &roomy).await;
        ask(&mut fresh, "d").await.0.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_on_for_a_second_after_being_called_off_is_stopped() {
    let (_engine, handler) = handler().await;
    let mut patient = limits();
    patient.deadline = Span::new(Duration::from_secs(60));
    patient.cpu.per_mille = 1_000;
    patient.cpu.window = patient.deadline;
    let (mut instance, _) = start(&handler, &patient).await;
    let (call_off, cancel) = watch::channel(true);
    let began = Instant::now();
    let request = request("s");
    let answer = instance.handle(&request, Box::new(|_| ()), cancel).await;
    assert_eq!(answer.unwrap_err().trap(), Some(&Trap::Cancelled));
    let took = began.elapsed();
    assert!((1_000..30_000).contains(&took.as_millis()), "{took:?}");
    assert!(!instance.is_alive());
    assert_eq!(instance.usage().traps, 1);
    drop(call_off);
}

/// A program that never ends, and whether its run was given up.
#[derive(Default)]
struct Endless(Arc<std::sync::atomic::AtomicBool>, Arc<tokio::sync::Notify>);

impl ports::Exec for Endless {
    fn run(
        &self,
        _: ports::ExecOrder,
    ) -> ports::BoxFuture<'_, Result<ports::ExecRan, ports::ExecError>> {
        struct GivenUp(Arc<std::sync::atomic::AtomicBool>);
        impl Drop for GivenUp {
            fn drop(&mut self) {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let given_up = GivenUp(Arc::clone(&self.0));
        self.1.notify_one();
        Box::pin(async move {
            let _given_up = given_up;
            std::future::pending().await
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_given_up_at_once_when_its_action_is_called_off() {
    let engine = engine().unwrap();
    let text = HANDLER
        .replacen(
            "(module",
            "(module (import \"bailiwick:plugin/exec@0.1.0\" \"run\"
                (func $run (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))",
            1,
        )
        .replace("\"half of it\\0a\"", "\"/p\"")
        .replacen(
            "(if (i32.eq (local.get $letter) (i32.const 117))",
            "(call $run (i32.const 64) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
             (if (i32.eq (local.get $letter) (i32.const 117))",
            1,
        );
    let handler = component_of(&engine, World::ActionHandler, &text).await;
    let mut patient = limits();
    patient.deadline = Span::new(Duration::from_secs(60));
    let mut policy = crate::probe::policy(&patient);
    let mut grant = policy.grants[0].clone();
    grant.capability = Capability::Exec;
    grant.scope = Scope::Programs(vec![Program {
        path: "/p".to_owned(),
        sha256: None,
        arguments: vec![Shape::default()],
        run_as: RunAs::Root,
        environment: std::collections::BTreeMap::new(),
        directory: "/".to_owned(),
        time_limit: Duration::from_secs(60),
        output_limit: ByteCount::kib(1),
    }]);
    policy.grants.push(grant);
    let (mut ports, _) = crate::probe::ports(crate::testing::clock(), false);
    let (given_up, begun) = (Arc::default(), Arc::<tokio::sync::Notify>::default());
    ports.exec = Arc::new(Endless(Arc::clone(&given_up), Arc::clone(&begun)));
    let now = ports.clock.now();
    let started = Instance::start(&handler, &policy, &policy.plugin, ports, now).await;
    let mut instance = started.unwrap();
    let (call_off, cancel) = watch::channel(false);
    let request = request("d");
    let (answer, ()) = tokio::join!(instance.handle(&request, Box::new(|_| ()), cancel), async {
        begun.notified().await;
        call_off.send_replace(true);
    });
    assert!(given_up.load(std::sync::atomic::Ordering::Relaxed));
    // The handler heard of it and ended by itself.
    assert!(answer.unwrap().is_ok());
    assert!(instance.is_alive());
}
