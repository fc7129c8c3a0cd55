//! What is told of decisions: refusals and what changes something, and never a read that is
//! allowed.

use std::sync::{Arc, Mutex};

use bailiwick_core::{
    decision::{Answer, Decision},
    policy::{Call, Capability, FileRoot, Grant, Policy, Scope, WakeAllowed, Wakes, packet_for},
    ports::{self, BoxFuture, WakeCarrier, WakeError},
    time::Timestamp,
};

use crate::{
    Instance,
    engine::engine,
    probe::{policy, ports},
    testing::{clock, component, limits},
};

const MAC: [u8; 6] = [0x52, 0x54, 0, 1, 2, 3];

/// A guest that asks, with each call of `collect`, for what is granted, for what is not and for
/// what was, and wakes two neighbours, of whom one is granted.
fn asker() -> String {
    let escaped =
        |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("\\{byte:02x}")).collect() };
    let (granted, other) = (packet_for(MAC), packet_for([0x52, 0x54, 0, 9, 9, 9]));
    format!(
        r#"(module
        (import "bailiwick:plugin/files@0.1.0" "look" (func $look (param i32 i32 i32)))
        (import "bailiwick:plugin/system@0.1.0" "describe" (func $describe (param i32)))
        (import "bailiwick:plugin/wake@0.1.0" "send"
          (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (memory (export "memory") 2)
        (data (i32.const 512) "/there/a/etc/shadoweth0")
        (data (i32.const 600) "{}")
        (data (i32.const 800) "{}")
        (func $nothing (result i32) (i64.store (i32.const 0) (i64.const 0)) (i32.const 0))
        (func (export "bailiwick:plugin/handover@0.1.0#load")
          (param i32 i32 i32 i32) (result i32) (call $nothing))
        (func (export "bailiwick:plugin/handover@0.1.0#save") (result i32) (call $nothing))
        (func (export "bailiwick:plugin/collect@0.1.0#schema") (result i32) (call $nothing))
        (func (export "bailiwick:plugin/collect@0.1.0#collect") (result i32)
          (call $look (i32.const 512) (i32.const 8) (i32.const 64))
          (call $look (i32.const 520) (i32.const 11) (i32.const 64))
          (call $describe (i32.const 64))
          (call $send (i32.const 531) (i32.const 4) (i32.const 2) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 600) (i32.const 102) (i32.const 64))
          (call $send (i32.const 531) (i32.const 4) (i32.const 2) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 800) (i32.const 102) (i32.const 64))
          (call $nothing))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))"#,
        escaped(&granted),
        escaped(&other),
    )
}

/// The policy of the probe, with what the guest imports besides.
fn granted() -> Policy {
    let mut policy = policy(&limits());
    let like = policy.grants[0].clone();
    let grant = |capability, scope, expires| Grant {
        capability,
        scope,
        expires,
        ..like.clone()
    };
    policy.grants.extend([
        grant(
            Capability::Files,
            Scope::Files(vec![FileRoot {
                root: "/there".to_owned(),
                patterns: vec!["a".parse().unwrap()],
            }]),
            None,
        ),
        grant(
            Capability::System,
            Scope::Whole,
            Some(Timestamp::from_ms(1)),
        ),
        grant(
            Capability::Wake,
            Scope::Wakes(Wakes {
                macs: vec![MAC.to_vec()],
                links: Vec::new(),
                per_minute: 60,
            }),
            None,
        ),
    ]);
    policy
}

#[derive(Default)]
struct Told(Mutex<Vec<Decision>>);

impl ports::Decisions for Told {
    fn note(&self, decision: Decision) {
        self.0.lock().unwrap().push(decision);
    }
}

/// Every packet leaves.
struct Sends;

impl ports::Wake for Sends {
    fn send<'a>(
        &'a self,
        _: &'a bailiwick_core::ids::PluginName,
        _: Option<bailiwick_core::digest::Sha256>,
        _: WakeAllowed,
        _: &'a str,
        _: WakeCarrier,
        _: &'a [u8],
    ) -> BoxFuture<'a, Result<(), WakeError>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn refusals_and_effects_are_told_and_reads_that_are_allowed_are_not() {
    let engine = engine().unwrap();
    let component = component(&engine, &asker()).await;
    let policy = granted();
    let told = Arc::new(Told::default());
    let (mut ports, _) = ports(clock(), false);
    ports.decisions = told.clone();
    ports.wake = Arc::new(Sends);
    let now = ports.clock.now();
    let started = Instance::start(&component, &policy, &policy.plugin, ports, now).await;
    let mut instance = started.unwrap();
    instance.collect().await.unwrap();

    let told = std::mem::take(&mut *told.0.lock().unwrap());
    let words = |one: &Decision| (one.call.to_string(), one.answer.clone());
    let told: Vec<_> = told.iter().map(words).collect();
    let expected = [
        ("files /etc/shadow", Answer::Refused),
        ("system", Answer::Refused),
        ("wake 52:54:00:01:02:03 eth0", Answer::Done),
        ("wake 52:54:00:09:09:09 eth0", Answer::Refused),
    ];
    assert_eq!(
        told,
        expected.map(|(call, answer)| (call.to_owned(), answer))
    );
    assert_eq!(instance.usage().denials, 3);
    let known = Call::from_words(&["files", "/etc/shadow"]).unwrap();
    assert!(policy.matcher().permits(&known, now).is_err());
}
