//! Real programs, and that nothing of them is left.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

mod agent;
mod granting;
mod parked;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_core::{
    bytes::ByteCount,
    digest::Sha256,
    policy::{Program, RunAs},
    ports::{Exec as _, ExecEnded, ExecError, ExecOrder, ExecRan},
};
use bailiwick_device::{DeviceExec, Privileged};

use self::agent::Agent;

/// `examples/keeper.rs`, which cargo builds beside the tests.
fn keeper() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let keeper = tests.ancestors().nth(2).unwrap().join("examples/keeper");
    assert!(
        keeper.exists(),
        "build it first: cargo build -p bailiwick-device --examples"
    );
    keeper
}

/// One that compiles nothing, and believes the policies that are in `signed`.
fn privileged(signed: &Path) -> Privileged {
    Privileged::start(&keeper(), Path::new("/nowhere"), &[signed.as_os_str()]).unwrap()
}

fn root() -> bool {
    bailiwick_needs::root("programs that run as another user")
}

fn order(path: &str, arguments: &[&str]) -> ExecOrder {
    ExecOrder {
        program: Program {
            path: path.to_owned(),
            sha256: None,
            arguments: Vec::new(),
            run_as: RunAs::Root,
            environment: BTreeMap::new(),
            directory: "/".to_owned(),
            time_limit: Duration::from_secs(60),
            output_limit: ByteCount::kib(4),
        },
        arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        environment: Vec::new(),
        input: Vec::new(),
        time_limit: Duration::from_secs(60),
        session_user: None,
        policy: None,
    }
}

async fn run(mut order: ExecOrder) -> Result<ExecRan, ExecError> {
    let signed = tempfile::tempdir().unwrap();
    order.policy = Some(granting::grant(&order, signed.path()).unwrap());
    DeviceExec::new(Arc::new(privileged(signed.path())))
        .run(order)
        .await
}

/// How many processes have `marker` as a whole argument.
fn with_argument(marker: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| {
            line.split(|byte| *byte == 0)
                .any(|part| part == marker.as_bytes())
        })
        .count()
}

/// Waits until there are as many.
async fn wait_for(marker: &str, count: usize) {
    let began = Instant::now();
    while with_argument(marker) != count {
        let found = with_argument(marker);
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{marker}: {found}, not {count}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A number of seconds that no other process sleeps for.
fn marker(of: u32) -> String {
    format!("{}.{:07}", 90_000 + of, std::process::id())
}

#[tokio::test]
async fn status_output_errors_input_and_variables() {
    if !root() {
        return;
    }
    let mut cat = order("/usr/bin/cat", &["-", "/nowhere"]);
    cat.input = b"hello".to_vec();
    let ran = run(cat).await.unwrap();
    assert_eq!(ran.ended, ExecEnded::Exited(1));
    assert_eq!(ran.output, (b"hello".to_vec(), false));
    assert!(String::from_utf8_lossy(&ran.errors.0).contains("/nowhere"));
    let mut env = order("/usr/bin/env", &[]);
    env.environment = vec![("LANG".to_owned(), "C".to_owned())];
    let ran = run(env).await.unwrap();
    assert_eq!(ran.output.0, b"LANG=C\n", "nothing else is there");
    let ran = run(order("/usr/bin/true", &[])).await.unwrap();
    assert_eq!(ran.ended, ExecEnded::Exited(0));
}

#[tokio::test]
async fn a_signal_a_flood_of_output_and_processor_time_are_told() {
    if !root() {
        return;
    }
    let ran = run(order("/usr/bin/dash", &["-c", "kill -9 $$"]));
    assert_eq!(ran.await.unwrap().ended, ExecEnded::Signal(9));
    let flood = order("/usr/bin/head", &["-c", "1000000", "/dev/zero"]);
    let ran = run(flood).await.unwrap();
    assert_eq!(ran.ended, ExecEnded::Exited(0), "who writes much goes on");
    assert_eq!((ran.output.0.len(), ran.output.1), (4096, true));
    let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    let ran = run(order("/usr/bin/dash", &["-c", busy])).await.unwrap();
    assert!(ran.cpu >= Duration::from_millis(10), "{ran:?}");
}

#[tokio::test]
async fn what_a_program_wrote_last_is_there() {
    if !root() {
        return;
    }
    for _ in 0..20 {
        // All of it fits into the pipe, so it ends before anybody has read.
        let mut last = order("/usr/bin/head", &["-c", "60000", "/dev/zero"]);
        last.program.output_limit = ByteCount::kib(64);
        let ran = run(last).await.unwrap();
        assert_eq!((ran.output.0.len(), ran.output.1), (60_000, false));
    }
}

/// What whoever started this test left open for every program: nothing that this process
/// opens itself is of that kind.
fn inherited() -> Vec<String> {
    let is_inherited = |number: &String| {
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        flags.is_some_and(|flags| flags & 0o2_000_000 == 0)
    };
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|number| number.parse::<u32>().is_ok_and(|number| number > 3))
        .filter(is_inherited)
        .collect()
}

#[tokio::test]
async fn the_program_has_another_user_no_new_rights_and_no_open_files() {
    if !root() {
        return;
    }
    let nobody = |path, arguments: &[&str]| {
        let mut order = order(path, arguments);
        order.program.run_as = RunAs::User("nobody".to_owned());
        order
    };
    let ran = run(nobody("/usr/bin/id", &[])).await.unwrap();
    let text = String::from_utf8(ran.output.0).unwrap();
    let expected = "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)";
    assert!(text.starts_with(expected), "{text}");
    let words = ["-E", "NoNewPrivs|CapEff|^Uid", "/proc/self/status"];
    let ran = run(nobody("/usr/bin/grep", &words)).await.unwrap();
    let text = String::from_utf8(ran.output.0).unwrap();
    assert!(text.contains("Uid:\t65534\t65534\t65534\t65534"), "{text}");
    assert!(text.contains("CapEff:\t0000000000000000"), "{text}");
    assert!(text.contains("NoNewPrivs:\t1"), "{text}");
    let ran = run(nobody("/usr/bin/ls", &["/proc/self/fd"]))
        .await
        .unwrap();
    let inherited = inherited();
    let text = String::from_utf8(ran.output.0).unwrap();
    let own: Vec<&str> = text
        .lines()
        .filter(|number| !inherited.iter().any(|other| other == number))
        .collect();
    // The last is the folder that it lists.
    assert_eq!(own, ["0", "1", "2", "3"], "{inherited:?}");
}

/// An account of this machine that is no root's, and its home.
fn somebody() -> (u32, String, String) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let somebody = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let ids = (fields[2].parse::<u32>().ok()?, fields[3]);
        let home = fields[5].to_owned();
        (ids.0 != 0 && ids.1 != "0").then(|| (ids.0, fields[0].to_owned(), home))
    });
    somebody.expect("every Linux has accounts of services")
}

#[tokio::test]
async fn a_session_s_user_has_its_own_variables_and_is_never_root() {
    if !root() {
        return;
    }
    let (uid, name, home) = somebody();
    let of = |path: &str, arguments: &[&str], user| {
        let mut order = order(path, arguments);
        order.program.run_as = RunAs::Session;
        order.session_user = user;
        order
    };
    let ran = run(of("/usr/bin/id", &["-u"], Some(uid))).await.unwrap();
    assert_eq!(ran.output.0, format!("{uid}\n").into_bytes());
    let mut env = of("/usr/bin/env", &[], Some(uid));
    env.environment = vec![("USER".to_owned(), "the policy's".to_owned())];
    let text = String::from_utf8(run(env).await.unwrap().output.0).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    // Where logind holds a session of this user.
    lines.retain(|line| *line != format!("XDG_RUNTIME_DIR=/run/user/{uid}"));
    let expected = [
        "USER=the policy's".to_owned(),
        format!("HOME={home}"),
        format!("LOGNAME={name}"),
    ];
    lines.sort_unstable();
    let mut expected = expected.each_ref().map(String::as_str);
    expected.sort_unstable();
    assert_eq!(lines, expected);
    for (user, expected) in [
        (Some(0), "is root"),
        (Some(u32::MAX - 1), "neither a local account nor a process"),
        (None, "no session is named"),
    ] {
        let error = run(of("/usr/bin/id", &[], user)).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_what_was_granted_is_not_started() {
    if !root() {
        return;
    }
    let mut other = order("/usr/bin/true", &[]);
    other.program.sha256 = Some(Sha256::of(b"another"));
    let mut nobody = order("/usr/bin/true", &[]);
    nobody.program.run_as = RunAs::User("nobody-at-all".to_owned());
    let mut nowhere = order("/usr/bin/true", &[]);
    nowhere.program.directory = "/nowhere".to_owned();
    for (order, expected) in [
        (other, "not the granted one"),
        (nobody, "no local account"),
        (nowhere, "could not be started"),
        (order("/bin/true", &[]), "link"),
        (order("/usr/bin/ldd", &[]), "is a script"),
    ] {
        let error = run(order).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn daemons_end_with_their_program() {
    if !root() {
        return;
    }
    let seconds = marker(1);
    // Forked twice, in a session of its own, with all output closed.
    let script = format!(
        "setsid dash -c 'setsid sleep {seconds} >/dev/null 2>&1 &' >/dev/null 2>&1; \
         while ! grep -qs {seconds} /proc/[0-9]*/cmdline; do :; done; exit 3"
    );
    let ran = run(order("/usr/bin/dash", &["-c", &script])).await.unwrap();
    assert_eq!(ran.ended, ExecEnded::Exited(3));
    assert_eq!(with_argument(&seconds), 0);
}

#[tokio::test]
async fn the_time_limit_is_one_of_the_whole_tree() {
    if !root() {
        return;
    }
    let seconds = marker(2);
    let script = format!("setsid sleep {seconds} & sleep {seconds}");
    let mut slow = order("/usr/bin/dash", &["-c", &script]);
    slow.time_limit = Duration::from_millis(300);
    let ran = run(slow).await.unwrap();
    assert_eq!(ran.ended, ExecEnded::TimedOut);
    assert!(ran.elapsed >= Duration::from_millis(300));
    assert_eq!(with_argument(&seconds), 0);
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_nothing() {
    if !root() {
        return;
    }
    let seconds = marker(3);
    let script = format!("setsid sleep {seconds} & sleep {seconds}");
    let running = tokio::spawn(run(order("/usr/bin/dash", &["-c", &script])));
    wait_for(&seconds, 2).await;
    running.abort();
    wait_for(&seconds, 0).await;
}

#[tokio::test]
async fn an_agent_that_is_killed_leaves_nothing() {
    if !root() {
        return;
    }
    let seconds = marker(4);
    let mut agent = Agent::start();
    agent.tell(&format!("run setsid sleep {seconds} & sleep {seconds} 1"));
    wait_for(&seconds, 2).await;
    agent.kill();
    wait_for(&seconds, 0).await;
}

/// What an agent in this test's namespace calls the cgroup of a keeper.
fn cgroup_name(agent: u32, number: u32) -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap();
    let link = link.to_str().unwrap();
    let namespace = link.trim_matches(|c: char| !c.is_ascii_digit());
    format!("bailiwick-{agent}-{number}-{namespace}")
}

fn cgroup_folders() -> Vec<PathBuf> {
    bailiwick_needs::own_cgroups("that runs end by their cgroup")
}

#[tokio::test]
async fn a_run_is_a_cgroup_that_ends_with_it() {
    if !root() || cgroup_folders().is_empty() {
        return;
    }
    let seconds = marker(5);
    // Grows while it is ended: each fork sleeps in a session of its own.
    let script = format!(
        "cat /proc/self/cgroup; i=0; \
         while [ $i -lt 300 ]; do setsid -f sleep {seconds}; i=$((i+1)); done; sleep {seconds}"
    );
    let mut forking = order("/usr/bin/dash", &["-c", &script]);
    forking.time_limit = Duration::from_millis(300);
    let ran = run(forking).await.unwrap();
    assert_eq!(ran.ended, ExecEnded::TimedOut);
    let text = String::from_utf8(ran.output.0).unwrap();
    let own = format!("/bailiwick-{}-", std::process::id());
    let line = text.lines().find_map(|line| line.split_once(&own));
    let (_, number) = line.expect("the program is in a cgroup of its own");
    assert_eq!(with_argument(&seconds), 0);
    for folder in cgroup_folders() {
        let left = folder.join(format!("bailiwick-{}-{number}", std::process::id()));
        assert!(!left.exists(), "{}", left.display());
    }
}

#[tokio::test]
async fn a_run_whose_keeper_is_killed_is_given_up_and_ended() {
    if !root() || cgroup_folders().is_empty() {
        return;
    }
    let seconds = marker(7);
    // It holds the output open, and is nobody's child that the agent knows.
    let script = format!("setsid -f sleep {seconds}; kill -9 $PPID; sleep {seconds}");
    let running = run(order("/usr/bin/dash", &["-c", &script]));
    let ran = tokio::time::timeout(Duration::from_secs(60), running).await;
    let error = ran.expect("it is not waited for").unwrap_err();
    assert!(error.to_string().contains("keeper"), "{error}");
    wait_for(&seconds, 0).await;
}

#[test]
fn what_a_dead_agent_left_is_ended_at_the_next_start() {
    if !root() {
        return;
    }
    let seconds = marker(6);
    let mut dead = Command::new("/usr/bin/true").spawn().unwrap();
    dead.wait().unwrap();
    for folder in cgroup_folders() {
        let left = folder.join(cgroup_name(dead.id(), 0));
        let living = folder.join(cgroup_name(std::process::id(), 1_000_000));
        let elsewhere = folder.join(format!("bailiwick-{}-0-1", dead.id()));
        fs::create_dir(&elsewhere).unwrap();
        fs::create_dir(&left).unwrap();
        fs::create_dir(&living).unwrap();
        let mut sleeper = Command::new("sleep").arg(&seconds).spawn().unwrap();
        // Another test's start may have ended it by now.
        let is_member = fs::write(left.join("cgroup.procs"), sleeper.id().to_string()).is_ok();
        drop(privileged(Path::new("/nowhere")));
        if !is_member {
            sleeper.kill().unwrap();
        }
        sleeper.wait().unwrap();
        assert!(!left.exists(), "{}", left.display());
        assert!(living.exists(), "of an agent that lives");
        assert!(
            elsewhere.exists(),
            "of one that may live in another namespace"
        );
        fs::remove_dir(elsewhere).unwrap();
        fs::remove_dir(living).unwrap();
    }
}
