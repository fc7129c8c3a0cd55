//! The keeper of one run, see the module above.

use std::{
    fs::File,
    io::{Seek, Write},
    os::{
        fd::{AsFd, AsRawFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{getpid, set_child_subreaper, setsid},
};

use super::{
    EXEC_CHILD,
    cgroup::Cgroup,
    line::{self, Told},
    opened, tree,
};

/// Words with which a keeper's answer begins.
pub(crate) const ENDED: &[u8] = b"ended";
pub(crate) const NOT_STARTED: &[u8] = b"not-started";

/// What the starter ends with if it could not become the program.
pub(crate) const NOT_BECOME: i32 = 255;

enum Happened {
    Ended(std::io::Result<ExitStatus>),
    Cut,
}

/// Reads what to run from standard input, which is the line to the agent, runs it, and
/// says there how it ended.
pub(crate) fn keep() -> std::io::Result<()> {
    let mut agent = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let told = Told::from_parts(line::read(&mut agent)?)
        .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidData))?;
    let answer = match run(&told, &agent) {
        Ok(answer) => answer,
        Err(reason) => vec![NOT_STARTED.to_vec(), reason.into_bytes()],
    };
    line::write(&mut agent, &answer)
}

fn failed(doing: &'static str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{doing}: {error}")
}

fn run(told: &Told, agent: &UnixStream) -> Result<Vec<Vec<u8>>, String> {
    // A session of its own: no terminal, and no signal of the agent's group.
    setsid().map_err(|error| failed("a session")(error.into()))?;
    set_child_subreaper(Some(getpid())).map_err(|error| failed("adoption")(error.into()))?;
    let program = opened::open(&told.path, &told.sha256)?;
    let input = memory("input", &told.input).map_err(failed("the input"))?;
    let words = memory("told", &line::encode(&told.to_parts())).map_err(failed("the order"))?;
    let mut why = memory("why", &[]).map_err(failed("the order"))?;
    let cgroup = Cgroup::make(&told.cgroup);
    let answer = run_in(
        cgroup.as_ref(),
        told,
        agent,
        [&program, &input, &words],
        &mut why,
    );
    // Whatever came between: no cgroup stays.
    if let Some(cgroup) = cgroup {
        cgroup.end();
    }
    answer
}

fn run_in(
    cgroup: Option<&Cgroup>,
    told: &Told,
    agent: &UnixStream,
    [program, input, words]: [&File; 3],
    why: &mut File,
) -> Result<Vec<Vec<u8>>, String> {
    let began = Instant::now();
    let mut child = Command::new("/proc/self/exe")
        .arg(EXEC_CHILD)
        .arg("start")
        // The starter opens them through this process: nothing is inherited.
        .args([program, input, words, why].map(|file| file.as_raw_fd().to_string()))
        .args(cgroup.map(Cgroup::members))
        .env_clear()
        .stdin(Stdio::null())
        .spawn()
        .map_err(failed("the starter"))?;
    let pid = child.id();
    let (happened, next) = mpsc::channel();
    let ended = happened.clone();
    let watched = agent.try_clone().map_err(failed("the line"))?;
    std::thread::spawn(move || drop(ended.send(Happened::Ended(child.wait()))));
    std::thread::spawn(move || {
        // Nothing follows the order: whatever comes is the end of the line.
        let _ = line::read(&mut &watched);
        drop(happened.send(Happened::Cut));
    });
    let limit = Duration::from_millis(told.time_limit_ms);
    let first = next.recv_timeout(limit.saturating_sub(began.elapsed()));
    // While the program has not been waited for, its number is its own.
    let (status, timed_out) = match first {
        Ok(Happened::Ended(status)) => (status.map_err(failed("its end"))?, false),
        Ok(Happened::Cut) | Err(_) => {
            if let Some(cgroup) = cgroup {
                cgroup.kill();
            }
            tree::end_program(pid);
            let status = loop {
                match next.recv() {
                    Ok(Happened::Ended(status)) => break status.map_err(failed("its end"))?,
                    Ok(Happened::Cut) => {}
                    Err(_) => return Err("its end was not seen".to_owned()),
                }
            };
            (status, true)
        }
    };
    if let Some(cgroup) = cgroup {
        cgroup.kill();
    }
    let all_gone = tree::end_all();
    let mut reason = String::new();
    let started = why
        .rewind()
        .and_then(|()| std::io::Read::read_to_string(why, &mut reason));
    if started.is_ok() && status.code() == Some(NOT_BECOME) && !reason.is_empty() {
        return Err(reason);
    }
    let (kind, number) = match (timed_out, status.signal(), status.code()) {
        (true, ..) => ("timed-out", 0),
        (false, Some(signal), _) => ("signal", signal),
        (false, None, code) => ("exited", code.unwrap_or_default()),
    };
    Ok(vec![
        ENDED.to_vec(),
        kind.as_bytes().to_vec(),
        number.to_string().into_bytes(),
        began.elapsed().as_millis().to_string().into_bytes(),
        tree::children_cpu().as_millis().to_string().into_bytes(),
        all_gone.to_string().into_bytes(),
    ])
}

/// A file in memory.
fn memory(name: &str, content: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}
