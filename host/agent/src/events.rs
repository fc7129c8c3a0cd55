//! What happened, in words for a person and as JSON for a script. The same events go to
//! the terminal and to the device's own record.

use bailiwick_core::{
    action::ActionId,
    digest::Sha256,
    ids::{GenerationId, PluginName, VendorName},
    session::{Aspect, Closing, SessionId, SessionKind, SessionState, Source},
    time::Timestamp,
};
use bailiwick_store::Audience;
use serde::{Deserialize, Serialize};

use crate::{
    budget::BudgetReport,
    figures::{Bounds, Figures},
    processes::ProcessesReport,
};

mod decided;
mod line;
mod words;

pub(crate) use decided::Decided;

/// One thing that happened. The JSON form is what `bailiwick run --json` prints, one
/// object a line, with `event` as its tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
#[non_exhaustive]
pub(crate) enum Event {
    /// The agent is up.
    Started {
        /// This device.
        device: String,
        /// Version of the host.
        version: String,
        /// Plugins that run at once from what is on disk.
        offline: usize,
        /// How processes are read.
        #[serde(default)]
        processes: ProcessesReport,
    },
    /// Whoever breaks out of the sandbox is held by less than this host can do elsewhere.
    NotConfined {
        /// What does not hold, and why; one line each.
        lines: Vec<String>,
    },
    /// The repository was read and every signature held.
    Refreshed {
        /// Version of the `timestamp` role.
        timestamp: u64,
        /// Serial of the assignment.
        serial: u64,
        /// Names of the keys that signed the assignment.
        keys: Vec<String>,
    },
    /// The repository could not be read, or did not verify. What runs goes on.
    RefreshFailed {
        /// Why, and what to do.
        reason: String,
    },
    /// A component was fetched and verified.
    Pulled {
        /// Whose.
        plugin: PluginName,
        /// Its version.
        version: String,
        /// Who published it.
        vendor: VendorName,
        /// Digest of the component.
        sha256: Sha256,
        /// Its size.
        bytes: u64,
        /// Names of the keys that signed it.
        keys: Vec<String>,
    },
    /// What a plugin may do.
    Granted {
        /// Whose.
        plugin: PluginName,
        /// One line per grant: what, and why.
        grants: Vec<String>,
        /// Name of the key that approved them.
        approved_by: Vec<String>,
    },
    /// Every limit was shown to hold.
    LimitsProven {
        /// Whose.
        plugin: PluginName,
        /// Names of the limits.
        limits: Vec<String>,
        /// How high each is.
        #[serde(default)]
        bounds: Bounds,
    },
    /// What a plugin has used.
    PluginStatus {
        /// Which.
        plugin: PluginName,
        /// Its version.
        version: String,
        /// Its generation: one activated set of version and policy.
        generation: GenerationId,
        /// From when on the figures count.
        since: Timestamp,
        /// The figures.
        figures: Figures,
    },
    /// What a plugin that handles actions says that it takes.
    TakesArguments {
        /// Which.
        plugin: PluginName,
        /// Its version.
        version: String,
        /// The JSON Schema of the arguments; none if it is too long to be sent.
        schema: Option<String>,
    },
    /// A version whose policy, signed as it must be, allows something else than the policy of
    /// what runs is about to take over.
    PolicyChanged {
        /// Whose.
        plugin: PluginName,
        /// The version.
        version: String,
        /// What it may do besides, one line each.
        wider: Vec<String>,
        /// What it may do no more, one line each.
        narrower: Vec<String>,
    },
    /// Something was refused to a plugin.
    Denied(Decided),
    /// A plugin did something, or tried to, that changes something outside of it.
    Effect(Decided),
    /// Decisions of a plugin that were too many to be told one by one.
    DecisionsCounted {
        /// Whose.
        plugin: PluginName,
        /// What was refused, in number.
        denials: u64,
        /// What was done, in number.
        effects: u64,
    },
    /// A plugin runs.
    PluginStarted {
        /// Which.
        plugin: PluginName,
        /// Its version.
        version: String,
        /// Whether it came from the disk, with no repository reached.
        offline: bool,
    },
    /// A new version took over.
    Swapped {
        /// Which.
        plugin: PluginName,
        /// Old version.
        from: String,
        /// New version.
        to: String,
        /// Bytes of state handed over.
        state: u64,
        /// Calls that were due and not made, since the agent started. Zero is the promise.
        missed: u64,
        /// The longest that a call began after it was due, since the agent started, in
        /// microseconds.
        longest_late_us: u64,
    },
    /// A version was not activated. What ran before goes on.
    Refused {
        /// Which.
        plugin: PluginName,
        /// The refused version.
        version: String,
        /// Why.
        reason: String,
    },
    /// A version could not be prepared this time; it is tried again.
    PutOff {
        /// Which.
        plugin: PluginName,
        /// The version.
        version: String,
        /// Why.
        reason: String,
    },
    /// A version left probation and stays.
    Kept {
        /// Which.
        plugin: PluginName,
        /// Its version.
        version: String,
    },
    /// A version failed on probation and its predecessor is back.
    WentBack {
        /// Which.
        plugin: PluginName,
        /// What failed.
        from: String,
        /// What runs again, if anything.
        to: Option<String>,
        /// Why.
        reason: String,
    },
    /// A plugin was stopped for good.
    Stopped {
        /// Which.
        plugin: PluginName,
        /// Why: revoked, or no longer assigned.
        reason: String,
    },
    /// A call failed.
    CallFailed {
        /// Which.
        plugin: PluginName,
        /// How.
        reason: String,
        /// When the next call is made, in milliseconds from now.
        again_in_ms: u64,
    },
    /// A plugin failed too often.
    Suspended {
        /// Which.
        plugin: PluginName,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// A report is on disk and will be sent.
    Reported {
        /// Whose.
        plugin: PluginName,
        /// `full` or `differential`.
        kind: String,
        /// Place in its epoch, from 0.
        counter: u64,
        /// Its size, encoded and compressed.
        bytes: u64,
    },
    /// A report was committed by its receiver.
    Delivered {
        /// Its idempotency key.
        key: String,
    },
    /// A report could not be sent and is kept.
    NotDelivered {
        /// Why, and when it is tried again.
        reason: String,
    },
    /// Something that was to be sent will never reach the console.
    Dropped {
        /// Its idempotency key.
        key: String,
        /// What it was.
        #[serde(default)]
        what: String,
        /// Its size on the device; 0 if it is not counted.
        #[serde(default)]
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// Settings were read anew and count from now on.
    SettingsChanged {
        /// One line each: what, from what, to what, where it is written.
        changed: Vec<String>,
        /// One line each: what counts when the agent starts again.
        at_next_start: Vec<String>,
    },
    /// What an operator asked for passed every check of the device.
    ActionAccepted {
        /// Which.
        action: ActionId,
        /// The plugin that is meant.
        plugin: PluginName,
        /// What is asked: `run`, `cancel` or `rate`.
        order: String,
        /// Who asks, by the name in the list of operators.
        operator: String,
    },
    /// How it ended.
    ActionEnded {
        /// Which.
        action: ActionId,
        /// The plugin that was meant.
        plugin: PluginName,
        /// `done`, or how else and why.
        outcome: String,
    },
    /// What an operator asked for, or what was sent in an operator's name, was not done.
    ActionRefused {
        /// Which action it says to be; none if it is no envelope.
        action: Option<ActionId>,
        /// Which check, and what to do.
        reason: String,
    },
    /// Settings could not be used. The old ones stay.
    SettingsRefused {
        /// File, line, and what to write instead.
        reason: String,
    },
    /// The owner's ceiling was read anew and counts from now on.
    CeilingChanged {
        /// Entries that it has; none without a ceiling file.
        entries: usize,
    },
    /// The ceiling could not be read. The old one stays.
    CeilingRefused {
        /// File, line, and what to write instead.
        reason: String,
    },
    /// Collectors are called more or less often than before, by what the agent itself uses.
    Budget(BudgetReport),
    /// A plugin goes on under another ceiling.
    Narrowed {
        /// Which.
        plugin: PluginName,
        /// Its version.
        version: String,
        /// Bytes of state handed over.
        state: u64,
    },
    /// A user's session was opened, or was found open.
    SessionOpened {
        /// Which.
        session: SessionId,
        /// Whose: a name that means something on this device alone.
        user: String,
        /// How the user came, where that is known.
        kind: Option<SessionKind>,
        /// Who told of it.
        source: Source,
        /// When it began, where that is known.
        since: Option<Timestamp>,
        /// What it does, where that is known.
        #[serde(default)]
        state: Option<SessionState>,
        /// Since when nobody uses it; none if somebody does, or nobody knows.
        #[serde(default)]
        idle_since: Option<Timestamp>,
    },
    /// Something of a session is different.
    SessionChanged {
        /// Which.
        session: SessionId,
        /// Whose.
        user: String,
        /// What is different.
        aspects: Vec<Aspect>,
        /// What it does now, where that is known.
        state: Option<SessionState>,
        /// Since when nobody uses it; none if somebody does, or nobody knows.
        idle_since: Option<Timestamp>,
    },
    /// A session is no longer open.
    SessionClosed {
        /// Which.
        session: SessionId,
        /// Whose.
        user: String,
        /// Why.
        why: Closing,
    },
    /// Who tells of sessions is another one than before.
    SessionSource {
        /// Who does now.
        source: Source,
        /// Who did before.
        before: Source,
        /// Why a better one does not; empty if the best one does.
        remark: String,
    },
    /// There are more sessions than are tracked, or no longer.
    SessionsUntracked {
        /// How many are not tracked.
        count: usize,
    },
    /// The owner asked for quiet: nothing is collected, run or sent but events.
    Paused {
        /// When that ends by itself, if it does.
        until: Option<Timestamp>,
    },
    /// The pause is over.
    Resumed {
        /// When it began.
        paused_at: Timestamp,
    },
    /// Events made room for newer ones before they could be sent.
    EventsLost {
        /// How many.
        count: u64,
    },
    /// The device has its next certificate, and the console has taken it.
    CertificateRenewed {
        /// Until when it holds.
        until: Timestamp,
    },
    /// The certificate could not be renewed; it is tried again.
    CertificateNotRenewed {
        /// Why.
        reason: String,
    },
    /// The certificate has ended: the console listens to this device no more.
    CertificateExpired {
        /// This device.
        device: String,
    },
    /// The clock on the wall was set by a minute or more.
    ClockSet {
        /// What it would have shown.
        from: Timestamp,
        /// What it showed instead.
        to: Timestamp,
    },
    /// Something in the data folder was damaged and was put aside.
    Quarantined {
        /// What, and where it is now.
        what: String,
    },
}

impl Event {
    /// Who it is for. What the console learns from the reports themselves stays here.
    pub(crate) fn audience(&self) -> Audience {
        match self {
            Self::Reported { .. } | Self::Delivered { .. } | Self::NotDelivered { .. } => {
                Audience::Device
            }
            _ => Audience::Console,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_back_what_they_write() {
        let event = Event::Swapped {
            plugin: "pressure".parse().unwrap(),
            from: "0.1.0".into(),
            to: "0.2.0".into(),
            state: 24,
            missed: 0,
            longest_late_us: 850,
        };
        let json = serde_json::to_string(&event).unwrap();
        assert!(
            json.starts_with(r#"{"event":"swapped","plugin":"pressure""#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}
