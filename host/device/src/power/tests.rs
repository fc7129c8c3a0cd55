//! A real bus, and on it a service that has logind's name and never touches a machine.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bailiwick_core::{
    digest::Sha256,
    ids::DeviceId,
    policy::{PowerAllowed, PowerVerb},
    time::{Monotonic, Timestamp},
};

use super::*;
use crate::{
    privileged::asking,
    sessions::bus::{
        Writer,
        daemon::{Answer, Asked, Daemon, serve},
    },
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
            privileged: None,
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
        policy: None,
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
        privileged: None,
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
        privileged: None,
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

/// A handler's, that may have the machine suspended once a minute.
const GRANT: &str = r#"
[[grant]]
capability = "power"
effect = "allow"
verbs = ["suspend"]
when-users = "away"
warn-for = "5 s"
pause = "1 min"
reason = "A test."
approved-by = "tests"
risk = "high"
"#;
const SCHEDULE: &str = "[schedule]\nevery = \"1 h\"\njitter = \"10 min\"\n";

fn sign(text: &str, folder: &std::path::Path) -> Sha256 {
    let digest = Sha256::of(text.as_bytes());
    std::fs::write(folder.join(digest.to_string()), text).unwrap();
    digest
}

#[tokio::test]
async fn who_broke_out_has_done_what_was_signed_and_that_not_again_at_once() {
    let refusals = AtomicUsize::new(1);
    let once = move |member: &str| match member {
        "Suspend" if refusals.fetch_sub(1, Ordering::Relaxed) == 1 => {
            Err("org.freedesktop.DBus.Error.AccessDenied")
        }
        member => quiet(member),
    };
    let Some(stage) = Stage::new(once).await else {
        return;
    };
    let signed = tempfile::tempdir().unwrap();
    let collectors = format!(
        "{}{GRANT}",
        include_str!("../../../core/fixtures/policy.toml")
    );
    let handlers = sign(&collectors.replace(SCHEDULE, ""), signed.path());
    let collectors = sign(&collectors, signed.path());
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/keeper");
    let (bus, trust) = (&stage.power.address, [signed.path().as_os_str()]);
    let privileged = Privileged::on_bus(bus, &program, "/nowhere".as_ref(), &trust);
    let privileged = Arc::new(privileged.unwrap());
    // Nothing of the agent's own looks at what is asked.
    let power = DevicePower::through(stage.clock.clone(), Arc::clone(&privileged));
    let ordered = |policy, verb| PowerOrder {
        policy,
        allowed: PowerAllowed {
            warn_for: Duration::ZERO,
            pause: Duration::ZERO,
        },
        ..order(verb)
    };
    let suspend = ordered(Some(handlers), PowerVerb::Suspend);
    let refused = async |order, expected: &str| {
        for told in [power.ready(order).await, power.go(order).await] {
            assert!(
                matches!(&told, Err(PowerError::Unavailable(why)) if why.contains(expected)),
                "{told:?}"
            );
        }
    };
    refused(suspend, "no action that an operator signed").await;
    privileged.is_on(&DeviceId::from_bytes([1; 16]));
    let asked = asking::ask("inventory", 1, signed.path()).unwrap();
    let at_work = Arc::clone(&privileged).begin(asked).await.unwrap();
    let unsigned = Sha256::of(b"what nobody signed");
    refused(ordered(None, PowerVerb::Suspend), "no signed policy").await;
    refused(
        ordered(Some(unsigned), PowerVerb::Suspend),
        "nobody signed it",
    )
    .await;
    refused(
        ordered(Some(collectors), PowerVerb::Suspend),
        "only what handles",
    )
    .await;
    refused(ordered(Some(handlers), PowerVerb::Reboot), "not granted").await;
    let mut longer = suspend;
    longer.allowed.pause = Duration::MAX;
    assert!(matches!(
        power.go(longer).await,
        Err(PowerError::TooSoon(_))
    ));
    assert_eq!(stage.asked(), []);

    assert_eq!(power.ready(suspend).await, Ok(()));
    // What logind refuses may be tried again at once.
    refused_by_logind(power.go(suspend).await);
    assert_eq!(power.go(suspend).await, Ok(()));
    for again in [power.ready(suspend).await, power.go(suspend).await] {
        assert!(
            matches!(again, Err(PowerError::TooSoon(wait)) if wait <= Duration::from_secs(60)),
            "{again:?}"
        );
    }
    drop(at_work);
    refused(suspend, "no action that an operator signed").await;
    let list = || ("ListInhibitors".to_owned(), None);
    let go = || ("Suspend".to_owned(), Some(0));
    assert_eq!(stage.asked(), [list(), list(), go(), list(), go()]);
}

fn refused_by_logind(told: Result<(), PowerError>) {
    assert!(
        matches!(&told, Err(PowerError::Unavailable(why)) if why.contains("AccessDenied")),
        "{told:?}"
    );
}

#[test]
fn what_the_privileged_process_answers_is_read_as_it_was_meant() {
    for told in [
        Ok(()),
        Err(PowerError::UnderWay),
        Err(PowerError::TooSoon(Duration::from_millis(7))),
        Err(PowerError::Inhibited("backup: Writes a disk.".to_owned())),
        Err(PowerError::Unavailable("there is no logind".to_owned())),
    ] {
        assert_eq!(apart::read(&apart::answer(&told)), told);
    }
}
