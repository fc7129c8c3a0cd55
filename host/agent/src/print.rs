//! Answers in words.

mod amount;
mod clock;
mod owner;
mod plugins;
mod sessions;

use std::fmt::Write as _;

use bailiwick_audit::Inspection;
use bailiwick_core::{audit::Verdict, time::Timestamp};
use bailiwick_store::OutboxFigures;
pub(crate) use clock::clock_set;
pub(crate) use plugins::table;

use crate::{
    budget::BudgetReport,
    second_line,
    socket::{Response, StatusReport, UpdateReport},
};

/// `response` for a person, with a line break at the end.
pub(crate) fn words(response: &Response) -> String {
    match response {
        Response::Status(status) => status_words(status),
        Response::Plugins { plugins } if plugins.is_empty() => {
            "No plugin runs. `bailiwick update status` tells whether the repository is reached.\n"
                .to_owned()
        }
        Response::Plugins { plugins } => plugins.iter().map(plugins::list).collect(),
        Response::Update(update) => update_words(update),
        Response::Sessions(report) => sessions::words(report),
        Response::Inventory { rows } => format!("{rows:#}\n"),
        Response::Settings { settings } => {
            let width = settings
                .iter()
                .map(|setting| setting.name.len())
                .max()
                .unwrap_or(0);
            settings.iter().fold(String::new(), |mut out, setting| {
                let (name, value, source) = (&setting.name, &setting.value, &setting.source);
                // Writing to a String can't fail.
                let _ = writeln!(out, "{name:width$}  {value}  ({source})");
                if let Some(next) = &setting.at_next_start {
                    let _ = writeln!(out, "{:width$}  when the agent starts again: {next}", "");
                }
                out
            })
        }
        Response::Outbox(report) => owner::outbox(report),
        Response::Log(report) => owner::log(report),
        // For whoever writes it to a file.
        Response::LogPart(part) => format!("{} entries\n", part.entries.len()),
        Response::Verified(report) => owner::verified(report),
        Response::Pause { paused } => owner::pause(paused.as_ref()),
        Response::Refused { reason } => format!("{reason}\n"),
    }
}

/// What an inspection found, for scripts.
pub(crate) fn inspection(inspection: &Inspection, verdict: Option<&Verdict>) -> serde_json::Value {
    let interface = |interface: &bailiwick_audit::Interface| serde_json::json!({ "name": interface.name, "functions": interface.functions });
    serde_json::json!({
        "sha256": inspection.sha256.to_string(),
        "bytes": inspection.bytes,
        "imports": inspection.imports.iter().map(interface).collect::<Vec<_>>(),
        "exports": inspection.exports.iter().map(interface).collect::<Vec<_>>(),
        "verdict": verdict.map(|verdict| serde_json::json!({
            "accepted": verdict.accepted(),
            "findings": verdict.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })),
    })
}

fn status_words(status: &StatusReport) -> String {
    format!(
        "Device {}, bailiwick {}, running since {}\n\
         Plugins: {} running, {} suspended\n\
         Sessions: {} open, told by {}\n\
         Processes: told by {}\n\
         Budget:  {}\n\
         {}{}{}",
        status.device,
        status.version,
        time(status.started),
        status.running,
        status.stopped,
        status.sessions,
        status.session_source,
        status.processes.words(),
        status.budget.as_ref().map_or_else(
            || "not kept: only Linux tells what the agent uses".to_owned(),
            BudgetReport::words
        ),
        outbox_words(&status.outbox) + &owner::sending(&status.sending) + &pause_words(status),
        status
            .clock_set
            .as_ref()
            .map_or_else(String::new, clock::status)
            + &second_line::words(&status.second_line),
        update_words(&status.update),
    )
}

fn pause_words(status: &StatusReport) -> String {
    match &status.paused {
        Some(paused) => owner::pause(Some(paused)),
        None => String::new(),
    }
}

fn outbox_words(outbox: &OutboxFigures) -> String {
    let lanes = [
        ("outcomes", outbox.outcomes),
        ("reports", outbox.reports),
        ("files", outbox.files),
    ];
    let waiting: Vec<String> = lanes
        .iter()
        .map(|(name, lane)| format!("{} {name}", lane.waiting))
        .collect();
    let bytes: u64 = lanes.iter().map(|(_, lane)| lane.bytes).sum();
    let dropped: u64 = lanes.iter().map(|(_, lane)| lane.dropped).sum();
    format!(
        "Outbox:  {} wait ({bytes} bytes); {dropped} dropped, {} damaged, {} given up since the store was \
         made\n",
        waiting.join(", "),
        outbox.quarantined,
        outbox.given_up
    )
}

fn update_words(update: &UpdateReport) -> String {
    let mut out = format!("Updates: {}\n", update.endpoint);
    let refreshed = update.refreshed.map_or_else(
        || "not yet verified since the agent started".to_owned(),
        |at| {
            format!(
                "verified at {}, timestamp {}, assignment {}",
                time(at),
                update.timestamp_version.unwrap_or_default(),
                update.serial.unwrap_or_default()
            )
        },
    );
    out.push_str(&format!("         {refreshed}\n"));
    if let Some(next) = update.next {
        out.push_str(&format!("         read next at {}\n", time(next)));
    }
    if !update.failure.is_empty() {
        out.push_str(&format!(
            "         last attempt failed: {}\n",
            update.failure
        ));
    }
    out
}

pub(crate) fn time(at: Timestamp) -> String {
    i64::try_from(at.as_ms())
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(
            || "an unknown time".to_owned(),
            |at| at.strftime("%F %T UTC").to_string(),
        )
}
