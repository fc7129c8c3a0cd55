//! What only handlers have: controlling processes, telling users, and power. What the guest asks
//! for reaches the ports as the policy has it, and nothing else does.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_core::{
    action::{ActionId, Request},
    decision::{Answer, Decision},
    policy::{
        Call, Capability, Control, ControlVerb, ControlledOf, Controls, Denial, Found, Messages,
        PowerVerb, Powers, Presence, Recipient, Scope,
    },
    ports::{
        self, BoxFuture, ControlAnswer, ControlError, ControlOrder, Controlled, Delivered,
        MessageError, MessageOrder, PowerError, PowerOrder,
    },
    release::World,
    session::{Reading, Seen, Session, SessionKind, Source, Tracker},
    time::{Span, Timestamp},
};
use tokio::sync::{Notify, watch};

use crate::{
    Component, Instance, Ports,
    engine::{Engine, engine},
    testing::{component_of, limits},
};

/// Calls what the first letter of its arguments names, and answers with the bytes of the result.
/// The session `1#1` is named where one is.
const HANDLER: &str = r#"(module
    (import "bailiwick:plugin/process-control@0.1.0" "end"
        (func $end (param i32 i64 i32 i32 i32 i32 i32)))
    (import "bailiwick:plugin/process-control@0.1.0" "suspend"
        (func $suspend (param i32 i64 i32 i32 i32 i32)))
    (import "bailiwick:plugin/message@0.1.0" "show" (func $show (param i32 i32 i32 i32 i32)))
    (import "bailiwick:plugin/power@0.1.0" "ask" (func $ask (param i32 i32)))
    (memory (export "memory") 2)
    (data (i32.const 64) "1#1")
    (data (i32.const 96) "Save\1b[2J now")
    (global $top (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (global.get $top))
        (global.set $top (i32.add (global.get $top) (i32.and
            (i32.add (local.get 3) (i32.const 15)) (i32.const -16))))
        (local.get $at))
    (func $text (param i32 i32) (result i32)
        (i32.store (i32.const 16) (i32.const 0))
        (i32.store (i32.const 20) (local.get 0))
        (i32.store (i32.const 24) (local.get 1))
        (i32.const 16))
    (func (export "bailiwick:plugin/handle@0.1.0#arguments-schema") (result i32)
        (i32.store (i32.const 16) (i32.const 64))
        (i32.store (i32.const 20) (i32.const 3))
        (i32.const 16))
    (func (export "bailiwick:plugin/handle@0.1.0#handle")
        (param i32 i32 i32 i32 i64) (result i32)
        (local $letter i32)
        (local.set $letter (i32.load8_u (local.get 2)))
        (if (i32.eq (local.get $letter) (i32.const 101)) (then ;; e
            (call $end (i32.const 7) (i64.const 1000) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 100000) (i32.const 256))))
        (if (i32.eq (local.get $letter) (i32.const 115)) (then ;; s
            (call $suspend (i32.const 7) (i64.const 1000) (i32.const 1) (i32.const 64)
                (i32.const 3) (i32.const 256))))
        (if (i32.eq (local.get $letter) (i32.const 109)) (then ;; m
            (call $show (i32.const 64) (i32.const 3) (i32.const 96) (i32.const 12)
                (i32.const 256))))
        (if (i32.eq (local.get $letter) (i32.const 112)) (then ;; p: reboot
            (call $ask (i32.const 3) (i32.const 256))))
        (call $text (i32.const 256) (i32.const 5)))
    (func (export "bailiwick:plugin/handover@0.1.0#save") (result i32)
        (i32.store (i32.const 16) (i32.const 64))
        (i32.store (i32.const 20) (i32.const 0))
        (i32.const 16))
    (func (export "bailiwick:plugin/handover@0.1.0#load")
        (param i32 i32 i32 i32) (result i32)
        (i32.store (i32.const 16) (i32.const 0))
        (i32.const 16)))"#;

/// What the answer's first and fifth byte are: whether it is an error, and which case.
const fn result(is_error: u8, case: u8) -> (u8, u8) {
    (is_error, case)
}

const DENIED: (u8, u8) = result(1, 0);

/// Notes what it is asked.
#[derive(Default)]
struct Outside {
    controls: Mutex<Vec<ControlOrder>>,
    control: Mutex<Option<ControlError>>,
    messages: Mutex<Vec<MessageOrder>>,
    power: Mutex<Vec<(&'static str, PowerVerb)>>,
    asked: Notify,
    decisions: Mutex<Vec<Decision>>,
    sessions: Mutex<Arc<Vec<Session>>>,
}

fn control(order: &ControlOrder) -> Control {
    Control {
        verb: order.verb,
        executable: "/usr/bin/a".to_owned(),
        found: Found::InNamedSession,
    }
}

impl ports::ProcessControl for Outside {
    fn control(&self, order: ControlOrder) -> BoxFuture<'_, ControlAnswer> {
        let answer = ControlAnswer {
            control: Some(control(&order)),
            result: match self.control.lock().unwrap().clone() {
                Some(error) => Err(error),
                None => Ok(Controlled::Killed),
            },
        };
        self.controls.lock().unwrap().push(order);
        Box::pin(std::future::ready(answer))
    }
}

impl ports::Message for Outside {
    fn show(&self, order: MessageOrder) -> BoxFuture<'_, Result<Delivered, MessageError>> {
        self.messages.lock().unwrap().push(order);
        self.asked.notify_one();
        Box::pin(std::future::ready(Ok(Delivered::Terminal)))
    }
}

impl Outside {
    fn note(&self, step: &'static str, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        self.power.lock().unwrap().push((step, order.verb));
        Box::pin(std::future::ready(Ok(())))
    }
}

impl ports::Power for Outside {
    fn ready(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        self.note("ready", order)
    }

    fn go(&self, order: PowerOrder) -> BoxFuture<'_, Result<(), PowerError>> {
        self.note("go", order)
    }
}

impl ports::Decisions for Outside {
    fn note(&self, decision: Decision) {
        self.decisions.lock().unwrap().push(decision);
    }
}

impl ports::OpenSessions for Outside {
    fn open(&self) -> Arc<Vec<Session>> {
        Arc::clone(&self.sessions.lock().unwrap())
    }
}

/// One session, `1#1`.
fn session(uid: u32, user: &str) -> Arc<Vec<Session>> {
    let mut tracker = Tracker::new(100);
    let reading = Reading {
        consulted: [Source::Logind].into(),
        seen: vec![Seen {
            logind: Some("1".to_owned()),
            user_name: Some(user.to_owned()),
            kind: Some(SessionKind::Console),
            ..Seen::new(Source::Logind, uid)
        }],
        ..Reading::default()
    };
    tracker.observe(&reading, Timestamp::EPOCH);
    Arc::new(tracker.sessions().cloned().collect())
}

struct Stage {
    outside: Arc<Outside>,
    _engine: Engine,
    component: Component,
    users: Presence,
}

impl Stage {
    async fn new() -> Self {
        let engine = engine().unwrap();
        Self {
            component: component_of(&engine, World::ActionHandler, HANDLER).await,
            _engine: engine,
            outside: Arc::default(),
            users: Presence::Present,
        }
    }

    async fn instance(&self) -> Instance {
        let mut patient = limits();
        patient.deadline = Span::new(Duration::from_secs(60));
        let mut policy = crate::probe::policy(&patient);
        let scopes = [
            (
                Capability::ProcessControl,
                Scope::Controls(Controls {
                    verbs: ControlVerb::ALL.to_vec(),
                    executables: vec!["/usr/bin/a".parse().unwrap()],
                    whose: ControlledOf::NamedSession,
                    per_minute: 6,
                }),
            ),
            (
                Capability::Message,
                Scope::Messages(Messages {
                    users: vec![Recipient::AnyButRoot],
                    from: "IT desk".to_owned(),
                    per_minute: 6,
                }),
            ),
            (
                Capability::Power,
                Scope::Powers(Powers {
                    verbs: vec![PowerVerb::Reboot],
                    when_users: self.users,
                    warn_for: Duration::from_millis(30),
                    pause: Duration::ZERO,
                }),
            ),
        ];
        for (capability, scope) in scopes {
            let mut grant = policy.grants[0].clone();
            (grant.capability, grant.scope) = (capability, scope);
            policy.grants.push(grant);
        }
        let (ports, _) = crate::probe::ports(crate::testing::clock(), false);
        let ports = Ports {
            process_control: self.outside.clone(),
            message: self.outside.clone(),
            power: self.outside.clone(),
            decisions: self.outside.clone(),
            sessions: self.outside.clone(),
            ..ports
        };
        let now = ports.clock.now();
        let start = Instance::start(&self.component, &policy, &policy.plugin, ports, now);
        start.await.unwrap()
    }

    async fn ask(&self, letter: &str) -> (u8, u8) {
        let (_keep, cancel) = watch::channel(false);
        self.ask_until(letter, cancel).await
    }

    async fn ask_until(&self, letter: &str, cancel: watch::Receiver<bool>) -> (u8, u8) {
        let request = Request {
            id: ActionId::from_bytes([7; 16]),
            handler: "probe".parse().unwrap(),
            arguments: letter.to_owned(),
            expires: Timestamp::from_ms(1_900_000_000_000),
        };
        let mut instance = self.instance().await;
        let answer = instance.handle(&request, Box::new(|_| ()), cancel).await;
        let bytes = answer.unwrap().unwrap().into_bytes();
        (bytes[0], bytes[4])
    }

    fn decided(&self) -> (Call, Answer) {
        let decided = std::mem::take(&mut *self.outside.decisions.lock().unwrap());
        let [decision] = decided.as_slice() else {
            panic!("{decided:?}")
        };
        (decision.call.clone(), decision.answer.clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_controlled_as_asked_and_refusals_do_not_tell_what_is_there() {
    let stage = Stage::new().await;
    assert_eq!(stage.ask("e").await, result(0, 1));
    let (call, answer) = stage.decided();
    assert!(matches!(call, Call::Control(_)) && answer == Answer::Done);
    {
        let orders = stage.outside.controls.lock().unwrap();
        let order = &orders[0];
        assert_eq!((order.pid, order.started), (7, Timestamp::from_ms(1_000)));
        assert_eq!(order.grace, Duration::from_secs(60), "as the contract says");
        assert!(order.session.is_none());
    }
    // No session is open: nothing outside is asked.
    assert_eq!(stage.ask("s").await, DENIED);
    assert_eq!(stage.outside.controls.lock().unwrap().len(), 1);
    assert_eq!(stage.decided().1, Answer::Refused);
    *stage.outside.sessions.lock().unwrap() = session(1_000, "ann");
    for (error, expected) in [
        (ControlError::Denied(Denial::NotGranted), DENIED),
        (ControlError::NotThere, DENIED),
        (ControlError::Untouchable("the agent itself"), DENIED),
        (ControlError::TooOften(Duration::from_secs(1)), result(1, 1)),
        (ControlError::StillThere, result(1, 3)),
        (ControlError::Unavailable("old".to_owned()), result(1, 4)),
    ] {
        *stage.outside.control.lock().unwrap() = Some(error.clone());
        assert_eq!(stage.ask("s").await, expected, "{error:?}");
        let refused = stage.decided().1 == Answer::Refused;
        assert_eq!(refused, expected == DENIED, "{error:?}");
    }
    let orders = stage.outside.controls.lock().unwrap();
    let last = orders.last().unwrap();
    assert_eq!(last.session.as_ref().unwrap().to_string(), "1#1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_told_in_the_grant_s_name_and_root_is_not() {
    let stage = Stage::new().await;
    assert_eq!(stage.ask("m").await, DENIED, "nobody is there");
    assert_eq!(stage.decided().1, Answer::Refused);
    *stage.outside.sessions.lock().unwrap() = session(0, "ann");
    assert_eq!(stage.ask("m").await, DENIED, "it is root by another name");
    stage.decided();
    *stage.outside.sessions.lock().unwrap() = session(1_000, "ann");
    assert_eq!(stage.ask("m").await, result(0, 1));
    let user = "ann".to_owned();
    assert_eq!(stage.decided(), (Call::Message { user }, Answer::Done));
    let told = stage.outside.messages.lock().unwrap();
    let [order] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(order.from, "IT desk");
    assert_eq!(order.notice.text(), "Save[2J now");
    assert_eq!(order.per_minute, Some(6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_warned_before_the_device_starts_anew_and_may_be_spared() {
    let mut stage = Stage::new().await;
    *stage.outside.sessions.lock().unwrap() = session(1_000, "ann");
    assert_eq!(stage.ask("p").await.0, 0);
    let (verb, users) = (PowerVerb::Reboot, Presence::Present);
    assert_eq!(stage.decided(), (Call::Power { verb, users }, Answer::Done));
    let steps = std::mem::take(&mut *stage.outside.power.lock().unwrap());
    assert_eq!(steps, [("ready", verb), ("go", verb)]);
    let warned = std::mem::take(&mut *stage.outside.messages.lock().unwrap());
    assert!(warned[0].notice.text().contains("starts anew in 30 ms"));
    assert_eq!((warned.len(), warned[0].per_minute), (1, None));

    // Called off while users are warned: nothing happens.
    let (call_off, cancel) = watch::channel(false);
    let (answer, ()) = tokio::join!(stage.ask_until("p", cancel), async {
        stage.outside.asked.notified().await;
        call_off.send_replace(true);
    });
    // Of what was asked before a permit may be left, and then it came too soon to be seen.
    assert_eq!(answer, result(1, 5));
    assert!(
        stage
            .outside
            .power
            .lock()
            .unwrap()
            .iter()
            .all(|(step, _)| *step == "ready")
    );
    stage.decided();

    stage.users = Presence::Away;
    stage.outside.power.lock().unwrap().clear();
    assert_eq!(stage.ask("p").await, result(1, 1), "somebody is there");
    assert_eq!(stage.decided().1, Answer::Refused);
    assert_eq!(*stage.outside.power.lock().unwrap(), []);
}
