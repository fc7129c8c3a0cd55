//! The commands that ask the running agent, and `plugin inspect`, which needs none.

mod export;
mod watch;

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use bailiwick_core::{audit, policy::Policy, ports::Clock as _};
use bailiwick_device::SystemClock;
use bailiwick_store::look;
pub(crate) use export::log as export_log;
pub(crate) use watch::plugins as watch_plugins;

use crate::{
    cli::{Common, Inspect, Show, ShowLog, VerifyLog},
    look::{LogQuery, LogReport, OutboxQuery, OutboxReport, VerifyQuery, VerifyReport},
    print, settings,
    socket::{self, Request, Response, SocketError},
};

/// A refresh over a slow line and a full inventory take their time.
const PATIENCE: Duration = Duration::from_secs(150);

/// From one look at the record to the next, where somebody follows it.
const FOLLOW: Duration = Duration::from_millis(500);

/// Asks the agent and prints its answer. A refresh that failed is an answer, and a failure of
/// the command: scripts look at how it ends.
///
/// # Errors
/// No agent answers, or it refused.
pub(crate) async fn ask(common: &Common, request: Request) -> anyhow::Result<ExitCode> {
    let path = socket_path(common)?;
    let refresh = request == Request::UpdateRefresh {};
    let response = socket::ask(&path, request, PATIENCE).await?;
    show(common, &response)?;
    Ok(match response {
        Response::Update(update) if refresh && !update.failure.is_empty() => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

/// Prints an answer.
///
/// # Errors
/// It is a refusal.
fn show(common: &Common, response: &Response) -> anyhow::Result<()> {
    if let Response::Refused { reason } = response {
        bail!("{reason}");
    }
    if common.json {
        println!("{}", serde_json::to_string(response)?);
    } else {
        print!("{}", print::words(response));
    }
    Ok(())
}

/// What waits to be sent and what was sent, from the agent, or from the store where none
/// runs.
///
/// # Errors
/// The agent refused, or none runs and the store can't be read.
pub(crate) async fn outbox(common: &Common, asked: &Show) -> anyhow::Result<ExitCode> {
    let query = OutboxQuery {
        decoded: asked.decoded,
        at_most: asked.last,
        key: asked.key.clone(),
    };
    let request = Request::Outbox(query.clone());
    let response = match ask_running(common, request).await? {
        Some(response) => response,
        None => Response::Outbox(OutboxReport::read(&offline(common)?, &query)?),
    };
    show(common, &response)?;
    Ok(ExitCode::SUCCESS)
}

/// The device's record of events, from the agent, or from the store where none runs.
///
/// # Errors
/// The agent refused, or none runs and the store can't be read.
pub(crate) async fn log(common: &Common, asked: &ShowLog) -> anyhow::Result<ExitCode> {
    let now = SystemClock::new().now();
    let mut query = LogQuery {
        plugin: asked.plugin.clone(),
        since: asked.since.map(|since| since.at(now)),
        kind: asked.kind,
        ..LogQuery::default()
    };
    loop {
        let request = Request::Log(query.clone());
        let response = match ask_running(common, request).await? {
            Some(response) => response,
            None if asked.follow && query.after.is_some() => bail!("the agent has ended"),
            None => Response::Log(LogReport::read(&offline(common)?, &query)?),
        };
        let last = match &response {
            Response::Log(report) => report.last,
            _ => None,
        };
        match &response {
            // One object a line, so that a script can follow.
            Response::Log(report) if common.json => {
                for event in &report.events {
                    println!("{}", serde_json::to_string(event)?);
                }
            }
            response => show(common, response)?,
        }
        if !asked.follow {
            return Ok(ExitCode::SUCCESS);
        }
        query.after = last.or(query.after);
        tokio::time::sleep(FOLLOW).await;
    }
}

/// Follows the chain through the device's record. Ends with 1 where it is broken.
///
/// # Errors
/// As of [`log`].
pub(crate) async fn verify_log(common: &Common, asked: &VerifyLog) -> anyhow::Result<ExitCode> {
    let query = VerifyQuery { head: asked.head };
    let request = Request::Verify(query.clone());
    let response = match ask_running(common, request).await? {
        Some(response) => response,
        None => Response::Verified(VerifyReport::read(&offline(common)?, &query)?),
    };
    show(common, &response)?;
    Ok(match response {
        Response::Verified(VerifyReport::Broken { .. }) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

/// Asks the agent; `None` if none runs.
async fn ask_running(common: &Common, request: Request) -> anyhow::Result<Option<Response>> {
    match socket::ask(&socket_path(common)?, request, PATIENCE).await {
        Ok(response) => Ok(Some(response)),
        Err(SocketError::NotRunning(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The store of an agent that does not run.
fn offline(common: &Common) -> anyhow::Result<redb::ReadOnlyDatabase> {
    let folder = match &common.data {
        Some(data) => data.clone(),
        None => settings::Sources::new(common, &[])?.data_dir()?,
    };
    look::open(&folder).with_context(
        || "no agent runs, and its store can't be read (only root and the agent's own user may)",
    )
}

/// Where the agent listens. With `--data` nothing of the settings is read, so that a user
/// who may not read them can ask.
fn socket_path(common: &Common) -> anyhow::Result<std::path::PathBuf> {
    match &common.data {
        Some(data) => Ok(data.join(socket::FILE)),
        None => settings::Sources::new(common, &[])?.socket(),
    }
}

/// Reads a component without running it, and judges it by a policy if one is named.
///
/// # Errors
/// A file that can't be read, or is no component or no policy.
pub(crate) fn inspect(common: &Common, inspect: &Inspect) -> anyhow::Result<ExitCode> {
    let component = read(&inspect.component)?;
    let inspection = bailiwick_audit::inspect(&component)
        .with_context(|| inspect.component.display().to_string())?;
    let verdict = match &inspect.policy {
        Some(file) => {
            let text = String::from_utf8(read(file)?)
                .with_context(|| format!("{} is not text", file.display()))?;
            let policy = Policy::parse(&file.display().to_string(), &text)?;
            Some(audit::verdict(
                &inspection.component_imports(),
                &policy,
                SystemClock::new().now(),
            ))
        }
        None => None,
    };
    if common.json {
        println!("{}", print::inspection(&inspection, verdict.as_ref()));
    } else {
        println!(
            "{}",
            bailiwick_audit::render(&inspection, verdict.as_ref()).trim_end()
        );
    }
    let accepted = verdict.is_none_or(|verdict| verdict.accepted());
    Ok(if accepted {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))
}
