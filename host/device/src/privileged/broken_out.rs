//! Somebody who broke out and rules the agent: talks to the privileged process in its own words.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use bailiwick_core::{
    action::Envelope,
    bytes::ByteCount,
    digest::Sha256,
    ids::DeviceId,
    policy::{Policy, Program, RunAs},
    ports::ExecOrder,
};

use super::{AtWork, Privileged, asking, line, ordered::judged, signed::SignedPolicies};
use crate::exec::{
    keeper::{ENDED, NOT_STARTED, TAKEN, memory},
    line::{self as words, Told},
    user::Who,
};

#[path = "../../tests/exec/granting.rs"]
mod granting;

/// Of the policies that tests make.
const SCHEDULE: &str = "[schedule]\nevery = \"1 h\"\njitter = \"10 min\"\n";

const DASH: &str = "/usr/bin/dash";

/// A shell that writes `text` into a file, as root.
fn order(text: &str, ran: &Path) -> ExecOrder {
    ExecOrder {
        program: Program {
            path: DASH.to_owned(),
            sha256: None,
            arguments: Vec::new(),
            run_as: RunAs::Root,
            environment: [("LANG".to_owned(), "C".to_owned())].into(),
            directory: "/".to_owned(),
            time_limit: Duration::from_secs(60),
            output_limit: ByteCount::kib(1),
        },
        arguments: ["-c".to_owned(), format!("echo {text} >> {}", ran.display())].into(),
        environment: vec![("LANG".to_owned(), "C".to_owned())],
        input: Vec::new(),
        time_limit: Duration::from_secs(60),
        session_user: None,
        policy: None,
    }
}

fn told(order: &ExecOrder) -> Told {
    Told {
        path: order.program.path.clone(),
        sha256: String::new(),
        directory: order.program.directory.clone(),
        user: Who::Root,
        time_limit_ms: 60_000,
        input: Vec::new(),
        arguments: order.arguments.clone(),
        environment: order.environment.clone(),
    }
}

fn bytes(told: &Told) -> Vec<u8> {
    words::encode(&told.to_parts())
}

fn in_memory(bytes: &[u8]) -> OwnedFd {
    memory("order", bytes).unwrap().into()
}

/// The place where a keeper's order goes.
fn keeper(privileged: &Privileged) -> UnixStream {
    let (own, its) = UnixStream::pair().unwrap();
    let (_, output) = io::pipe().unwrap();
    let (_, errors) = io::pipe().unwrap();
    let with = [its.as_fd(), output.as_fd(), errors.as_fd()];
    privileged.keeper(&with).unwrap();
    own
}

/// What is said of an order; none if nothing is.
fn said(keeper: &UnixStream, policy: &Sha256, order: BorrowedFd<'_>) -> Option<Vec<Vec<u8>>> {
    let (mut own, its) = UnixStream::pair().unwrap();
    line::send(keeper, policy.as_bytes(), &[its.as_fd(), order]).unwrap();
    drop(its);
    let mut word = [0];
    own.read_exact(&mut word).ok()?;
    assert_eq!(word, TAKEN);
    Some(words::read(&mut own).unwrap())
}

struct Scene {
    folder: tempfile::TempDir,
    privileged: Arc<Privileged>,
    order: ExecOrder,
    policy: Sha256,
}

impl Scene {
    /// None if this is not root.
    fn set() -> Option<Self> {
        bailiwick_needs::root("that only what is granted is run").then(|| {
            let folder = tempfile::tempdir().unwrap();
            let order = order("granted", &folder.path().join("ran"));
            let policy = granting::grant(&order, folder.path()).unwrap();
            let tests = std::env::current_exe().unwrap();
            let program = tests.ancestors().nth(2).unwrap().join("examples/keeper");
            let trust = [folder.path().as_os_str()];
            let privileged = Privileged::start(&program, Path::new("/nowhere"), &trust);
            Self {
                privileged: Arc::new(privileged.unwrap()),
                folder,
                order,
                policy,
            }
        })
    }

    /// The same grants for a plugin that is called when somebody asks.
    fn of_a_handler(&self) -> Sha256 {
        let folder = self.folder.path();
        let policy = std::fs::read_to_string(folder.join(self.policy.to_string())).unwrap();
        let policy = policy.replace(SCHEDULE, "");
        let digest = Sha256::of(policy.as_bytes());
        std::fs::write(folder.join(digest.to_string()), policy).unwrap();
        digest
    }

    /// Why an order under `policy` is not run; none if it is.
    fn refused(&self, policy: &Sha256) -> Option<String> {
        let order = in_memory(&bytes(&told(&self.order)));
        let answer = said(&keeper(&self.privileged), policy, order.as_fd()).unwrap();
        (answer[0] == NOT_STARTED).then(|| String::from_utf8_lossy(&answer[1]).into_owned())
    }

    async fn begin(&self, envelope: &Envelope) -> Result<AtWork, String> {
        Arc::clone(&self.privileged).begin(envelope.clone()).await
    }

    fn ran(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("ran")).unwrap_or_default()
    }
}

#[test]
fn only_what_is_granted_is_run() {
    let Some(scene) = Scene::set() else { return };
    type Change = (fn(&mut Told), &'static str);
    let changes: [Change; 6] = [
        (|told| told.path = "/usr/bin/id".to_owned(), "not granted"),
        (|told| told.arguments[1].push_str(".other"), "shapes"),
        (|told| told.user = Who::Session(1_000), "no session"),
        (
            |told| told.user = Who::Named("nobody".to_owned()),
            "as whom",
        ),
        (|told| told.directory = "/tmp".to_owned(), "where"),
        (|told| told.time_limit_ms += 1, "how long"),
    ];
    for (change, expected) in changes {
        let mut told = told(&scene.order);
        change(&mut told);
        let order = in_memory(&bytes(&told));
        let answer = said(&keeper(&scene.privileged), &scene.policy, order.as_fd()).unwrap();
        assert_eq!(answer[0], NOT_STARTED);
        let reason = String::from_utf8_lossy(&answer[1]);
        assert!(reason.contains(expected), "{told:?}: {reason}");
    }
    let order = in_memory(&bytes(&told(&scene.order)));
    let unsigned = Sha256::of(b"what nobody signed");
    let answer = said(&keeper(&scene.privileged), &unsigned, order.as_fd()).unwrap();
    assert_eq!(answer[0], NOT_STARTED);
    assert_eq!(scene.ran(), "");
    let order = in_memory(&bytes(&told(&scene.order)));
    let answer = said(&keeper(&scene.privileged), &scene.policy, order.as_fd()).unwrap();
    assert_eq!(answer[0], ENDED, "{answer:?}");
    assert_eq!(scene.ran(), "granted\n");
}

#[tokio::test]
async fn a_handlers_grants_count_while_an_action_of_it_is_at_work() {
    let Some(scene) = Scene::set() else { return };
    let policy = scene.of_a_handler();
    let asked = |handler, number| asking::ask(handler, number, scene.folder.path()).unwrap();
    let nothing_is_at_work = || {
        let refused = scene.refused(&policy).unwrap();
        let expected = "no action that an operator signed for inventory is at work";
        assert!(refused.contains(expected), "{refused}");
    };
    nothing_is_at_work();
    let wanted = asked("inventory", 1);
    let refused = scene.begin(&wanted).await.unwrap_err();
    assert!(refused.contains("which device"), "{refused}");
    scene.privileged.is_on(&DeviceId::from_bytes([1; 16]));
    let _other = scene.begin(&asked("another", 2)).await.unwrap();
    nothing_is_at_work();

    let at_work = scene.begin(&wanted).await.unwrap();
    assert_eq!(scene.refused(&policy), None);
    let again = scene.begin(&wanted).await.unwrap_err();
    assert!(again.contains("nobody asked"), "{again}");
    assert_eq!(scene.refused(&policy), None);
    drop(at_work);
    nothing_is_at_work();
    assert_eq!(scene.ran(), "granted\ngranted\n");
    // A collector is asked by its schedule.
    assert_eq!(scene.refused(&scene.policy), None);
}

#[test]
fn a_keeper_has_one_order_and_hears_nobody_else() {
    let Some(scene) = Scene::set() else { return };
    let keeper = keeper(&scene.privileged);
    let granted = || in_memory(&bytes(&told(&scene.order)));
    let unsigned = Sha256::of(b"what nobody signed");
    let refused = said(&keeper, &unsigned, granted().as_fd()).unwrap();
    assert_eq!(refused[0], NOT_STARTED);
    assert_eq!(said(&keeper, &scene.policy, granted().as_fd()), None);
    // As orders came before they were judged: without the judge.
    // It may have ended by then, and hear nothing.
    let _ = (&keeper).write_all(&bytes(&told(&scene.order)));
    assert!(scene.privileged.runs());
    assert_eq!(scene.ran(), "");
}

/// Believes one policy.
struct One(Policy);

impl SignedPolicies for One {
    fn policy(&mut self, _: &Sha256) -> Result<&Policy, String> {
        Ok(&self.0)
    }

    fn look_again(&mut self) {}
}

#[test]
fn an_order_that_changes_after_it_was_judged_stays_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let granted = order("granted", Path::new("/nowhere"));
    let policy = granting::grant(&granted, folder.path()).unwrap();
    let text = std::fs::read_to_string(folder.path().join(policy.to_string())).unwrap();
    let mut signed = One(Policy::parse("policy", &text).unwrap());
    let policy = *policy.as_bytes();
    let honest = bytes(&told(&granted));

    let mut kept = File::from(in_memory(&honest));
    let judged_order = judged(policy, kept.try_clone().unwrap(), &mut signed).unwrap();
    kept.rewind().unwrap();
    kept.write_all(&vec![0; honest.len()]).unwrap();
    let mut handed = Vec::new();
    File::read_to_end(&mut { judged_order }, &mut handed).unwrap();
    assert_eq!(handed, honest);

    // Nobody waits for a file that others write, nor holds one of any length.
    let (reader, writer) = io::pipe().unwrap();
    let endless = File::from(OwnedFd::from(reader));
    assert!(judged(policy, endless, &mut signed).is_err());
    drop(writer);
    let long = File::from(in_memory(&vec![0; 1024 * 1024 + 1]));
    assert!(judged(policy, long, &mut signed).is_err());
}
