//! The agent's end of one keeper.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream as Pair,
    },
};

use bailiwick_core::{bytes::ByteCount, digest::Sha256, ports::ExecError};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::pipe::{self, Receiver},
    },
};

use super::{
    keeper::{TAKEN, memory},
    line::{self, Told},
};
use crate::privileged::{self, Answer, KILL, Privileged, ended};

/// A keeper that waits for its order, or carries it out. Dropping it cuts the line, and the
/// keeper then ends with all that it holds.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Tells its end, and hears what it shall run and that it shall end.
    end: UnixStream,
    line: UnixStream,
    /// Its end of that, which it gets with its order.
    its_line: Option<OwnedFd>,
    output: Receiver,
    errors: Receiver,
}

/// The first bytes that a program wrote, and whether there were more.
pub(crate) type Beginning = (Vec<u8>, bool);

/// A keeper's last word, and what its program wrote.
pub(crate) type Said = (Vec<Vec<u8>>, Beginning, Beginning);

impl Kept {
    /// Has `privileged` start a keeper. It makes everything ready and waits. If it can't be
    /// started it takes no order, and [`Self::sweep`] says why.
    pub(crate) fn start(privileged: &Privileged) -> io::Result<Self> {
        let (end, its_end) = pair()?;
        let (line, its_line) = pair()?;
        let (its_output, output) = pipe::pipe()?;
        let (its_errors, errors) = pipe::pipe()?;
        let its_output = its_output.into_blocking_fd()?;
        let its_errors = its_errors.into_blocking_fd()?;
        // The keeper's ends go with this function: those that it has must be the last.
        let with = [its_end.as_fd(), its_output.as_fd(), its_errors.as_fd()];
        privileged.keeper(&with)?;
        Ok(Self {
            end,
            line,
            its_line: Some(its_line.into()),
            output,
            errors,
        })
    }

    /// Has it given its order, which `policy` grants. False if it was killed before it took that:
    /// then nothing was begun, and nothing will be.
    pub(crate) async fn takes(&mut self, policy: &Sha256, told: &Told) -> bool {
        let mut word = [0];
        // It says so before it begins.
        self.order(policy, told).is_ok()
            && self.line.read_exact(&mut word).await.is_ok()
            && word == TAKEN
    }

    fn order(&mut self, policy: &Sha256, told: &Told) -> io::Result<()> {
        let order = memory("order", &line::encode(&told.to_parts()))?;
        // Its end goes with this function, or a cut line would not be seen.
        let its_line = self.its_line.take().ok_or(io::ErrorKind::NotConnected)?;
        let with = [its_line.as_fd(), order.as_fd()];
        privileged::line::send(&self.end, policy.as_bytes(), &with)
    }

    /// Waits until all is over. Of what the program writes, `limit` is kept.
    ///
    /// # Errors
    /// The keeper was killed. What it held was ended.
    pub(crate) async fn finish(mut self, limit: ByteCount) -> Result<Said, ExecError> {
        let mut output = Output::new(&mut self.output, limit);
        let mut errors = Output::new(&mut self.errors, limit);
        let written = async {
            tokio::join!(output.fill(), errors.fill());
            std::future::pending().await
        };
        // Without a keeper nobody ends who holds the output open: it is not waited for.
        let answer = tokio::select! {
            answer = answer(&mut self.line) => answer,
            () = written => Err(io::ErrorKind::Other.into()),
        };
        match answer {
            // Nobody writes any more.
            Ok(answer) => Ok((answer, output.rest(), errors.rest())),
            Err(error) => {
                drop((output, errors));
                self.sweep().await?;
                Err(ExecError::Unavailable(error.to_string()))
            }
        }
    }

    /// Ends a keeper that was killed, or nearly, and what it held.
    pub(crate) async fn sweep(mut self) -> Result<(), ExecError> {
        // It may be gone already.
        let _ = self.end.write_all(&KILL).await;
        let unavailable = |reason: String| Err(ExecError::Unavailable(reason));
        match ended(&mut self.end).await {
            Ok(Answer::Ended(_)) => Ok(()),
            Ok(Answer::NotStarted(reason)) => unavailable(format!("no keeper: {reason}")),
            Err(error) => unavailable(error.to_string()),
        }
    }
}

/// Two ends, the first of them for tokio.
fn pair() -> io::Result<(UnixStream, Pair)> {
    let (own, other) = Pair::pair()?;
    own.set_nonblocking(true)?;
    Ok((UnixStream::from_std(own)?, other))
}

/// The keeper's last word. Its end is not waited for: by then it holds nothing any more.
async fn answer(line: &mut UnixStream) -> io::Result<Vec<Vec<u8>>> {
    let mut answer = Vec::new();
    let mut piece = [0; 512];
    loop {
        let length = line.read(&mut piece).await?;
        if length == 0 {
            return Err(io::Error::other("the keeper was killed"));
        }
        answer.extend(&piece[..length]);
        match line::read(&mut answer.as_slice()) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            whole_or_broken => return whole_or_broken,
        }
    }
}

/// What a program writes. All of it is read, and the beginning is kept: who writes must not
/// wait for us.
struct Output<'a, R> {
    from: &'a mut R,
    limit: usize,
    kept: Vec<u8>,
    cut: bool,
}

impl<'a, R: AsyncRead + AsFd + Unpin> Output<'a, R> {
    fn new(from: &'a mut R, limit: ByteCount) -> Self {
        Self {
            from,
            limit: usize::try_from(limit.get()).unwrap_or(usize::MAX),
            kept: Vec::new(),
            cut: false,
        }
    }

    /// Reads until nobody can write any more. If it is given up, nothing that was read is lost.
    async fn fill(&mut self) {
        let mut buffer = [0; 8 * 1024];
        // An error is the end of what can be had.
        while let Ok(length @ 1..) = self.from.read(&mut buffer).await {
            self.keep(&buffer[..length]);
        }
    }

    /// What there is when the last that wrote has ended: the keeper may hold the other end
    /// for another moment.
    fn rest(mut self) -> Beginning {
        let mut buffer = [0; 8 * 1024];
        while let Ok(length @ 1..) = rustix::io::read(&*self.from, &mut buffer) {
            self.keep(&buffer[..length]);
        }
        (self.kept, self.cut)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = bytes.len().min(self.limit - self.kept.len());
        self.kept.extend(&bytes[..room]);
        self.cut |= room < bytes.len();
    }
}
