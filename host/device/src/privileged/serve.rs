//! The privileged process itself.

use std::{
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
};

use bailiwick_core::policy::Rates;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{getppid, setsid},
};

use super::{
    Request,
    actions::Live,
    closely, line,
    request::LONGEST,
    signed::{SignedActions, SignedPolicies as _},
    started::{Kind, Started},
    tell,
};
use crate::{
    SystemClock,
    exec::cgroup,
    power::apart::{self as power, Past},
    process_control::apart as signals,
    sessions::{client, notices},
    wake::apart,
};

/// What it says when it listens.
pub(super) const READY: [u8; 1] = [b'+'];

/// Most processes of its own at a time. An agent that asks for more is not one of ours.
const MOST_STARTED: usize = 64;

/// From one look to the next for the end of what was started, where the kernel (before 5.3)
/// does not tell.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Does what is asked on standard input until the agent is gone. The system's bus is at `bus`. What a policy must grant is held
/// against what is `signed`.
///
/// # Errors
/// The line broke.
pub(crate) fn serve(
    compiler: PathBuf,
    bus: String,
    signed: Box<dyn SignedActions>,
) -> io::Result<()> {
    let line = io::stdin().as_fd().try_clone_to_owned()?;
    // No terminal, and no signal that is meant for the agent's group. What is its group's
    // leader already has neither.
    let _ = setsid();
    let agent = getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    cgroup::end_leftovers();
    line::send(&line, &READY, &[])?;
    let clock = SystemClock::new();
    let mut serving = Serving {
        compiler,
        bus,
        live: Live::new(signed, clock),
        clock,
        woken: Rates::default(),
        powered: Past::default(),
        agent,
        started: Vec::new(),
    };
    loop {
        if wait(&line, &serving.started)? && !serving.next(&line)? {
            break;
        }
        serving.look();
    }
    for started in &mut serving.started {
        started.give_up();
    }
    Ok(())
}

/// Waits until the line, or something that was started, has something to tell. Whether the
/// line has.
fn wait(line: &OwnedFd, started: &[Started]) -> io::Result<bool> {
    let mut watched = vec![PollFd::new(line, PollFlags::IN)];
    watched.extend(started.iter().flat_map(Started::watched));
    let unseen = started.iter().any(Started::is_unseen);
    match poll(&mut watched, unseen.then_some(&LOOK)) {
        Ok(_) => Ok(!watched[0].revents().is_empty()),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

struct Serving {
    compiler: PathBuf,
    /// Its address.
    bus: String,
    live: Live,
    clock: SystemClock,
    /// What each plugin has sent.
    woken: Rates,
    /// What was done to the whole machine.
    powered: Past,
    /// Its id is in the names of cgroups, so that somebody finds what it leaves.
    agent: u32,
    started: Vec<Started>,
}

impl Serving {
    /// Does what the next message asks. False if the agent is gone.
    fn next(&mut self, line: &OwnedFd) -> io::Result<bool> {
        let mut buffer = [0; LONGEST];
        match line::receive(line, &mut buffer) {
            Ok((0, _)) => return Ok(false),
            Ok((length, with)) => {
                if let Some(request) = Request::decode(&buffer[..length]) {
                    self.obey(request, with);
                }
            }
            // What is no request is dropped, and with it where its answer would go.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    fn obey(&mut self, request: Request, with: Vec<OwnedFd>) {
        match request {
            Request::Signed => return self.live.look_again(),
            Request::Ended(action) => return self.live.ended(action),
            Request::Device(device) => return self.live.is_on(device),
            _ => {}
        }
        let mut with = with.into_iter();
        let Some(answer) = with.next().map(UnixStream::from) else {
            return;
        };
        let streams: Vec<OwnedFd> = with.collect();
        match request {
            // Above: they have no answer.
            Request::Signed | Request::Ended(_) | Request::Device(_) => {}
            Request::Action => self.live.answer(streams.into_iter().next(), answer),
            Request::Closely(all) => closely::answer(&all, answer),
            Request::Client(pid) => client::answer(pid, answer),
            Request::Signal(order) => {
                let process = streams.into_iter().next();
                signals::answer(order, process, &mut self.live, &self.clock, answer);
            }
            Request::Wake(packet) => {
                let (signed, woken) = (&mut self.live, &mut self.woken);
                apart::answer(&packet, signed, woken, &self.clock, answer);
            }
            Request::Notices => {
                // Whoever gets none has none.
                if let Ok(socket) = notices::listen() {
                    let _ = line::send(&answer, &READY, &[socket.as_fd()]);
                }
            }
            Request::Bus => {
                let address = self.bus.clone();
                self.start(Kind::Bus { address }, streams, answer);
            }
            Request::Power(order) => {
                let begun = self.powered.begin(order, &mut self.live, &self.clock);
                match begun {
                    Ok(begun) => {
                        let address = self.bus.clone();
                        self.start(Kind::Power { address, begun }, streams, answer);
                    }
                    Err(error) => tell(answer, &power::answer(&Err(error))),
                }
            }
            Request::Teller => self.start(Kind::Teller, streams, answer),
            Request::Keeper { number } => {
                let cgroup = cgroup::name(self.agent, number);
                self.start(Kind::Keeper { cgroup }, streams, answer);
            }
            Request::Compiler {
                memory,
                component,
                cpu_seconds,
                probe,
            } => {
                let mut arguments = vec![
                    "--memory".to_owned(),
                    format!("{memory} B"),
                    "--max-component".to_owned(),
                    format!("{component} B"),
                    "--cpu".to_owned(),
                    cpu_seconds.to_string(),
                ];
                if let Some(probe) = probe {
                    arguments.extend(["--probe".to_owned(), probe]);
                }
                let program = self.compiler.clone();
                self.start(Kind::Compiler { program, arguments }, streams, answer);
            }
        }
    }

    fn start(&mut self, kind: Kind, streams: Vec<OwnedFd>, answer: UnixStream) {
        if self.started.len() >= MOST_STARTED {
            kind.not_started();
            Started::refuse("too much runs already", answer);
        } else {
            self.started.extend(Started::start(kind, streams, answer));
        }
    }

    /// Looks after what was started.
    fn look(&mut self) {
        let signed = &mut self.live;
        self.started.retain_mut(|started| started.goes_on(signed));
    }
}
