//! Runs, as the agent asks for them.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use bailiwick_core::{
    policy::RunAs,
    ports::{BoxFuture, Exec, ExecEnded, ExecError, ExecOrder, ExecRan, Expectation},
};
use rustix::process::geteuid;

use super::{
    EXEC_CHILD, cgroup, keeper,
    kept::Said,
    line::Told,
    parked::Parked,
    starter,
    user::{self, Account},
};

/// Runs programs through keepers.
#[derive(Clone, Debug)]
pub struct DeviceExec {
    parked: Arc<Parked>,
}

impl DeviceExec {
    /// Starts `keeper`, a program that calls [`serve_exec`] first, for each run.
    ///
    /// What a killed agent's keepers left in cgroups is ended first; that takes time only
    /// where there is any, and at most 5 s for each that can't be ended.
    pub fn new(keeper: PathBuf) -> Self {
        cgroup::end_leftovers();
        let parked = Parked::new(keeper);
        Self { parked }
    }
}

/// Whether this program was started as a keeper or a starter, and how that ended. Whoever
/// calls it has no other thread and nothing open.
pub fn serve_exec() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(EXEC_CHILD) {
        return None;
    }
    let done = match (arguments.next().as_deref(), arguments.next()) {
        (Some("keep"), Some(cgroup)) => keeper::keep(&cgroup).map_err(|_| 1),
        (Some("start"), members) => {
            starter::start(members.as_deref()).map_err(|_| keeper::NOT_BECOME)
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

    /// One keeper waits as long as this is kept, in a cgroup of its own.
    fn expect_runs(&self) -> Expectation {
        Box::new(self.parked.expect())
    }
}

impl DeviceExec {
    async fn run_kept(&self, order: ExecOrder) -> Result<ExecRan, ExecError> {
        let failed = |error: std::io::Error| ExecError::Unavailable(error.to_string());
        let limit = order.program.output_limit;
        let told = if order.session_user.is_some() {
            // Looks for the user among all processes, perhaps.
            tokio::task::spawn_blocking(|| told(order))
                .await
                .map_err(|error| ExecError::Unavailable(error.to_string()))?
        } else {
            told(order)
        };
        let told = told.map_err(ExecError::NotStarted)?;
        let (waiting, _refill) = self.parked.take();
        if let Some(mut keeper) = waiting {
            if keeper.takes(&told).await {
                return ran(keeper.finish(limit).await?);
            }
            // It was killed while it waited, and nothing was begun.
            keeper.sweep().await?;
        }
        let mut keeper = self.parked.start().map_err(failed)?;
        if keeper.takes(&told).await {
            return ran(keeper.finish(limit).await?);
        }
        keeper.sweep().await?;
        let reason = "the keeper was killed before it began";
        Err(ExecError::Unavailable(reason.to_owned()))
    }
}

fn told(mut order: ExecOrder) -> Result<Told, String> {
    let user = match (&order.program.run_as, order.session_user) {
        (RunAs::Session, Some(uid)) => {
            let person = user::person(uid)?;
            for (name, value) in person.variables() {
                // What the policy says counts.
                if order.environment.iter().all(|(known, _)| known != name) {
                    order.environment.push((name.to_owned(), value));
                }
            }
            person.account
        }
        (RunAs::Session, None) => return Err("no session is named".to_owned()),
        (RunAs::User(name), _) => user::named(name)?,
        (RunAs::Root, _) => Account::default(),
    };
    let own = geteuid();
    if !own.is_root() && user.uid != own.as_raw() {
        let name = match &order.program.run_as {
            RunAs::Root => "root",
            RunAs::User(name) => name,
            RunAs::Session => "the session's user",
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
