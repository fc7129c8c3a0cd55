//! What the confined program can't do any more. Each attempt runs in a process of its own,
//! once free, to show that it would succeed, and once confined.

use std::{
    env,
    fs::File,
    io::Write as _,
    net::{TcpListener, UdpSocket},
    process::{Command, ExitCode, Stdio},
    thread,
};

use bailiwick_compile::{arguments::Limits, confine::confine};
use bailiwick_core::bytes::ByteCount;

type Attempt = (&'static str, fn(&str) -> bool);

/// Name, and what is tried; the argument is the path of a folder that can be written.
const ATTEMPTS: &[Attempt] = &[
    ("open a TCP socket", |_| {
        TcpListener::bind("127.0.0.1:0").is_ok()
    }),
    ("open a UDP socket", |_| {
        UdpSocket::bind("127.0.0.1:0").is_ok()
    }),
    ("write a file", |folder| {
        File::create(format!("{folder}/made")).is_ok()
    }),
    ("read a file", |_| File::open("/proc/self/status").is_ok()),
    ("remove a file", |folder| {
        std::fs::remove_file(format!("{folder}/there")).is_ok()
    }),
    ("start a program", |_| {
        Command::new("/bin/true").status().is_ok()
    }),
    ("start a thread", |_| {
        thread::Builder::new().spawn(|| ()).is_ok()
    }),
    ("have more memory than allowed", |_| {
        Vec::<u8>::new().try_reserve_exact(300 << 20).is_ok()
    }),
];

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    match &arguments[1..] {
        [mode, name, folder] if mode == "free" || mode == "confined" => {
            attempt(mode == "confined", name, folder)
        }
        _ if cfg!(target_os = "linux") => compare(),
        _ => {
            println!("skipped: nothing is confined on this operating system");
            ExitCode::SUCCESS
        }
    }
}

fn attempt(confined: bool, name: &str, folder: &str) -> ExitCode {
    let (_, attempt) = ATTEMPTS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a known attempt");
    if confined {
        let limits = Limits {
            memory: ByteCount::mib(256),
            ..Limits::default()
        };
        confine(&limits).expect("confined");
    }
    let word = if attempt(folder) { "done" } else { "denied" };
    println!("{word}");
    ExitCode::SUCCESS
}

fn compare() -> ExitCode {
    let mut failed = false;
    for (name, _) in ATTEMPTS {
        let (free, confined) = (outcome("free", name), outcome("confined", name));
        let passed = free == "done" && confined == "denied";
        failed |= !passed;
        let word = if passed { "ok" } else { "FAILED" };
        println!("test {name} ... {word} (free: {free}, confined: {confined})");
    }
    // Asserted last, so that every line above is printed.
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn outcome(mode: &str, name: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    File::create(folder.path().join("there"))
        .and_then(|mut file| file.write_all(b"there"))
        .expect("a file");
    let output = Command::new(env::current_exe().expect("this program"))
        .args([mode, name])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("started");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if text.is_empty() {
        return format!(
            "{} {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    text
}
