//! The agent's end of the line.

use std::{
    ffi::OsStr,
    io::{self, Read as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
};
use tokio::io::Interest;

use super::{Answer, Request, answer::ENDED, ended, line, serve::READY};
use crate::{exec::EXEC_CHILD, sessions::bus};

/// Longest answer of what takes its time, in bytes.
pub(crate) const LONGEST_ANSWER: usize = 1_024;

/// How many keepers this process has asked for: their cgroups have its id and this number.
static KEEPERS: AtomicU64 = AtomicU64::new(0);

/// The process that does what the agent may not. Dropping this ends it.
#[derive(Debug)]
pub struct Privileged {
    line: OwnedFd,
}

impl Privileged {
    /// Starts `program`, which calls [`crate::serve_child`] first, as that process, and waits
    /// until it listens. What a killed agent's keepers left in cgroups it ends first; that
    /// takes time only where there is any, and at most 5 s for each that can't be ended.
    ///
    /// `compiler` is what it starts when a component is to be compiled, and nothing else ever.
    /// `trust` is what the program makes its [`crate::SignedPolicies`] of.
    ///
    /// # Errors
    /// It could not be started, or ended at once.
    pub fn start(program: &Path, compiler: &Path, trust: &[&OsStr]) -> io::Result<Self> {
        Self::on_bus(&bus::address(), program, compiler, trust)
    }

    /// The same where the system's bus has this address, which its environment does not tell it.
    ///
    /// # Errors
    /// As of [`Self::start`].
    pub(crate) fn on_bus(
        bus: &str,
        program: &Path,
        compiler: &Path,
        trust: &[&OsStr],
    ) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let kind = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (line, end) = socketpair(kind.0, kind.1, flags, None)?;
        // The command goes with this statement, and with it this process's copy of that end.
        // Nobody takes leave of it: it ends with the agent.
        Command::new(program)
            .args([EXEC_CHILD, "privileged"])
            .arg(compiler)
            .arg(bus)
            .args(trust)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(end))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut word = [0; 1];
        let (length, _) = line::receive(&line, &mut word)?;
        if word[..length] != READY {
            return Err(io::Error::other("it ended before it began"));
        }
        Ok(Self { line })
    }

    /// Something newer may have been signed. Where it does not hear that, it looks when it is
    /// next asked for what it does not know.
    pub fn look_again(&self) {
        let _ = self.send(&Request::Signed, &[]);
    }

    /// Whether it still runs.
    pub fn runs(&self) -> bool {
        let mut line = [PollFd::new(&self.line, PollFlags::RDHUP)];
        let now = Timespec::default();
        poll(&mut line, Some(&now)).is_ok_and(|ready| ready == 0)
    }

    /// Asks for the compiler, within these bounds in bytes and seconds, to compile its input or
    /// the probe of this name.
    ///
    /// # Errors
    /// As of [`Self::send`]. That it could not be started is told with its end.
    pub fn compiler(
        &self,
        memory: u64,
        component: u64,
        cpu_seconds: u64,
        probe: Option<&str>,
    ) -> io::Result<Compiler> {
        let (end, its_end) = UnixStream::pair()?;
        let (its_input, input) = io::pipe()?;
        let (output, its_output) = io::pipe()?;
        let (errors, its_errors) = io::pipe()?;
        let request = Request::Compiler {
            memory,
            component,
            cpu_seconds,
            probe: probe.map(str::to_owned),
        };
        let with = [
            its_end.as_fd(),
            its_input.as_fd(),
            its_output.as_fd(),
            its_errors.as_fd(),
        ];
        self.send(&request, &with)?;
        end.set_nonblocking(true)?;
        Ok(Compiler {
            input: OwnedFd::from(input).into(),
            output: OwnedFd::from(output).into(),
            errors: OwnedFd::from(errors).into(),
            end: CompilerEnd(tokio::net::UnixStream::from_std(end)?),
        })
    }

    /// Asks for a keeper, with the descriptors that belong to it.
    ///
    /// # Errors
    /// As of [`Self::send`].
    pub(crate) fn keeper(&self, with: &[BorrowedFd<'_>]) -> io::Result<()> {
        let number = KEEPERS.fetch_add(1, Ordering::Relaxed);
        self.send(&Request::Keeper { number }, with)
    }

    /// Asks for something that is answered at once, with a descriptor that belongs to it, and
    /// waits for the answer.
    ///
    /// # Errors
    /// As of [`Self::send`], or there is no answer.
    pub(crate) fn ask(
        &self,
        request: &Request,
        with: Option<BorrowedFd<'_>>,
    ) -> io::Result<Vec<u8>> {
        let (mut own, its) = UnixStream::pair()?;
        let all: Vec<_> = [its.as_fd()].into_iter().chain(with).collect();
        self.send(request, &all)?;
        drop(its);
        let mut answer = Vec::new();
        own.read_to_end(&mut answer)?;
        if answer.is_empty() {
            return Err(io::Error::other(ENDED));
        }
        Ok(answer)
    }

    /// Asks for something that takes its time, and waits for the answer, one message, and for
    /// what comes with it. Whoever drops this has it called off.
    ///
    /// # Errors
    /// As of [`Self::send`], or there is no answer.
    pub(crate) async fn hear(&self, request: &Request) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
        let (own, its) = UnixStream::pair()?;
        self.send(request, &[its.as_fd()])?;
        drop(its);
        own.set_nonblocking(true)?;
        let own = tokio::net::UnixStream::from_std(own)?;
        let mut answer = vec![0; LONGEST_ANSWER];
        let received = own.async_io(Interest::READABLE, || line::receive(&own, &mut answer));
        let (length, with) = received.await?;
        // The line is cut once whoever did it has ended, and what comes of that is noted.
        let cut = own.async_io(Interest::READABLE, || line::receive(&own, &mut [0]));
        cut.await?;
        if length == 0 {
            return Err(io::Error::other("who should do it ended without a word"));
        }
        answer.truncate(length);
        Ok((answer, with.into_iter().next()))
    }

    /// Asks for something, with the descriptors that belong to it.
    ///
    /// # Errors
    /// It has ended, or does not keep up.
    pub(crate) fn send(&self, request: &Request, with: &[BorrowedFd<'_>]) -> io::Result<()> {
        line::send(&self.line, &request.encode(), with).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the agent's privileged process: {error}"),
            )
        })
    }

    /// The socket of [`Request::Notices`]; none if it can't be had.
    pub(crate) fn notices(&self) -> Option<OwnedFd> {
        let (own, answer) = UnixStream::pair().ok()?;
        self.send(&Request::Notices, &[answer.as_fd()]).ok()?;
        drop(answer);
        let (_, descriptors) = line::receive(&own, &mut [0; 1]).ok()?;
        descriptors.into_iter().next()
    }
}

/// The compiler at work, or about to be.
#[derive(Debug)]
pub struct Compiler {
    /// Where it reads.
    pub input: ChildStdin,
    /// Where it writes.
    pub output: ChildStdout,
    /// Where it writes what is wrong.
    pub errors: ChildStderr,
    /// Its end. It is killed where nobody waits for that any more.
    pub end: CompilerEnd,
}

/// The end of a compiler.
#[derive(Debug)]
pub struct CompilerEnd(tokio::net::UnixStream);

impl CompilerEnd {
    /// Waits for it.
    ///
    /// # Errors
    /// It was not started, or the privileged process has ended.
    pub async fn wait(mut self) -> io::Result<ExitStatus> {
        match ended(&mut self.0).await? {
            Answer::Ended(status) => Ok(status),
            Answer::NotStarted(reason) => Err(io::Error::other(reason)),
        }
    }
}
