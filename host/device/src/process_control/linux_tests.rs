//! Real processes, which are no children of the test: those are never touched.

use std::{
    process::{Command, Stdio},
    sync::Arc,
};

use bailiwick_core::{
    digest::Sha256,
    policy::{Denial, Policy},
    ports::{ProcessControl as _, Processes as _},
    process::ProcessState,
    session::{Reading, Seen, Session, SessionId, Source, Tracker},
    time::Timestamp,
};

use super::*;
use crate::{AtWork, DeviceProcesses, SystemClock, privileged::asking};

/// A process that nobody waits for: its shell, which is its parent, is gone.
struct Orphan {
    pid: u32,
}

impl Orphan {
    fn of(script: &str) -> Self {
        let script = format!("{script} >/dev/null 2>&1 & echo $!");
        let told = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let pid = String::from_utf8(told.stdout).unwrap();
        let pid = pid.trim().parse().unwrap();
        Self { pid }
    }

    /// One that runs `sleep`, and no shell any more.
    async fn sleeping() -> Self {
        let sleeper = Self::of("exec sleep 600");
        let sleeps = |it: &Self| it.status().starts_with("Name:\tsleep\n");
        sleeper.comes_to_be(sleeps).await;
        sleeper
    }

    fn status(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap()
    }

    fn is_suspended(&self) -> bool {
        let status = self.status();
        status.lines().any(|line| line.starts_with("State:\tT"))
    }

    /// A signal is on its way for a moment.
    async fn comes_to_be(&self, is: impl Fn(&Self) -> bool) {
        let looking = async {
            while !is(self) {
                tokio::task::yield_now().await;
            }
        };
        let bound = Duration::from_secs(30);
        tokio::time::timeout(bound, looking).await.unwrap();
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid).unwrap());
        // Most have ended by then.
        let _ = rustix::process::kill_process(pid.unwrap(), Signal::KILL);
    }
}

fn grants(
    executables: &str,
    whose: &str,
    per_minute: u16,
) -> Arc<bailiwick_core::policy::ProcessControl> {
    let text = policy(executables, whose, per_minute);
    Arc::new(Policy::parse("p.toml", &text).unwrap().process_control())
}

fn policy(executables: &str, whose: &str, per_minute: u16) -> String {
    format!(
        "{}[[grant]]\ncapability = \"process-control\"\neffect = \"allow\"\n\
         verbs = [\"end\", \"suspend\", \"resume\"]\nexecutables = [{executables}]\n\
         whose = \"{whose}\"\nper-minute = {per_minute}\nreason = \"A test.\"\n\
         approved-by = \"tests\"\nrisk = \"low\"\n",
        include_str!("../../../core/fixtures/policy.toml")
    )
}

struct Stage {
    processes: Arc<DeviceProcesses>,
    control: DeviceProcessControl,
}

impl Stage {
    fn new() -> Self {
        let clock = Arc::new(SystemClock::new());
        let processes = Arc::new(DeviceProcesses::new(clock.clone()));
        Self {
            control: DeviceProcessControl::new(clock, Arc::clone(&processes)),
            processes,
        }
    }

    /// As a plugin learns it.
    async fn started(&self, pid: u32) -> Timestamp {
        let table = self.processes.table(Duration::ZERO).await.unwrap();
        let mut found = table.processes.iter();
        found.find(|process| process.pid == pid).unwrap().started
    }

    async fn order(&self, verb: ControlVerb, pid: u32) -> ControlOrder {
        ControlOrder {
            plugin: "attend".parse().unwrap(),
            verb,
            pid,
            started: self.started(pid).await,
            session: None,
            open: Arc::default(),
            grace: Duration::from_secs(20),
            grants: grants("\"/**\"", "any-user-and-root", 60),
            policy: None,
            now: Timestamp::EPOCH,
        }
    }

    async fn ask(&self, order: ControlOrder) -> Result<Controlled, ControlError> {
        self.control.control(order).await.result
    }
}

#[tokio::test]
async fn a_process_is_suspended_resumed_and_ends_by_itself() {
    let stage = Stage::new();
    let sleeper = Orphan::sleeping().await;
    let suspend = stage.order(ControlVerb::Suspend, sleeper.pid).await;
    assert_eq!(stage.ask(suspend.clone()).await, Ok(Controlled::Signalled));
    sleeper.comes_to_be(Orphan::is_suspended).await;
    let resume = stage.order(ControlVerb::Resume, sleeper.pid).await;
    assert_eq!(stage.ask(resume).await, Ok(Controlled::Signalled));
    sleeper.comes_to_be(|it| !it.is_suspended()).await;
    assert_eq!(stage.ask(suspend).await, Ok(Controlled::Signalled));
    // It is told to end while it stands still.
    let end = stage.order(ControlVerb::End, sleeper.pid).await;
    assert_eq!(stage.ask(end.clone()).await, Ok(Controlled::Ended));
    // Nobody is there any more, or somebody else.
    let again = stage.ask(end).await;
    let gone = matches!(again, Ok(Controlled::Ended) | Err(ControlError::NotThere));
    // The first process has not waited for it yet, or its program can't be told any more.
    assert!(
        gone || matches!(again, Err(ControlError::Denied(_))),
        "{again:?}"
    );
}

#[tokio::test]
async fn who_does_not_listen_is_killed_when_its_grace_is_over() {
    let stage = Stage::new();
    let deaf = Orphan::of("trap '' TERM; echo; while :; do sleep 600; done");
    // Until it does not listen any more.
    deaf.comes_to_be(|it| {
        let status = it.status();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        u64::from_str_radix(mask.unwrap().trim(), 16).unwrap() & (1 << 14) != 0
    })
    .await;
    let mut end = stage.order(ControlVerb::End, deaf.pid).await;
    end.grace = Duration::from_millis(50);
    assert_eq!(stage.ask(end).await, Ok(Controlled::Killed));
}

#[tokio::test]
async fn another_process_with_that_id_is_left_alone() {
    let stage = Stage::new();
    let sleeper = Orphan::sleeping().await;
    let mut order = stage.order(ControlVerb::End, sleeper.pid).await;
    order.started = Timestamp::from_ms(order.started.as_ms() - 10);
    assert_eq!(stage.ask(order).await, Err(ControlError::NotThere));
    let nobody = ControlOrder {
        pid: u32::MAX,
        ..stage.order(ControlVerb::End, sleeper.pid).await
    };
    assert_eq!(stage.ask(nobody).await, Err(ControlError::NotThere));
    assert!(!sleeper.is_suspended(), "and is there");
}

#[tokio::test]
async fn what_no_grant_covers_is_left_alone_and_told_with_its_program() {
    let stage = Stage::new();
    let sleeper = Orphan::sleeping().await;
    let order = stage.order(ControlVerb::Suspend, sleeper.pid).await;
    let program = std::fs::read_link(format!("/proc/{}/exe", sleeper.pid)).unwrap();
    let program = program.to_str().unwrap().to_owned();
    for (executables, whose) in [
        ("\"/usr/bin/other\"", "any-user-and-root"),
        // Nobody has logged in, and the test may run as root.
        (&format!("\"{program}\""), "any-session"),
    ] {
        let order = ControlOrder {
            grants: grants(executables, whose, 1),
            ..order.clone()
        };
        let answer = stage.control.control(order).await;
        let not_granted = Err(ControlError::Denied(Denial::NotGranted));
        assert_eq!(answer.result, not_granted, "{executables} {whose}");
        assert_eq!(answer.control.unwrap().executable, program);
    }
    assert!(!sleeper.is_suspended());
    let allowed = ControlOrder {
        grants: grants(&format!("\"{program}\""), "any-user-and-root", 1),
        ..order
    };
    assert_eq!(stage.ask(allowed.clone()).await, Ok(Controlled::Signalled));
    sleeper.comes_to_be(Orphan::is_suspended).await;
    let again = stage.ask(allowed).await;
    assert!(matches!(again, Err(ControlError::TooOften(_))), "{again:?}");
}

#[tokio::test]
async fn the_agent_and_the_first_process_are_never_touched() {
    let stage = Stage::new();
    for pid in [1, std::process::id()] {
        let order = stage.order(ControlVerb::Suspend, pid).await;
        let answer = stage.ask(order).await;
        assert!(
            // Whoever is not root can't tell the first process's program.
            matches!(
                answer,
                Err(ControlError::Untouchable(_) | ControlError::Denied(_))
            ),
            "{pid}: {answer:?}"
        );
    }
}

/// A session of which a process is said to be, by the audit id that its marks have.
fn open(audit: u32, uid: u32) -> Vec<Session> {
    let mut tracker = Tracker::new(1);
    let seen = Seen {
        audit: Some(audit),
        ..Seen::new(Source::Kernel, uid)
    };
    let reading = Reading {
        consulted: [Source::Kernel].into(),
        seen: vec![seen],
        ..Reading::default()
    };
    tracker.observe(&reading, Timestamp::EPOCH);
    tracker.sessions().cloned().collect()
}

#[tokio::test]
async fn whose_it_is_is_told_from_its_marks_and_root_is_root_in_every_session() {
    let stage = Stage::new();
    let sleeper = Orphan::sleeping().await;
    let mut process = stage.processes.look(sleeper.pid).unwrap().unwrap();
    let marks = &mut Arc::make_mut(&mut process.described).marks;
    (marks.audit, marks.login_uid) = (Some(7), Some(1_000));
    marks.cgroup.clear();
    assert_eq!(process.state, ProcessState::Running);
    let sessions = open(7, 1_000);
    let named = sessions[0].id.clone();
    let mut order = stage.order(ControlVerb::End, sleeper.pid).await;
    order.open = Arc::new(sessions);
    let root = rustix::process::geteuid().is_root();
    let expected = |found| if root { Found::OfRoot } else { found };
    assert_eq!(
        found(&process, &order),
        Some(expected(Found::InOtherSession))
    );
    order.session = Some(named);
    assert_eq!(
        found(&process, &order),
        Some(expected(Found::InNamedSession))
    );
    order.session = Some(SessionId::new("9", 9));
    assert_eq!(found(&process, &order), None, "it is of another");
}

/// Of the policies that tests make.
const SCHEDULE: &str = "[schedule]\nevery = \"1 h\"\njitter = \"10 min\"\n";

/// A privileged process, a folder of the policies that it believes, and what is at work.
struct Apart {
    folder: tempfile::TempDir,
    privileged: Arc<Privileged>,
    at_work: Option<AtWork>,
}

impl Apart {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = asking::ask("inventory", 1, folder.path()).unwrap();
        let tests = std::env::current_exe().unwrap();
        let program = tests.ancestors().nth(2).unwrap().join("examples/keeper");
        let trust = [folder.path().as_os_str()];
        let started = Privileged::start(&program, "/nowhere".as_ref(), &trust);
        let privileged = Arc::new(started.unwrap());
        privileged.is_on(&bailiwick_core::ids::DeviceId::from_bytes([1; 16]));
        let at_work = Arc::clone(&privileged).begin(asked).await.unwrap();
        Self {
            folder,
            privileged,
            at_work: Some(at_work),
        }
    }

    fn sign(&self, executables: &str, whose: &str) -> Sha256 {
        self.sign_text(&policy(executables, whose, 60).replace(SCHEDULE, ""))
    }

    fn sign_text(&self, text: &str) -> Sha256 {
        let digest = Sha256::of(text.as_bytes());
        std::fs::write(self.folder.path().join(digest.to_string()), text).unwrap();
        digest
    }

    /// As who broke out asks: without any check of the agent's.
    fn ask(&self, order: apart::Order, process: impl std::os::fd::AsFd) -> String {
        let answer = apart::ask(&self.privileged, order, process.as_fd());
        answer.unwrap_err().to_string()
    }
}

#[tokio::test]
async fn a_process_that_another_one_signals_is_suspended_and_ends() {
    let (apart, stage) = (Apart::start().await, Stage::new());
    let control = stage.control.through(Arc::clone(&apart.privileged));
    let stage = Stage { control, ..stage };
    let sleeper = Orphan::sleeping().await;
    let mut suspend = stage.order(ControlVerb::Suspend, sleeper.pid).await;
    for (policy, expected) in [
        (None, "no signed policy"),
        (Some(Sha256::of(b"what nobody signed")), "nobody signed it"),
        (
            Some(apart.sign("\"/usr/bin/other\"", "any-user-and-root")),
            "not granted",
        ),
    ] {
        suspend.policy = policy;
        let refused = stage.ask(suspend.clone()).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    assert!(!sleeper.is_suspended());
    suspend.policy = Some(apart.sign("\"/**\"", "any-user-and-root"));
    let mut end = stage.order(ControlVerb::End, sleeper.pid).await;
    end.policy = suspend.policy;
    assert_eq!(stage.ask(suspend).await, Ok(Controlled::Signalled));
    sleeper.comes_to_be(Orphan::is_suspended).await;
    assert_eq!(stage.ask(end).await, Ok(Controlled::Ended));
}

#[tokio::test]
async fn who_broke_out_signals_only_what_a_signed_policy_grants() {
    let mut apart = Apart::start().await;
    let sleeper = Orphan::sleeping().await;
    let held = |pid| Held::open(pid).unwrap().descriptor().unwrap();
    let order = apart::Order {
        policy: apart.sign("\"/**\"", "any-user-and-root"),
        verb: ControlVerb::Suspend,
        found: Found::InNamedSession,
        signal: Signal::STOP,
    };
    let kill = apart::Order {
        signal: Signal::KILL,
        ..order
    };
    let refused = apart.ask(kill, held(sleeper.pid));
    assert!(refused.contains("no such signal"), "{refused}");
    let refused = apart.ask(order, held(std::process::id()));
    assert!(refused.contains("nothing may touch"), "{refused}");
    let refused = apart.ask(order, std::io::stdin());
    assert!(refused.contains("no process that is held"), "{refused}");
    if bailiwick_needs::root("that root's processes are told from others") {
        let of_others = apart::Order {
            policy: apart.sign("\"/**\"", "any-user"),
            ..order
        };
        let refused = apart.ask(of_others, held(sleeper.pid));
        assert!(refused.contains("not granted"), "{refused}");
    }
    let of_a_collector = apart::Order {
        policy: apart.sign_text(&policy("\"/**\"", "any-user-and-root", 60)),
        ..order
    };
    let refused = apart.ask(of_a_collector, held(sleeper.pid));
    assert!(refused.contains("only what handles actions"), "{refused}");
    assert!(!sleeper.is_suspended());
    assert_eq!(
        apart::ask(&apart.privileged, order, held(sleeper.pid).as_fd()),
        Ok(true)
    );
    sleeper.comes_to_be(Orphan::is_suspended).await;
    apart.at_work = None;
    let refused = apart.ask(order, held(sleeper.pid));
    assert!(refused.contains("is at work"), "{refused}");
}
