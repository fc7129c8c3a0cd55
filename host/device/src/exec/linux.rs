//! Runs, as the agent asks for them.

use std::{
    ffi::{OsStr, OsString},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use bailiwick_core::{
    policy::RunAs,
    ports::{BoxFuture, Exec, ExecEnded, ExecError, ExecOrder, ExecRan, Expectation},
};

use super::{
    EXEC_CHILD, cgroup, keeper, kept::Said, line::Told, parked::Parked, starter, user::Who,
};
use crate::{
    message::teller,
    power::apart as power,
    privileged::{Privileged, SignedActions, serve::serve},
    sessions::bus::apart,
};

/// Of a run that nobody signed.
const UNSIGNED: &str = "no signed policy grants it";

/// Runs programs through keepers.
#[derive(Clone, Debug)]
pub struct DeviceExec {
    parked: Arc<Parked>,
}

impl DeviceExec {
    /// Has `privileged` start a keeper for each run.
    pub fn new(privileged: Arc<Privileged>) -> Self {
        let parked = Parked::new(privileged);
        Self { parked }
    }
}

/// Whether this program was started as the privileged process, a keeper or a starter, and how
/// that ended. Whoever calls it has no other thread and nothing open. `signed` makes what the
/// privileged process believes, of the `trust` that [`Privileged::start`] was given.
pub fn serve_child(signed: fn(&[OsString]) -> Option<Box<dyn SignedActions>>) -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != EXEC_CHILD {
        return None;
    }
    let (role, with) = (arguments.next(), arguments.next());
    let trust: Vec<OsString> = arguments.collect();
    let text = with.as_deref().and_then(OsStr::to_str);
    let done = match (role.as_deref().and_then(OsStr::to_str), text) {
        (Some("privileged"), _) => privileged(with, &trust, signed),
        (Some("power"), Some(address)) => power::serve(address, &trust),
        (Some("bus"), Some(address)) => apart::serve(address).map_err(|_| 1),
        (Some("keep"), Some(cgroup)) => keeper::keep(cgroup).map_err(|_| 1),
        (Some("sweep"), Some(cgroup)) => {
            cgroup::end(cgroup);
            Ok(())
        }
        (Some("tell"), _) => teller::serve().map_err(|_| 1),
        (Some("start"), members) => starter::start(members).map_err(|_| keeper::NOT_BECOME),
        _ => Err(2),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
    })
}

/// With the compiler, the address of the bus and whom it believes.
fn privileged(
    compiler: Option<OsString>,
    with: &[OsString],
    signed: fn(&[OsString]) -> Option<Box<dyn SignedActions>>,
) -> Result<(), i32> {
    let (Some(compiler), [bus, trust @ ..]) = (compiler, with) else {
        return Err(2);
    };
    let signed = signed(trust).ok_or(2)?;
    let bus = bus.to_string_lossy().into_owned();
    serve(compiler.into(), bus, signed).map_err(|_| 1)
}

impl Exec for DeviceExec {
    fn run(&self, order: ExecOrder) -> BoxFuture<'_, Result<ExecRan, ExecError>> {
        Box::pin(self.run_kept(order))
    }

    /// One keeper waits as long as this is kept, in a cgroup of its own.
    fn expect_runs(&self) -> Expectation {
        Box::new(self.parked.expect())
    }
}

impl DeviceExec {
    async fn run_kept(&self, order: ExecOrder) -> Result<ExecRan, ExecError> {
        let failed = |error: std::io::Error| ExecError::Unavailable(error.to_string());
        let limit = order.program.output_limit;
        let policy = order.policy;
        let told = told(order).map_err(ExecError::NotStarted)?;
        let policy = policy.ok_or_else(|| ExecError::NotStarted(UNSIGNED.to_owned()))?;
        let (waiting, _refill) = self.parked.take();
        if let Some(mut keeper) = waiting {
            if keeper.takes(&policy, &told).await {
                return ran(keeper.finish(limit).await?);
            }
            // It was killed while it waited, and nothing was begun.
            keeper.sweep().await?;
        }
        let mut keeper = self.parked.start().map_err(failed)?;
        if keeper.takes(&policy, &told).await {
            return ran(keeper.finish(limit).await?);
        }
        keeper.sweep().await?;
        let reason = "the keeper was killed before it began";
        Err(ExecError::Unavailable(reason.to_owned()))
    }
}

/// The order as a keeper takes it. Who the user is, it finds out itself.
fn told(order: ExecOrder) -> Result<Told, String> {
    let user = match (order.program.run_as, order.session_user) {
        (RunAs::Session, Some(uid)) => Who::Session(uid),
        (RunAs::Session, None) => return Err("no session is named".to_owned()),
        (RunAs::User(name), _) => Who::Named(name),
        (RunAs::Root, _) => Who::Root,
    };
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
        input: order.input,
        arguments: order.arguments,
        environment: order.environment,
    })
}

fn ran((answer, output, errors): Said) -> Result<ExecRan, ExecError> {
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
