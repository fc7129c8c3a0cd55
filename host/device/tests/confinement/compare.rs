//! Each attempt runs in a process of its own: free, to show that it would succeed; behind each
//! line alone that must hold it; and confined as the agent is.

use std::{
    env, fs,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        net::{UnixDatagram, UnixListener, UnixStream},
        process::CommandExt as _,
    },
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
};

use bailiwick_device::{
    DeviceProcesses, SystemClock, TaskIterator,
    confine::{Drawn, Line, confine, draw},
};
use bailiwick_needs::KernelFeature;

use crate::attempts::{Around, Attempt, LEFT, LISTING, REFUSED, Takes};

/// What a process says that was to be behind a line which the kernel can't draw.
const LACKING: &str = "lacking";

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    match &arguments[1..] {
        [word, mode, name, folder, other] if word == "attempt" => {
            println!("{}", outcome(mode, name, Path::new(folder), other));
            ExitCode::SUCCESS
        }
        _ if compare() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn outcome(mode: &str, name: &str, folder: &Path, other: &str) -> &'static str {
    let socket = folder.join("run/agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let datagrams = folder.join("run/datagrams");
    let _taking = UnixDatagram::bind(&datagrams).unwrap();
    let _client = UnixStream::connect(&socket).unwrap();
    let around = Around {
        data: &folder.join("data"),
        listener: &listener,
        socket: &socket,
        datagrams: &datagrams,
        outside: &folder.join("outside"),
        other: other.parse().unwrap(),
        processes: (name == LISTING).then(|| {
            let processes = DeviceProcesses::new(Arc::new(SystemClock::new()));
            processes.listed_by(TaskIterator::attach())
        }),
    };
    let drawn: Vec<Drawn> = match mode {
        "free" => Vec::new(),
        "confined" => confine(around.data)
            .into_iter()
            .map(|(_, drawn)| drawn)
            .collect(),
        line => {
            let line = Line::ALL.into_iter().find(|known| known.name() == line);
            vec![draw(line.unwrap(), around.data)]
        }
    };
    if drawn.iter().any(|drawn| matches!(drawn, Drawn::Missing(_))) {
        return LACKING;
    }
    let mut attempts = REFUSED.iter().chain(LEFT);
    let attempt = attempts.find(|known| known.name == name).unwrap();
    if (attempt.works)(&around) {
        "done"
    } else {
        "denied"
    }
}

fn compare() -> bool {
    let mut passed = true;
    for attempt in REFUSED.iter().chain(LEFT) {
        if !can_try(attempt) {
            continue;
        }
        let free = run("free", attempt);
        let confined = run("confined", attempt);
        let expected = if attempt.lines.is_empty() {
            "done"
        } else {
            "denied"
        };
        let mut held = free == "done" && confined == expected;
        let mut told = format!("free: {free}, confined: {confined}");
        for line in attempt.lines {
            let alone = run(line.name(), attempt);
            held &= alone == "denied" || alone == LACKING;
            told.push_str(&format!(", {} alone: {alone}", line.name()));
            if alone == LACKING {
                bailiwick_needs::no_landlock(attempt.name);
            }
        }
        // Where the kernel lacks a line, the others are not enough for everything.
        held |= free == "done" && confined == LACKING;
        passed &= held;
        let word = if held { "ok" } else { "FAILED" };
        println!("test {} ... {word} ({told})", attempt.name);
    }
    passed
}

fn can_try(attempt: &Attempt) -> bool {
    match attempt.takes {
        Takes::Nothing => true,
        Takes::Root => bailiwick_needs::root(attempt.name),
        Takes::Mounts => bailiwick_needs::own_mounts(attempt.name),
        Takes::Bpf => {
            KernelFeature::Bpf.is_there(attempt.name)
                && bailiwick_needs::root(attempt.name)
                && may_attach(attempt.name)
        }
        Takes::Scopes => {
            let scopes = kernel() >= (6, 12);
            if !scopes {
                bailiwick_needs::no_landlock(attempt.name);
            }
            scopes
        }
    }
}

fn may_attach(untested: &str) -> bool {
    let may = TaskIterator::attach().is_ok();
    if !may {
        bailiwick_needs::no_task_iterator(untested);
    }
    may
}

/// The kernel's version, as far as that says what it has.
fn kernel() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// In a process of its own, with folders of its own and another process to try with.
fn run(mode: &str, attempt: &Attempt) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in [("data", "kept"), ("run", "x"), ("outside", "there")] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join(file), "there").unwrap();
    }
    let secret = folder.path().join("outside/secret");
    fs::write(&secret, "secret").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o400)).unwrap();
    // Only root can, and only root tries to read it.
    let _ = chown(&secret, Some(1), Some(1));
    let other = Sleeper::start();
    let output = Command::new(env::current_exe().unwrap())
        .args(["attempt", mode, attempt.name])
        .arg(folder.path())
        .arg(other.0.id().to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return said;
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    format!("{} {said} {errors}", output.status)
}

struct Sleeper(Child);

impl Sleeper {
    /// Another user's, if this is root.
    fn start() -> Self {
        let mut sleep = Command::new("sleep");
        if rustix::process::geteuid().is_root() {
            sleep.uid(1).gid(1);
        }
        Self(sleep.arg("600").spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
