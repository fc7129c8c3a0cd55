//! The keeper of one run, see the module above.

use std::{
    fs::File,
    io::{Seek, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
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
    opened, tree, user,
};
use crate::privileged;

/// What comes with its order.
pub(crate) const ORDERED: [u8; 1] = [b'o'];

/// What a keeper says when it has its order, before it begins.
pub(crate) const TAKEN: [u8; 1] = [b'+'];

/// Words with which a keeper's answer begins.
pub(crate) const ENDED: &[u8] = b"ended";
pub(crate) const NOT_STARTED: &[u8] = b"not-started";

/// What the starter says when the next thing that it does is to become the program. If that
/// fails, why follows.
pub(crate) const BEGINS: char = '+';

/// What the starter ends with if it could not become the program.
pub(crate) const NOT_BECOME: i32 = 255;

enum Happened {
    Ended(std::io::Result<ExitStatus>),
    Cut,
}

/// Makes everything ready for a run in a cgroup called `cgroup`, and hears what to run on
/// standard input, from the privileged process. Runs it, and says on the line to the agent, which
/// comes with that, how it ended.
pub(crate) fn keep(cgroup: &str) -> std::io::Result<()> {
    let cgroup = Cgroup::make(cgroup);
    let starter = adopt().and_then(|()| starter(cgroup.as_ref()));
    let answered = ordered().and_then(|(told, mut agent)| {
        agent.write_all(&TAKEN)?;
        Ok((answer(told, starter, cgroup.as_ref(), &agent), agent))
    });
    // Whatever came between: nobody and no cgroup stays. What is on its way into the cgroup
    // is found by its descent.
    if let Some(cgroup) = &cgroup {
        cgroup.kill();
    }
    tree::end_all();
    if let Some(cgroup) = cgroup {
        cgroup.end();
    }
    let (answer, mut agent) = answered?;
    line::write(&mut agent, &answer)
}

/// What to run, and who waits for how it ended. Nobody but the privileged process can tell.
fn ordered() -> std::io::Result<(Told, UnixStream)> {
    let (_, with) = privileged::line::receive(std::io::stdin(), &mut [0; ORDERED.len()])?;
    // None come where it is gone.
    let [agent, order] =
        <[OwnedFd; 2]>::try_from(with).map_err(|_| std::io::ErrorKind::UnexpectedEof)?;
    let told = Told::from_parts(line::read(&mut File::from(order))?);
    let told = told.ok_or(std::io::ErrorKind::InvalidData)?;
    Ok((told, UnixStream::from(agent)))
}

/// What there is to say when the run is over.
fn answer(
    mut told: Told,
    starter: Result<Child, String>,
    cgroup: Option<&Cgroup>,
    agent: &UnixStream,
) -> Vec<Vec<u8>> {
    let ran = user::find(&mut told)
        .and(starter)
        .and_then(|starter| run(&told, starter, cgroup, agent));
    ran.unwrap_or_else(|reason| vec![NOT_STARTED.to_vec(), reason.into_bytes()])
}

/// Becomes the one that whatever is started below falls to.
fn adopt() -> Result<(), String> {
    // A session of its own: no terminal, and no signal of the agent's group.
    setsid().map_err(|error| failed("a session")(error.into()))?;
    set_child_subreaper(Some(getpid())).map_err(|error| failed("adoption")(error.into()))
}

/// A starter, which waits for its order in the cgroup.
fn starter(cgroup: Option<&Cgroup>) -> Result<Child, String> {
    Command::new("/proc/self/exe")
        .arg(EXEC_CHILD)
        .arg("start")
        .args(cgroup.map(Cgroup::members))
        .env_clear()
        .stdin(Stdio::piped())
        .spawn()
        .map_err(failed("the starter"))
}

fn failed(doing: &'static str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{doing}: {error}")
}

fn run(
    told: &Told,
    starter: Child,
    cgroup: Option<&Cgroup>,
    agent: &UnixStream,
) -> Result<Vec<Vec<u8>>, String> {
    let began = Instant::now();
    let program = opened::open(&told.path, &told.sha256)?;
    let run = Run {
        told,
        program,
        cgroup,
        agent,
        began,
    };
    if let Some(answer) = run.by(starter)? {
        return Ok(answer);
    }
    // It was killed while it waited.
    let answer = run.by(self::starter(cgroup)?)?;
    answer.ok_or_else(|| "the starter was killed before it began".to_owned())
}

struct Run<'a> {
    told: &'a Told,
    program: File,
    cgroup: Option<&'a Cgroup>,
    agent: &'a UnixStream,
    began: Instant,
}

impl Run<'_> {
    /// None if the starter ended before it began to become the program.
    fn by(&self, mut starter: Child) -> Result<Option<Vec<Vec<u8>>>, String> {
        let input = memory("input", &self.told.input).map_err(failed("the input"))?;
        let mut why = memory("why", &[]).map_err(failed("the order"))?;
        // The starter opens them through this process: nothing is inherited.
        let files = [&self.program, &input, &why];
        let files = files.map(|file| file.as_raw_fd().to_string().into_bytes());
        let words = [files.to_vec(), self.told.to_parts()].concat();
        if let Some(mut order) = starter.stdin.take() {
            // One that is gone has nobody to read it: its end is seen below.
            let _ = line::write(&mut order, &words);
        }
        let (status, timed_out) = self.watch(starter)?;
        if let Some(cgroup) = self.cgroup {
            cgroup.kill();
        }
        let all_gone = tree::end_all();
        let mut text = String::new();
        let read = why
            .rewind()
            .and_then(|()| std::io::Read::read_to_string(&mut why, &mut text));
        read.map_err(failed("what the starter says"))?;
        let reason = text.trim_start_matches(BEGINS);
        if status.code() == Some(NOT_BECOME) && !reason.is_empty() {
            return Err(reason.to_owned());
        }
        let (kind, number) = match (timed_out, status.signal(), status.code()) {
            (true, ..) => ("timed-out", 0),
            (false, ..) if text.is_empty() => return Ok(None),
            (false, Some(signal), _) => ("signal", signal),
            (false, None, code) => ("exited", code.unwrap_or_default()),
        };
        let elapsed = self.began.elapsed();
        Ok(Some(vec![
            ENDED.to_vec(),
            kind.as_bytes().to_vec(),
            number.to_string().into_bytes(),
            elapsed.as_millis().to_string().into_bytes(),
            tree::children_cpu().as_millis().to_string().into_bytes(),
            all_gone.to_string().into_bytes(),
        ]))
    }

    /// How it ended, and whether by us: its time was over, or the line was cut.
    fn watch(&self, mut child: Child) -> Result<(ExitStatus, bool), String> {
        let pid = child.id();
        let (happened, next) = mpsc::channel();
        let ended = happened.clone();
        let watched = self.agent.try_clone().map_err(failed("the line"))?;
        std::thread::spawn(move || drop(ended.send(Happened::Ended(child.wait()))));
        std::thread::spawn(move || {
            // Nothing follows the order: whatever comes is the end of the line.
            let _ = line::read(&mut &watched);
            drop(happened.send(Happened::Cut));
        });
        let limit = Duration::from_millis(self.told.time_limit_ms);
        let first = next.recv_timeout(limit.saturating_sub(self.began.elapsed()));
        // While the program has not been waited for, its number is its own.
        match first {
            Ok(Happened::Ended(status)) => Ok((status.map_err(failed("its end"))?, false)),
            Ok(Happened::Cut) | Err(_) => {
                if let Some(cgroup) = self.cgroup {
                    cgroup.kill();
                }
                tree::end_program(pid);
                loop {
                    match next.recv() {
                        Ok(Happened::Ended(status)) => {
                            return Ok((status.map_err(failed("its end"))?, true));
                        }
                        Ok(Happened::Cut) => {}
                        Err(_) => return Err("its end was not seen".to_owned()),
                    }
                }
            }
        }
    }
}

/// A file in memory.
pub(crate) fn memory(name: &str, content: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}
