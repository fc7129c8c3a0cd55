//! Starts `bailiwick-compile`, feeds it and collects what it writes.

use std::{
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, Compile, CompileError},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
};

use super::ending::Ending;
use crate::artifact::Artifact;

/// What a child may say for itself. The rest is read and dropped, so that it never waits.
const COMPLAINT: ByteCount = ByteCount::kib(4);

/// Bounds of one compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLimits {
    /// Time on the clock, from start to end. Processor time is bounded by the same number
    /// of seconds, rounded up, by the child itself: it holds even if the host is gone.
    pub time: Duration,
    /// The child's address space, in all.
    pub memory: ByteCount,
    /// Longest component.
    pub component: ByteCount,
    /// Longest artifact.
    pub artifact: ByteCount,
}

impl ChildLimits {
    /// Processor time, in whole seconds.
    pub fn cpu_seconds(&self) -> u64 {
        let seconds = self.time.as_secs() + u64::from(self.time.subsec_nanos() > 0);
        seconds.max(1)
    }
}

impl Default for ChildLimits {
    /// Room for a component that brings an interpreter (18 MB: 310 MB resident, 11 s, an
    /// artifact of some 50 MB) on a device several times slower.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            memory: ByteCount::mib(1024),
            component: ByteCount::mib(64),
            artifact: ByteCount::mib(256),
        }
    }
}

/// Starts `bailiwick-compile` for a host that may start nothing itself.
pub trait StartCompiler: Send + Sync + std::fmt::Debug {
    /// Starts it within `limits`, to compile its input or the probe of this name.
    ///
    /// # Errors
    /// It can't be asked for. That it could not be started [`Started::ended`] may say later.
    fn start(&self, limits: &ChildLimits, probe: Option<&str>) -> io::Result<Started>;
}

/// A child at work.
pub struct Started {
    /// Where it reads the component.
    pub input: ChildStdin,
    /// Where it writes the artifact.
    pub output: ChildStdout,
    /// Where it writes what is wrong.
    pub errors: ChildStderr,
    /// How it ended, or why it did not start. Dropping this ends it.
    pub ended: BoxFuture<'static, io::Result<ExitStatus>>,
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Started").finish_non_exhaustive()
    }
}

/// Compiles in a child process, which is killed when its time is over or when nobody waits
/// for it any more. It gets no environment and no descriptor but its three streams.
///
/// What it returns is native code that the program `bailiwick-compile` made: it is worth
/// as much as that program, and it says nothing about the component's intentions.
#[derive(Clone, Debug)]
pub struct Child {
    program: PathBuf,
    limits: ChildLimits,
    /// Starts it; none if this process does.
    starter: Option<Arc<dyn StartCompiler>>,
}

impl Child {
    /// Will start `program`, an absolute path: it is not searched for.
    pub fn new(program: impl Into<PathBuf>, limits: ChildLimits) -> Self {
        Self {
            program: program.into(),
            limits,
            starter: None,
        }
    }

    /// The same, where `starter` starts the program.
    #[must_use]
    pub fn started_by(self, starter: Arc<dyn StartCompiler>) -> Self {
        Self {
            starter: Some(starter),
            ..self
        }
    }

    /// Compiles the host's own probe `name` (see `bailiwick-compile --probe list`).
    ///
    /// # Errors
    ///
    /// As [`Compile::compile`].
    pub async fn compile_probe(&self, name: &str) -> Result<Artifact, CompileError> {
        self.run(Some(name), &[]).await.map(Artifact::from_compiler)
    }

    async fn run(&self, probe: Option<&str>, input: &[u8]) -> Result<Vec<u8>, CompileError> {
        let child = match &self.starter {
            Some(starter) => starter.start(&self.limits, probe),
            None => self.start(probe),
        };
        let child = child.map_err(|error| self.not_started(error))?;
        let seconds = self.limits.time.as_secs_f32();
        match tokio::time::timeout(self.limits.time, self.converse(child, input)).await {
            Ok(result) => result,
            // The future is dropped, and with it the child.
            Err(_) => Err(CompileError::Stopped(format!(
                "it took longer than {seconds} s"
            ))),
        }
    }

    fn start(&self, probe: Option<&str>) -> io::Result<Started> {
        let limits = &self.limits;
        let mut command = Command::new(&self.program);
        command
            .args(["--memory", &limits.memory.to_string()])
            .args(["--max-component", &limits.component.to_string()])
            .args(["--cpu", &limits.cpu_seconds().to_string()])
            .args(probe.map(|name| ["--probe", name]).into_iter().flatten())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Without it Windows finds no source of random numbers.
        #[cfg(windows)]
        if let Some(root) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", root);
        }
        #[cfg(unix)]
        command.current_dir("/");
        let mut child = command.spawn()?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("it has no standard streams"));
        };
        Ok(Started {
            input,
            output,
            errors,
            ended: Box::pin(async move { child.wait().await }),
        })
    }

    async fn converse(&self, child: Started, input: &[u8]) -> Result<Vec<u8>, CompileError> {
        let feed = async move {
            let mut stdin = child.input;
            // A child that refuses early does not read to the end; its status tells.
            let _ = stdin.write_all(input).await;
        };
        let (_, artifact, complaint) = tokio::join!(
            feed,
            read_up_to(child.output, self.limits.artifact),
            read_up_to(child.errors, COMPLAINT),
        );
        let failed =
            |error: std::io::Error| CompileError::Stopped(format!("its answer is lost: {error}"));
        let status = child.ended.await.map_err(|error| self.not_started(error))?;
        let artifact = artifact.map_err(failed)?;
        let complaint = complaint.map_err(failed)?;
        match Ending::of(status) {
            Ending::Done if artifact.cut => Err(CompileError::Stopped(format!(
                "the artifact is longer than {}",
                self.limits.artifact
            ))),
            Ending::Done if artifact.bytes.is_empty() => {
                Err(CompileError::Stopped("it wrote no artifact".to_owned()))
            }
            Ending::Done => Ok(artifact.bytes),
            ending => Err(ending.error(&self.program, &complaint.bytes, &self.limits)),
        }
    }

    fn not_started(&self, reason: impl ToString) -> CompileError {
        CompileError::NotStarted {
            program: self.program.display().to_string(),
            reason: reason.to_string(),
        }
    }
}

impl Compile for Child {
    fn compile<'a>(&'a self, component: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, CompileError>> {
        Box::pin(async move {
            let at_most = self.limits.component;
            if component.len() as u64 > at_most.get() {
                return Err(CompileError::Refused(format!(
                    "the component is longer than {at_most}"
                )));
            }
            self.run(None, component).await
        })
    }
}

/// What a stream carried.
struct Carried {
    bytes: Vec<u8>,
    /// It carried more.
    cut: bool,
}

/// Keeps `at_most` bytes and drops the rest, so that the writer never waits for a reader.
async fn read_up_to(
    mut stream: impl AsyncRead + Unpin,
    at_most: ByteCount,
) -> std::io::Result<Carried> {
    let mut bytes = Vec::new();
    (&mut stream)
        .take(at_most.get())
        .read_to_end(&mut bytes)
        .await?;
    let rest = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(Carried {
        bytes,
        cut: rest > 0,
    })
}
