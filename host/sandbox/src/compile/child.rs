//! Starts `bailiwick-compile`, feeds it and collects what it writes.

use std::{path::PathBuf, process::Stdio, time::Duration};

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, Compile, CompileError},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{self, Command},
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

/// Compiles in a child process, which is killed when its time is over or when nobody waits
/// for it any more. It gets no environment and no descriptor but its three streams.
///
/// What it returns is native code that the program `bailiwick-compile` made: it is worth
/// as much as that program, and it says nothing about the component's intentions.
#[derive(Clone, Debug)]
pub struct Child {
    program: PathBuf,
    limits: ChildLimits,
}

impl Child {
    /// Will start `program`, an absolute path: it is not searched for.
    pub fn new(program: impl Into<PathBuf>, limits: ChildLimits) -> Self {
        Self {
            program: program.into(),
            limits,
        }
    }

    /// Compiles the host's own probe `name` (see `bailiwick-compile --probe list`).
    ///
    /// # Errors
    ///
    /// As [`Compile::compile`].
    pub async fn compile_probe(&self, name: &str) -> Result<Artifact, CompileError> {
        self.run(&["--probe", name], &[])
            .await
            .map(Artifact::from_compiler)
    }

    async fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, CompileError> {
        let child = self.start(arguments)?;
        let seconds = self.limits.time.as_secs_f32();
        match tokio::time::timeout(self.limits.time, self.converse(child, input)).await {
            Ok(result) => result,
            // The future is dropped, and with it the child.
            Err(_) => Err(CompileError::Stopped(format!(
                "it took longer than {seconds} s"
            ))),
        }
    }

    fn start(&self, arguments: &[&str]) -> Result<process::Child, CompileError> {
        let limits = &self.limits;
        let cpu_seconds = limits.time.as_secs() + u64::from(limits.time.subsec_nanos() > 0);
        let mut command = Command::new(&self.program);
        command
            .args(["--memory", &limits.memory.to_string()])
            .args(["--max-component", &limits.component.to_string()])
            .args(["--cpu", &cpu_seconds.max(1).to_string()])
            .args(arguments)
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
        command.spawn().map_err(|error| self.not_started(error))
    }

    async fn converse(
        &self,
        mut child: process::Child,
        input: &[u8],
    ) -> Result<Vec<u8>, CompileError> {
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(self.not_started("it has no standard streams"));
        };
        let feed = async move {
            let mut stdin = stdin;
            // A child that refuses early does not read to the end; its status tells.
            let _ = stdin.write_all(input).await;
        };
        let (_, artifact, complaint) = tokio::join!(
            feed,
            read_up_to(stdout, self.limits.artifact),
            read_up_to(stderr, COMPLAINT),
        );
        let failed =
            |error: std::io::Error| CompileError::Stopped(format!("its answer is lost: {error}"));
        let status = child.wait().await.map_err(failed)?;
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
            self.run(&[], component).await
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
