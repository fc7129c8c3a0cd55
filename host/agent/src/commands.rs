//! The commands that ask the running agent, and `plugin inspect`, which needs none.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use bailiwick_core::{audit, policy::Policy, ports::Clock as _};
use bailiwick_device::SystemClock;

use crate::{
    cli::{Common, Inspect},
    print, settings,
    socket::{self, Request, Response},
};

/// A refresh over a slow line and a full inventory take their time.
const PATIENCE: Duration = Duration::from_secs(150);

/// Asks the agent and prints its answer. A refresh that failed is an answer, and a failure of
/// the command: scripts look at how it ends.
///
/// # Errors
/// No agent answers, or it refused.
pub(crate) async fn ask(common: &Common, request: Request) -> anyhow::Result<ExitCode> {
    let path = socket_path(common)?;
    let refresh = request == Request::UpdateRefresh {};
    let response = socket::ask(&path, request, PATIENCE).await?;
    if let Response::Refused { reason } = &response {
        bail!("{reason}");
    }
    if common.json {
        println!("{}", serde_json::to_string(&response)?);
    } else {
        print!("{}", print::words(&response));
    }
    Ok(match response {
        Response::Update(update) if refresh && !update.failure.is_empty() => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
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
