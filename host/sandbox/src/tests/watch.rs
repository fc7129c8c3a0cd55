//! What a guest is told of changes.

use std::sync::{Arc, Mutex};

use bailiwick_core::{
    decision::{Answer, Decision},
    ids::PluginName,
    policy::{Capability, FileRoot, Files, Grant, Policy, Scope},
    ports::{self, BoxFuture, Changes, UnavailableError},
    session::SessionId,
    time::Timestamp,
};

use crate::{
    Instance,
    engine::engine,
    probe::{policy, ports},
    testing::{clock, component, limits},
};

/// Asks for changes with each call of `collect`, and saves what the host wrote as its answer.
const ASKER: &str = r#"(module
  (import "bailiwick:plugin/watch@0.1.0" "changed" (func $changes (param i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 65536))
  (func $nothing (result i32) (i64.store (i32.const 0) (i64.const 0)) (i32.const 0))
  (func (export "bailiwick:plugin/handover@0.1.0#load")
    (param i32 i32 i32 i32) (result i32) (call $nothing))
  (func (export "bailiwick:plugin/handover@0.1.0#save") (result i32)
    (i32.store (i32.const 16) (i32.const 128))
    (i32.store (i32.const 20) (i32.const 20))
    (i32.const 16))
  (func (export "bailiwick:plugin/collect@0.1.0#schema") (result i32) (call $nothing))
  (func (export "bailiwick:plugin/collect@0.1.0#collect") (result i32)
    (call $changes (i32.const 128))
    (call $nothing))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.and (i32.const -8)
      (i32.add (i32.const 7) (i32.add (global.get $free) (local.get $size)))))))"#;

/// Tells more than is granted.
struct Careless;

impl ports::Watch for Careless {
    fn changes<'a>(
        &'a self,
        _: &'a PluginName,
        _: &'a Arc<Files>,
    ) -> BoxFuture<'a, Result<Changes, UnavailableError>> {
        Box::pin(async {
            Ok(Changes {
                paths: ["/etc/hosts", "/etc/shadow"].map(str::to_owned).into(),
                incomplete: true,
            })
        })
    }
}

/// What was told of decisions.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl ports::Decisions for Told {
    fn note(&self, decision: Decision) {
        assert_eq!(decision.answer, Answer::Refused);
        self.0.lock().unwrap().push(decision.call.to_string());
    }
}

/// The numbers of the contract: whether it is an error; of an answer, how many paths and
/// whether it is incomplete.
async fn asked(expires: Option<Timestamp>, session: Option<SessionId>) -> (u8, u8, u8, u64) {
    let engine = engine().unwrap();
    let component = component(&engine, ASKER).await;
    let mut policy: Policy = policy(&limits());
    policy.grants.push(Grant {
        capability: Capability::Watch,
        scope: Scope::Files(vec![FileRoot {
            root: "/etc".to_owned(),
            patterns: vec!["hosts".parse().unwrap()],
        }]),
        expires,
        ..policy.grants[0].clone()
    });
    let (mut ports, _) = ports(clock(), false);
    ports.watch = Arc::new(Careless);
    ports.session = session;
    let told = Arc::new(Told::default());
    ports.decisions = told.clone();
    let now = ports.clock.now();
    let started = Instance::start(&component, &policy, &policy.plugin, ports, now).await;
    let mut instance = started.unwrap();
    instance.collect().await.unwrap();
    let saved = instance.save().await.unwrap();
    let denials = instance.usage().denials;
    let told = std::mem::take(&mut *told.0.lock().unwrap());
    assert_eq!(told.len() as u64, denials, "{told:?}");
    assert!(told.iter().all(|call| call == "watch /etc"), "{told:?}");
    // result, then a list's address and length and a boolean, or the error.
    match saved[0] {
        0 => (0, saved[8], saved[12], denials),
        _ => (1, saved[4], 0, denials),
    }
}

#[tokio::test]
async fn what_is_granted_is_told_and_nothing_else_whatever_the_port_says() {
    assert_eq!(asked(None, None).await, (0, 1, 1, 0));
    let later = Some(Timestamp::from_ms(u64::MAX));
    assert_eq!(asked(later, None).await, (0, 1, 1, 0));
}

#[tokio::test]
async fn an_expired_grant_is_denied_and_sessions_are_told_nothing() {
    const DENIED: u8 = 0;
    const UNAVAILABLE: u8 = 1;
    let past = Some(Timestamp::from_ms(1));
    assert_eq!(asked(past, None).await, (1, DENIED, 0, 1));
    let session = Some(SessionId::new("1", 1));
    assert_eq!(asked(None, session).await, (1, UNAVAILABLE, 0, 0));
}
