//! What the confined program can't do any more. Each attempt runs in a process of its own,
//! once free, to show that it would succeed, and once confined; and once behind the one line
//! that must hold it even if the others had a hole.

use std::{
    env,
    fs::File,
    io::Write as _,
    net::{TcpListener, UdpSocket},
    os::unix::fs::chown,
    process::{Command, ExitCode, Stdio},
    thread,
};

use bailiwick_compile::{
    arguments::Limits,
    confine::{Drawn, Line, confine, draw},
};
use bailiwick_core::bytes::ByteCount;

/// Name, the line that holds it alone, and what is tried; the argument is the path of a folder
/// that can be written.
type Attempt = (&'static str, Line, fn(&str) -> bool);

/// What an attempt behind a line says that the kernel can't draw.
const LACKING: &str = "lacking";

const ATTEMPTS: &[Attempt] = &[
    ("listen for TCP", Line::Landlock, |_| {
        TcpListener::bind("127.0.0.1:0").is_ok()
    }),
    ("open a UDP socket", Line::SystemCalls, |_| {
        UdpSocket::bind("127.0.0.1:0").is_ok()
    }),
    ("write a file", Line::Landlock, |folder| {
        File::create(format!("{folder}/made")).is_ok()
    }),
    ("read a file", Line::Landlock, |_| {
        File::open("/etc/passwd").is_ok()
    }),
    ("remove a file", Line::Landlock, |folder| {
        std::fs::remove_file(format!("{folder}/there")).is_ok()
    }),
    ("start a program", Line::Landlock, |_| {
        Command::new("/bin/true").status().is_ok()
    }),
    ("give a file away", Line::Capabilities, |folder| {
        chown(format!("{folder}/there"), Some(1), Some(1)).is_ok()
    }),
    ("start a thread", Line::SystemCalls, |_| {
        thread::Builder::new().spawn(|| ()).is_ok()
    }),
    ("have more memory than allowed", Line::Resources, |_| {
        Vec::<u8>::new().try_reserve_exact(300 << 20).is_ok()
    }),
];

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    match &arguments[1..] {
        [mode, name, folder] if ["free", "line", "confined"].contains(&mode.as_str()) => {
            attempt(mode, name, folder)
        }
        _ => compare(),
    }
}

fn attempt(mode: &str, name: &str, folder: &str) -> ExitCode {
    let (_, line, attempt) = ATTEMPTS
        .iter()
        .find(|(known, ..)| *known == name)
        .expect("a known attempt");
    let limits = Limits {
        memory: ByteCount::mib(256),
        ..Limits::default()
    };
    match mode {
        "confined" => confine(&limits).expect("confined"),
        "line" if draw(*line, &limits).expect("drawn") == Drawn::KernelLacksIt => {
            println!("{LACKING}");
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let word = if attempt(folder) { "done" } else { "denied" };
    println!("{word}");
    ExitCode::SUCCESS
}

fn compare() -> ExitCode {
    let mut failed = false;
    let root = bailiwick_needs::root("that no capability is left");
    for (name, line, _) in ATTEMPTS {
        // Who has no capability to begin with can't do it free either.
        if *line == Line::Capabilities && !root {
            continue;
        }
        let free = outcome("free", name);
        let confined = outcome("confined", name);
        let drawn = outcome("line", name);
        if drawn == LACKING {
            bailiwick_needs::no_landlock("that what compiles can't open files");
        }
        let held = ["denied", LACKING].contains(&drawn.as_str());
        let passed = free == "done" && confined == "denied" && held;
        failed |= !passed;
        let word = if passed { "ok" } else { "FAILED" };
        println!(
            "test {name} ... {word} (free: {free}, confined: {confined}, {line:?} alone: {drawn})"
        );
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
