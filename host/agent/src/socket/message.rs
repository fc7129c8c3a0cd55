//! The requests and answers, shared by both sides.

use std::time::Duration;

use bailiwick_core::{
    ids::{GenerationId, PluginName, VendorName},
    punctuality::Punctuality,
    session::{Session, Source},
    time::Timestamp,
};
use bailiwick_store::OutboxFigures;
use serde::{Deserialize, Serialize};

use crate::{
    budget::BudgetReport,
    figures::{Bounds, Figures},
    look::{
        LogQuery, LogReport, OutboxQuery, OutboxReport, PartQuery, PartReport, VerifyQuery,
        VerifyReport,
    },
    processes::ProcessesReport,
    run::{ClockSet, Outage, Paused},
    second_line::LineReport,
};

/// What can be asked. In JSON `{"request":"status"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// How the agent is.
    Status {},
    /// What runs.
    Plugins {},
    /// What is known of the repository.
    UpdateStatus {},
    /// Read the repository now.
    UpdateRefresh {},
    /// Run the collector `inventory` now and give its rows.
    Inventory {},
    /// Each setting and where it came from.
    Settings {},
    /// The sessions of users: of all of them, or of the one who asks.
    Sessions {},
    /// What waits to be sent, and what was sent lately.
    Outbox(OutboxQuery),
    /// What happened.
    Log(LogQuery),
    /// Whether the record of it is whole.
    Verify(VerifyQuery),
    /// The record itself.
    LogPart(PartQuery),
    /// Collect, run and send nothing.
    Pause {
        /// For so many milliseconds; until it is ended if none.
        for_ms: Option<u64>,
    },
    /// End the pause.
    Resume {},
}

/// The answers. In JSON `{"answer":"status", …}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "answer",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub(crate) enum Response {
    /// To [`Request::Status`].
    Status(Box<StatusReport>),
    /// To [`Request::Plugins`], in order of name.
    Plugins {
        /// What runs, and what was refused.
        plugins: Vec<PluginLine>,
    },
    /// To [`Request::UpdateStatus`] and, after it is done, [`Request::UpdateRefresh`].
    Update(UpdateReport),
    /// To [`Request::Inventory`]: collection → rows, as the report's decoder gives them.
    Inventory {
        /// The rows.
        rows: serde_json::Value,
    },
    /// To [`Request::Settings`], in order of name.
    Settings {
        /// Every setting there is.
        settings: Vec<SettingLine>,
    },
    /// To [`Request::Sessions`].
    Sessions(SessionsReport),
    /// To [`Request::Outbox`].
    Outbox(OutboxReport),
    /// To [`Request::Log`].
    Log(LogReport),
    /// To [`Request::Verify`].
    Verified(VerifyReport),
    /// To [`Request::LogPart`].
    LogPart(PartReport),
    /// To [`Request::Pause`] and [`Request::Resume`].
    Pause {
        /// The pause that lasts now.
        paused: Option<Paused>,
    },
    /// The agent could not do it.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
}

/// How the agent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct StatusReport {
    /// The device's id.
    pub(crate) device: String,
    /// Version of the host.
    pub(crate) version: String,
    /// When the agent started.
    pub(crate) started: Timestamp,
    /// Plugins that run.
    pub(crate) running: usize,
    /// Plugins that are suspended or revoked.
    pub(crate) stopped: usize,
    /// What waits to be sent.
    pub(crate) outbox: OutboxFigures,
    /// What goes wrong with sending, or last did.
    pub(crate) sending: Vec<Outage>,
    /// The pause that lasts.
    pub(crate) paused: Option<Paused>,
    /// That the clock on the wall was set since the agent started.
    #[serde(default)]
    pub(crate) clock_set: Option<ClockSet>,
    /// What the agent's process gave up, line by line.
    #[serde(default)]
    pub(crate) second_line: Vec<LineReport>,
    /// Sessions of users that are open.
    pub(crate) sessions: usize,
    /// Who tells of them.
    pub(crate) session_source: Source,
    /// What tells of processes, and why nothing cheaper does.
    #[serde(default)]
    pub(crate) processes: ProcessesReport,
    /// What the agent uses of what it may; none where nothing tells.
    #[serde(default)]
    pub(crate) budget: Option<BudgetReport>,
    /// The repository.
    pub(crate) update: UpdateReport,
    /// Damaged databases that were ever set aside.
    pub(crate) databases_set_aside: u64,
}

/// The sessions of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SessionsReport {
    /// Who tells of them.
    pub(crate) source: Source,
    /// Why a better source does not; empty if the best one does.
    pub(crate) remark: String,
    /// The user whose sessions these are; none if they are everybody's.
    pub(crate) of_user: Option<u32>,
    /// Those that are open, the oldest first.
    pub(crate) sessions: Vec<SessionLine>,
    /// Sessions beyond the bound, which are not listed.
    pub(crate) untracked: usize,
    /// Processes that belong to no session; none where not everybody's sessions are listed,
    /// or processes can't be read.
    pub(crate) system_processes: Option<usize>,
}

/// One session. Its fields say who told each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SessionLine {
    /// The session.
    #[serde(flatten)]
    pub(crate) session: Session,
    /// By which events call its user.
    pub(crate) user: String,
    /// Processes that belong to it; none where not everybody's sessions are listed, or
    /// processes can't be read.
    pub(crate) processes: Option<usize>,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PluginLine {
    /// Which.
    pub(crate) plugin: PluginName,
    /// Who published it.
    pub(crate) vendor: VendorName,
    /// Its version.
    pub(crate) version: String,
    /// Which generation that is on this device.
    pub(crate) generation: GenerationId,
    /// What it does now.
    pub(crate) state: PluginState,
    /// When its next call is due.
    pub(crate) next: Option<Timestamp>,
    /// How well its schedule was kept since the agent started it.
    pub(crate) timing: Timing,
    /// What the generation has used since it took over, in this run of the agent.
    pub(crate) figures: Figures,
    /// From when on that counts.
    pub(crate) since: Timestamp,
    /// What it may use at most.
    pub(crate) limits: Bounds,
    /// What it was granted, one line each.
    pub(crate) grants: Vec<String>,
    /// Why its last call failed or its newest version was refused; empty if neither.
    pub(crate) remark: String,
}

/// How well a schedule was kept. Every due time is counted once, in `calls` or `missed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Timing {
    /// Calls that were due and were made.
    pub(crate) calls: u64,
    /// Calls that somebody asked for, out of turn.
    pub(crate) asked: u64,
    /// Calls of both kinds that brought no report.
    pub(crate) failed: u64,
    /// Due times that passed without a call.
    pub(crate) missed: u64,
    /// From due time to call, of the last one that was due, in microseconds.
    pub(crate) last_late_us: u64,
    /// The longest of these.
    pub(crate) longest_late_us: u64,
}

impl From<Punctuality> for Timing {
    fn from(kept: Punctuality) -> Self {
        let micros = |late: Duration| u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        Self {
            calls: kept.calls,
            asked: kept.asked,
            failed: kept.failed,
            missed: kept.missed,
            last_late_us: micros(kept.last_late),
            longest_late_us: micros(kept.longest_late),
        }
    }
}

/// What a plugin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub(crate) enum PluginState {
    /// Waits for its next call, or is in one.
    Running,
    /// Is not called for long, so that only what it saved is kept until then.
    Resting,
    /// A new version that is still being watched.
    Probation,
    /// Failed and waits before it is tried again.
    BackOff,
    /// Failed too often.
    Suspended,
    /// Its version was revoked.
    Revoked,
}

/// What is known of the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct UpdateReport {
    /// Its address.
    pub(crate) endpoint: String,
    /// When it was last read and verified.
    pub(crate) refreshed: Option<Timestamp>,
    /// Version of its `timestamp` role then.
    pub(crate) timestamp_version: Option<u64>,
    /// Serial of the assignment then.
    pub(crate) serial: Option<u64>,
    /// When it is read next.
    pub(crate) next: Option<Timestamp>,
    /// Why the last attempt failed; empty if it did not.
    pub(crate) failure: String,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SettingLine {
    /// Its name.
    pub(crate) name: String,
    /// Its value, as it would be written in the file.
    pub(crate) value: String,
    /// Where it came from: `default`, `signed by policies`, file and line, the environment
    /// variable, or `flag`.
    pub(crate) source: String,
    /// Another value, and where it is written, that counts when the agent starts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_next_start: Option<String>,
}
