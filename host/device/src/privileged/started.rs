//! Something that was started, until its end is told.

use std::{
    io::{self, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{
    answer::{Answer, KILL, tell},
    line,
    ordered::{self, pass_on},
    signed::SignedPolicies,
};
use crate::{exec::EXEC_CHILD, power::apart::Begun};

/// What is started.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Keeps a run, and ends by itself when its line is cut, or when no order can come any more.
    Keeper { cgroup: String },
    /// Compiles, and is of no use once nobody waits for it.
    Compiler {
        program: PathBuf,
        arguments: Vec<String>,
    },
    /// Tells a user something, and is of no use once nobody waits for it.
    Teller,
    /// Connects to the bus as nobody and says so itself: of no use once nobody waits for it.
    Bus { address: String },
    /// Asks logind for what was begun and says so itself.
    Power { address: String, begun: Begun },
    /// Ends what a keeper left that was killed.
    Sweeper { cgroup: String },
}

impl Kind {
    /// It can't be.
    pub(super) fn not_started(&self) {
        if let Self::Power { begun, .. } = self {
            begun.take_back();
        }
    }
}

#[derive(Debug)]
pub(super) struct Started {
    kind: Kind,
    child: Child,
    /// Tells its end; none where the kernel does not (before 5.3).
    process: Option<OwnedFd>,
    /// None once nobody waits for an answer.
    answer: Option<UnixStream>,
    /// Where a keeper hears what to run; none once it has heard.
    order: Option<OwnedFd>,
}

impl Started {
    /// None if it could not be started, which is told.
    pub(super) fn start(kind: Kind, streams: Vec<OwnedFd>, answer: UnixStream) -> Option<Self> {
        // What is said on it is read when there is something, and never waited for.
        answer.set_nonblocking(true).ok()?;
        match Self::with(&kind, streams, &answer) {
            Ok((child, order)) => Some(Self {
                order,
                ..Self::new(kind, child, Some(answer))
            }),
            Err(error) => {
                kind.not_started();
                Self::refuse(&error.to_string(), answer);
                None
            }
        }
    }

    /// With the streams that came, which for a keeper are two: it hears this process alone. Who
    /// answers itself has no other.
    fn with(
        kind: &Kind,
        mut streams: Vec<OwnedFd>,
        answer: &UnixStream,
    ) -> io::Result<(Child, Option<OwnedFd>)> {
        let mut order = None;
        if let Kind::Bus { .. } | Kind::Power { .. } = kind {
            let output = OwnedFd::from(answer.try_clone()?);
            let child = spawn(kind, Stdio::null(), output.into(), Stdio::null())?;
            return Ok((child, None));
        }
        if let Kind::Keeper { .. } = kind {
            let (family, socket) = (AddressFamily::UNIX, SocketType::SEQPACKET);
            let (own, its) = socketpair(family, socket, SocketFlags::CLOEXEC, None)?;
            streams.insert(0, its);
            order = Some(own);
        }
        let streams = <[OwnedFd; 3]>::try_from(streams);
        let streams = streams.map_err(|_| io::Error::other("its streams are missing"))?;
        let [input, output, errors] = streams.map(Stdio::from);
        Ok((spawn(kind, input, output, errors)?, order))
    }

    fn new(kind: Kind, child: Child, answer: Option<UnixStream>) -> Self {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let process = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        Self {
            kind,
            child,
            process,
            answer,
            order: None,
        }
    }

    /// Says that nothing is started.
    pub(super) fn refuse(reason: &str, answer: UnixStream) {
        tell(answer, &Answer::NotStarted(reason.to_owned()).encode());
    }

    /// What may have something to tell of it.
    pub(super) fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        let process = self.process.iter();
        let process = process.map(|process| PollFd::new(process, PollFlags::IN));
        let answer = self.answer.iter();
        process.chain(answer.map(|answer| PollFd::new(answer, PollFlags::IN)))
    }

    /// Whether nobody tells its end.
    pub(super) fn is_unseen(&self) -> bool {
        self.process.is_none()
    }

    /// Does what was asked meanwhile. False once its end was told.
    pub(super) fn goes_on(&mut self, signed: &mut dyn SignedPolicies) -> bool {
        self.hear(signed);
        match self.child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => self.ended(status),
            Err(_) => false,
        }
    }

    /// Whoever waits for an answer may give a keeper its order, ask to kill it, or be gone.
    fn hear(&mut self, signed: &mut dyn SignedPolicies) {
        let Some(answer) = &self.answer else {
            return;
        };
        let mut word = [0; ordered::LENGTH];
        match line::receive(answer, &mut word) {
            Ok((1, _)) if word[..1] == KILL => self.kill(),
            // Each has one order in its life.
            Ok((ordered::LENGTH, with)) => {
                if let Some(keeper) = self.order.take() {
                    pass_on(word, with, &keeper, signed);
                }
            }
            Ok((1.., _)) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => {
                self.answer = None;
                self.give_up();
            }
        }
    }

    fn ended(&mut self, status: ExitStatus) -> bool {
        // One that ends by itself has tidied up.
        if let Kind::Keeper { cgroup } = &self.kind
            && status.code().is_none()
        {
            let cgroup = cgroup.clone();
            let kind = Kind::Sweeper { cgroup };
            // If none can be had, the agent's next start sweeps.
            if let Ok(child) = spawn(&kind, Stdio::null(), Stdio::null(), Stdio::null()) {
                *self = Self::new(kind, child, self.answer.take());
                return true;
            }
        }
        match (&self.kind, &mut self.answer) {
            (Kind::Bus { .. }, _) => {}
            (Kind::Power { begun, .. }, _) => begun.ended(status),
            (_, Some(answer)) => {
                let _ = answer.write_all(&Answer::Ended(status).encode());
            }
            (_, None) => {}
        }
        false
    }

    /// Nobody waits for it any more.
    pub(super) fn give_up(&mut self) {
        match self.kind {
            Kind::Compiler { .. } | Kind::Teller | Kind::Bus { .. } => self.kill(),
            // At work it has a line of its own.
            Kind::Keeper { .. } => self.order = None,
            // They end soon.
            Kind::Sweeper { .. } | Kind::Power { .. } => {}
        }
    }

    fn kill(&mut self) {
        match self.kind {
            // Whoever asks means the keeper, which is gone: this one ends what it left. And what
            // was begun is not known to have been done where who asks for it was killed.
            Kind::Sweeper { .. } | Kind::Power { .. } => {}
            Kind::Keeper { .. } | Kind::Compiler { .. } | Kind::Teller | Kind::Bus { .. } => {
                // It may have ended, and then its end is seen.
                let _ = self.child.kill();
            }
        }
    }
}

fn spawn(kind: &Kind, input: Stdio, output: Stdio, errors: Stdio) -> io::Result<Child> {
    let own = |word: &str, with: &str| {
        let mut command = Command::new("/proc/self/exe");
        command.args([EXEC_CHILD, word, with]);
        command
    };
    let mut command = match kind {
        Kind::Keeper { cgroup } => own("keep", cgroup),
        Kind::Sweeper { cgroup } => own("sweep", cgroup),
        Kind::Teller => own("tell", ""),
        Kind::Bus { address } => own("bus", address),
        Kind::Power { address, begun } => {
            let mut command = own("power", address);
            command.args(begun.words());
            command
        }
        Kind::Compiler { program, arguments } => {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    command
        .env_clear()
        .current_dir("/")
        .stdin(input)
        .stdout(output)
        .stderr(errors)
        .spawn()
}
