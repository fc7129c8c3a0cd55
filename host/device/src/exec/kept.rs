//! The agent's end of one keeper.

use std::{
    fmt, io,
    os::fd::AsFd,
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
};

use bailiwick_core::{bytes::ByteCount, ports::ExecError};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    process::{Child, ChildStderr, ChildStdout, Command},
    runtime::Handle,
};

use super::{
    EXEC_CHILD, cgroup,
    keeper::TAKEN,
    line::{self, Told},
};

/// How many keepers this process has started.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// A keeper that waits for its order, or carries it out. Dropping it cuts the line, and the
/// keeper then ends with all that it holds.
pub(crate) struct Kept {
    /// None once it is taken leave of.
    child: Option<Child>,
    line: UnixStream,
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    cgroup: String,
}

/// The first bytes that a program wrote, and whether there were more.
pub(crate) type Beginning = (Vec<u8>, bool);

/// A keeper's last word, and what its program wrote.
pub(crate) type Said = (Vec<Vec<u8>>, Beginning, Beginning);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.cgroup).finish()
    }
}

impl Kept {
    /// Starts `program`, which calls [`super::serve_exec`] first, as a keeper. It makes
    /// everything ready and waits.
    pub(crate) fn start(program: &Path) -> io::Result<Self> {
        let (line, end) = std::os::unix::net::UnixStream::pair()?;
        line.set_nonblocking(true)?;
        let line = UnixStream::from_std(line)?;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let cgroup = cgroup::name(std::process::id(), number);
        // The command goes with this statement: it holds the keeper's end of the line, too,
        // and the keeper's must be the last.
        let mut child = Command::new(program)
            .args([EXEC_CHILD, "keep", &cgroup])
            .env_clear()
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(end)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self {
            output: child.stdout.take(),
            errors: child.stderr.take(),
            child: Some(child),
            line,
            cgroup,
        })
    }

    /// Gives it its order. False if it was killed before it took that: then nothing was
    /// begun, and nothing will be.
    pub(crate) async fn takes(&mut self, told: &Told) -> bool {
        let words = line::encode(&told.to_parts());
        let mut word = [0];
        // It says so before it begins.
        self.line.write_all(&words).await.is_ok()
            && self.line.read_exact(&mut word).await.is_ok()
            && word == TAKEN
    }

    /// Waits until all is over. Of what the program writes, `limit` is kept.
    ///
    /// # Errors
    /// The keeper was killed. What it held was ended.
    pub(crate) async fn finish(mut self, limit: ByteCount) -> Result<Said, ExecError> {
        let mut output = Output::new(self.output.take(), limit);
        let mut errors = Output::new(self.errors.take(), limit);
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
                self.sweep().await?;
                Err(ExecError::Unavailable(error.to_string()))
            }
        }
    }

    /// Ends a keeper that was killed, or nearly, and what it held.
    pub(crate) async fn sweep(mut self) -> Result<(), ExecError> {
        if let Some(mut child) = self.child.take() {
            // It may be gone already.
            let _ = child.kill().await;
        }
        let cgroup = std::mem::take(&mut self.cgroup);
        let swept = tokio::task::spawn_blocking(move || cgroup::end(&cgroup)).await;
        swept.map_err(|error| ExecError::Unavailable(error.to_string()))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Without a runtime this process is about to end.
        if let Some(mut child) = self.child.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move { child.wait().await });
        }
    }
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
struct Output<R> {
    from: Option<R>,
    limit: usize,
    kept: Vec<u8>,
    cut: bool,
}

impl<R: AsyncRead + AsFd + Unpin> Output<R> {
    fn new(from: Option<R>, limit: ByteCount) -> Self {
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
        while let Some(from) = &mut self.from
            // An error is the end of what can be had.
            && let Ok(length @ 1..) = from.read(&mut buffer).await
        {
            self.keep(&buffer[..length]);
        }
    }

    /// What there is when the last that wrote has ended: the keeper may hold the other end
    /// for another moment.
    fn rest(mut self) -> Beginning {
        let mut buffer = [0; 8 * 1024];
        while let Some(from) = &self.from
            && let Ok(length @ 1..) = rustix::io::read(from, &mut buffer)
        {
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
