//! The agent's end of a run.

use std::{
    path::PathBuf,
    process::{ExitCode, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bailiwick_core::{
    bytes::ByteCount,
    policy::RunAs,
    ports::{BoxFuture, Exec, ExecEnded, ExecError, ExecOrder, ExecRan},
};
use rustix::process::geteuid;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    process::Command,
};

use super::{
    EXEC_CHILD, cgroup, keeper,
    line::{self, Told},
    starter, user,
};

/// How many runs this process has begun.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// Runs programs through keepers.
#[derive(Clone, Debug)]
pub struct DeviceExec {
    keeper: PathBuf,
}

impl DeviceExec {
    /// Starts `keeper`, a program that calls [`serve_exec`] first, for each run.
    ///
    /// What a killed agent's runs left in cgroups is ended first; that takes time only where
    /// there is any, and at most 5 s for each that can't be ended.
    pub fn new(keeper: PathBuf) -> Self {
        cgroup::end_leftovers();
        Self { keeper }
    }
}

/// Whether this program was started as a keeper or a starter, and how that ended. Whoever
/// calls it has no other thread and nothing open.
pub fn serve_exec() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(EXEC_CHILD) {
        return None;
    }
    let done = match arguments.next().as_deref() {
        Some("keep") => keeper::keep().map_err(|_| 1),
        Some("start") => {
            let numbers: Vec<String> = arguments.collect();
            starter::start(&numbers).map_err(|_| keeper::NOT_BECOME)
        }
        _ => Err(2),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
    })
}

impl Exec for DeviceExec {
    fn run(&self, order: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>> {
        Box::pin(self.run_kept(order))
    }
}

impl DeviceExec {
    async fn run_kept(&self, order: ExecOrder) -> Result<ExecRan, ExecError> {
        let failed = |error: std::io::Error| ExecError::Unavailable(error.to_string());
        let limit = order.program.output_limit;
        let told = told(order).map_err(ExecError::NotStarted)?;
        // Its end goes with this future, however that ends: the keeper sees it.
        let (line, end) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        line.set_nonblocking(true).map_err(failed)?;
        let mut line = UnixStream::from_std(line).map_err(failed)?;
        let mut keeper = Command::new(&self.keeper);
        keeper
            .arg(EXEC_CHILD)
            .arg("keep")
            .env_clear()
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(end)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = keeper.spawn().map_err(failed)?;
        // The command holds the other end, too: the keeper's must be the last.
        drop(keeper);
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let (words, cgroup) = (line::encode(&told.to_parts()), told.cgroup);
        let asked = async {
            line.write_all(&words).await?;
            let mut answer = Vec::new();
            line.read_to_end(&mut answer).await?;
            if answer.is_empty() {
                return Err(std::io::Error::other("the keeper was killed"));
            }
            line::read(&mut answer.as_slice())
        };
        let output = async { Ok(beginning(output, limit).await) };
        let errors = async { Ok(beginning(errors, limit).await) };
        // Without a keeper nobody ends who holds the output open: it is not waited for.
        let ended = tokio::try_join!(asked, output, errors);
        // It has said its last word.
        let _ = child.wait().await;
        match ended {
            Ok((answer, output, errors)) => ran(&answer, output, errors),
            Err(error) => {
                let swept = tokio::task::spawn_blocking(move || cgroup::end(&cgroup)).await;
                swept.map_err(|error| ExecError::Unavailable(error.to_string()))?;
                Err(failed(error))
            }
        }
    }
}

fn told(order: ExecOrder) -> Result<Told, String> {
    let user = user::account(&order.program.run_as)?;
    let own = geteuid();
    if !own.is_root() && user.uid != own.as_raw() {
        let name = match &order.program.run_as {
            RunAs::Root => "root",
            RunAs::User(name) => name,
        };
        return Err(format!(
            "the agent is not root, so it can't run a program as `{name}`"
        ));
    }
    let limit = order.time_limit.as_millis();
    Ok(Told {
        path: order.program.path,
        sha256: order
            .program
            .sha256
            .map(|digest| digest.to_string())
            .unwrap_or_default(),
        directory: order.program.directory,
        user,
        time_limit_ms: u64::try_from(limit).unwrap_or(u64::MAX),
        cgroup: cgroup::name(std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed)),
        input: order.input,
        arguments: order.arguments,
        environment: order.environment,
    })
}

/// The first `limit` bytes, and whether there were more. All of it is read: who writes must
/// not wait for us.
async fn beginning(from: Option<impl AsyncRead + Unpin>, limit: ByteCount) -> (Vec<u8>, bool) {
    let limit = usize::try_from(limit.get()).unwrap_or(usize::MAX);
    let (mut kept, mut cut) = (Vec::new(), false);
    let Some(mut from) = from else {
        return (kept, cut);
    };
    let mut buffer = [0; 8 * 1024];
    // An error is the end of what can be had.
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let room = length.min(limit - kept.len());
        kept.extend(&buffer[..room]);
        cut |= room < length;
    }
    (kept, cut)
}

fn ran(
    answer: &[Vec<u8>],
    output: (Vec<u8>, bool),
    errors: (Vec<u8>, bool),
) -> Result<ExecRan, ExecError> {
    let text = |at: usize| {
        answer
            .get(at)
            .and_then(|part| std::str::from_utf8(part).ok())
    };
    let number = |at| text(at).and_then(|text| text.parse::<u64>().ok());
    let broken = || ExecError::Unavailable("the keeper's answer is broken".to_owned());
    match answer.first().map(Vec::as_slice) {
        Some(keeper::NOT_STARTED) => {
            return Err(ExecError::NotStarted(
                text(1).unwrap_or_default().to_owned(),
            ));
        }
        Some(keeper::ENDED) => {}
        _ => return Err(broken()),
    }
    let of = u8::try_from(number(2).ok_or_else(broken)?).map_err(|_| broken())?;
    Ok(ExecRan {
        ended: match text(1) {
            Some("exited") => ExecEnded::Exited(of),
            Some("signal") => ExecEnded::Signal(of),
            Some("timed-out") => ExecEnded::TimedOut,
            _ => return Err(broken()),
        },
        output,
        errors,
        elapsed: Duration::from_millis(number(3).ok_or_else(broken)?),
        cpu: Duration::from_millis(number(4).ok_or_else(broken)?),
    })
}
