//! A real bus, and on it a service that has logind's name and never touches a machine.

use std::time::Duration;

use bailiwick_core::{
    policy::{PowerAllowed, PowerVerb},
    time::{Monotonic, Timestamp},
};

use super::*;
use crate::sessions::bus::{
    Writer,
    daemon::{Answer, Asked, Daemon, serve},
};

/// A machine that was started at `since_boot`.
struct Uptime(Mutex<Monotonic>);

impl Clock for Uptime {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Monotonic {
        *self.0.lock().unwrap()
    }

    fn thread_cpu_ns(&self) -> u64 {
        0
    }
}

fn hours(count: u64) -> Monotonic {
    Monotonic::ZERO.after(Duration::from_secs(3_600 * count))
}

/// Locks as `ListInhibitors` tells them: what, who, why, mode.
fn locks(held: &[[&str; 4]]) -> Writer {
    let mut body = Writer::default();
    let mut entries = Writer::default();
    for lock in held {
        entries.align(8);
        lock.iter().for_each(|text| entries.string(text));
        entries.u32(1_000);
        entries.u32(4_711);
    }
    let entries = entries.into_bytes();
    body.u32(u32::try_from(entries.len()).unwrap());
    body.align(8);
    body.append(&entries);
    body
}

struct Stage {
    power: DevicePower,
    clock: Arc<Uptime>,
    asked: Asked,
    _daemon: Daemon,
    _folder: tempfile::TempDir,
    service: tokio::task::JoinHandle<()>,
}

impl Stage {
    async fn new(answer: impl Fn(&str) -> Answer + Send + 'static) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let own = rustix::process::geteuid().as_raw();
        let daemon = Daemon::start(&folder.path().join("bus"), own)?;
        let asked = Asked::default();
        let (ready, taken) = tokio::sync::oneshot::channel();
        let (address, heard) = (daemon.address.clone(), Arc::clone(&asked));
        let service = tokio::spawn(async move {
            serve(&address, "org.freedesktop.login1", heard, ready, answer).await;
        });
        taken.await.unwrap();
        let clock = Arc::new(Uptime(Mutex::new(hours(10))));
        let power = DevicePower {
            clock: clock.clone(),
            past: Mutex::default(),
            address: daemon.address.clone(),
        };
        Some(Self {
            power,
            clock,
            asked,
            _daemon: daemon,
            _folder: folder,
            service,
        })
    }

    /// Members that were called, and the flag of those that have one.
    fn asked(&self) -> Vec<(String, Option<u32>)> {
        let asked = self.asked.lock().unwrap();
        let told = |message: &crate::sessions::bus::Message| {
            let flag = (message.signature == "b").then(|| message.arguments().u32().unwrap());
            (message.member.clone(), flag)
        };
        asked.iter().map(told).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.service.abort();
    }
}

fn order(verb: PowerVerb) -> PowerOrder {
    PowerOrder {
        verb,
        allowed: PowerAllowed {
            warn_for: Duration::ZERO,
            pause: Duration::from_secs(3_600),
        },
    }
}

fn quiet(member: &str) -> Answer {
    Ok(match member {
        "ListInhibitors" => (
            "a(ssssuu)",
            locks(&[["sleep:shutdown", "apt", "Waits.", "delay"]]),
        ),
        _ => ("", Writer::default()),
    })
}

#[tokio::test]
async fn each_verb_asks_logind_once_and_asks_nobody_for_a_password() {
    let Some(stage) = Stage::new(quiet).await else {
        return;
    };
    let list = || ("ListInhibitors".to_owned(), None);
    let mut expected = Vec::new();
    for (hour, verb, member, flag) in [
        (11, PowerVerb::Lock, "LockSessions", None),
        (12, PowerVerb::Suspend, "Suspend", Some(0)),
        (13, PowerVerb::Hibernate, "Hibernate", Some(0)),
        (14, PowerVerb::PowerOff, "PowerOff", Some(0)),
        (15, PowerVerb::Reboot, "Reboot", Some(0)),
    ] {
        *stage.clock.0.lock().unwrap() = hours(hour);
        assert_eq!(stage.power.ready(order(verb)).await, Ok(()));
        assert_eq!(stage.power.go(order(verb)).await, Ok(()));
        expected.extend([list(), list(), (member.to_owned(), flag)]);
    }
    assert_eq!(stage.asked(), expected);
}

#[tokio::test]
async fn nothing_is_asked_for_twice_or_too_soon() {
    let Some(stage) = Stage::new(quiet).await else {
        return;
    };
    let (one, other) = tokio::join!(
        stage.power.go(order(PowerVerb::Reboot)),
        stage.power.go(order(PowerVerb::PowerOff)),
    );
    let outcomes = [one, other];
    assert!(outcomes.contains(&Ok(())), "{outcomes:?}");
    assert!(
        outcomes.contains(&Err(PowerError::UnderWay)),
        "{outcomes:?}"
    );
    let ends = |(member, _): &(String, _)| member == "Reboot" || member == "PowerOff";
    assert_eq!(stage.asked().into_iter().filter(ends).count(), 1);
    // A machine that was started just now.
    let fresh = DevicePower {
        clock: Arc::new(Uptime(Mutex::new(Monotonic::ZERO))),
        past: Mutex::default(),
        address: stage.power.address.clone(),
    };
    let early = fresh.go(order(PowerVerb::Reboot)).await;
    let hour = Duration::from_secs(3_600);
    assert_eq!(early, Err(PowerError::TooSoon(hour)));
}

#[tokio::test]
async fn a_lock_that_blocks_is_respected_and_told() {
    let held = |member: &str| match member {
        "ListInhibitors" => {
            let disks = ["shutdown", "backup", "Writes a disk.\u{1b}[2J", "block"];
            Ok(("a(ssssuu)", locks(&[["idle", "video", "", "block"], disks])))
        }
        _ => Ok(("", Writer::default())),
    };
    let Some(stage) = Stage::new(held).await else {
        return;
    };
    let told = Err(PowerError::Inhibited(
        "backup: Writes a disk.[2J".to_owned(),
    ));
    assert_eq!(stage.power.ready(order(PowerVerb::Reboot)).await, told);
    assert_eq!(stage.power.go(order(PowerVerb::PowerOff)).await, told);
    assert_eq!(stage.power.go(order(PowerVerb::Suspend)).await, Ok(()));
}

#[tokio::test]
async fn who_is_refused_by_logind_may_try_again_and_where_there_is_none_is_told() {
    let refuses = |member: &str| match member {
        "ListInhibitors" => Ok(("a(ssssuu)", locks(&[]))),
        _ => Err("org.freedesktop.DBus.Error.AccessDenied"),
    };
    let Some(stage) = Stage::new(refuses).await else {
        return;
    };
    for _ in 0..2 {
        let refused = stage.power.go(order(PowerVerb::Reboot)).await;
        assert!(
            matches!(&refused, Err(PowerError::Unavailable(why)) if why.contains("AccessDenied")),
            "{refused:?}"
        );
    }
    stage.service.abort();
    let nowhere = DevicePower {
        clock: stage.clock.clone(),
        past: Mutex::default(),
        address: "unix:path=/nowhere/at/all".to_owned(),
    };
    let nobody = nowhere.ready(order(PowerVerb::Reboot)).await;
    assert!(
        matches!(nobody, Err(PowerError::Unavailable(_))),
        "{nobody:?}"
    );
}
