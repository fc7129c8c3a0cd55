//! What happened, in words for a person and as JSON for a script. The same events go to
//! the terminal and to the device's own record.

use bailiwick_core::{
    digest::Sha256,
    ids::{DeviceId, GenerationId, PluginName, VendorName},
    session::{Aspect, Closing, SessionId, SessionKind, SessionState, Source},
    time::Timestamp,
};
use bailiwick_transport::EventLine;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    figures::{Bounds, Figures},
    print::time,
    store::{Audience, LONGEST_EVENT},
};

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
    /// Settings could not be used. The old ones stay.
    /// What an operator asked for, or what was sent in an operator's name, was not done.
    ActionRefused {
        /// Which action it says to be; none if it is no envelope.
        action: Option<bailiwick_core::action::ActionId>,
        /// Which check, and what to do.
        reason: String,
    },
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

    /// The event as it is kept and sent, within [`LONGEST_EVENT`]: what is too long is cut,
    /// text by text.
    pub(crate) fn to_line(&self, device: DeviceId, at: Timestamp) -> Vec<u8> {
        let mut event = serde_json::to_value(self).unwrap_or_default();
        let mut words = self.words();
        let mut longest = 2_000;
        loop {
            let line = EventLine {
                device,
                at,
                words: words.clone(),
                event: &event,
            };
            let line = serde_json::to_vec(&line).unwrap_or_default();
            if line.len() <= LONGEST_EVENT || longest < 8 {
                return line;
            }
            longest /= 2;
            cut_text(&mut words, longest);
            cut(&mut event, longest);
        }
    }

    /// The event in plain words, one line.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Started {
                device,
                version,
                offline,
            } => format!(
                "bailiwick {version} runs on device {device} with {}",
                count(*offline, "plugin")
            ),
            Self::Refreshed {
                timestamp,
                serial,
                keys,
            } => format!(
                "repository verified (timestamp {timestamp}); assignment {serial}, signed by {}",
                keys.join(", ")
            ),
            Self::RefreshFailed { reason } => {
                format!("repository not read; what runs goes on: {reason}")
            }
            Self::Pulled {
                plugin,
                version,
                vendor,
                bytes,
                keys,
                ..
            } => format!(
                "{plugin} {version} pulled ({bytes} bytes) and verified: published by {vendor}, signed by {}",
                keys.join(", ")
            ),
            Self::Granted {
                plugin,
                grants,
                approved_by,
            } => {
                let lines: String = grants
                    .iter()
                    .map(|grant| format!("\n    {grant}"))
                    .collect();
                format!(
                    "{plugin} may, approved by {}:{lines}",
                    approved_by.join(", ")
                )
            }
            Self::LimitsProven { plugin, limits, .. } => {
                format!("{plugin}: limits shown to hold: {}", limits.join(", "))
            }
            Self::PluginStatus {
                plugin,
                version,
                figures,
                ..
            } => format!(
                "{plugin} {version}: {} calls, {} trapped, {} ms of CPU, {} bytes of memory at most",
                figures.calls,
                figures.traps,
                figures.cpu_us / 1000,
                figures.memory_high_bytes
            ),
            Self::PluginStarted {
                plugin,
                version,
                offline: false,
            } => {
                format!("{plugin} {version} started")
            }
            Self::PluginStarted {
                plugin,
                version,
                offline: true,
            } => {
                format!("{plugin} {version} started from disk")
            }
            Self::Swapped {
                plugin,
                from,
                to,
                state,
                missed,
                ..
            } => format!(
                "{plugin} swapped {from} → {to}, {state} bytes of state handed over, {missed} calls missed"
            ),
            Self::Refused {
                plugin,
                version,
                reason,
            } => {
                format!("{plugin} {version} refused: {reason}")
            }
            Self::Kept { plugin, version } => format!("{plugin} {version} passed probation"),
            Self::WentBack {
                plugin,
                from,
                to,
                reason,
            } => format!(
                "{plugin} {from} failed on probation, back to {}: {reason}",
                to.as_deref().unwrap_or("nothing")
            ),
            Self::PutOff {
                plugin,
                version,
                reason,
            } => {
                format!("{plugin} {version} not yet: {reason}")
            }
            Self::Stopped { plugin, reason } => format!("{plugin} stopped: {reason}"),
            Self::CallFailed {
                plugin,
                reason,
                again_in_ms,
            } => {
                format!("{plugin}: call failed: {reason}; next call in {again_in_ms} ms")
            }
            Self::Suspended { plugin, for_ms } => {
                format!(
                    "{plugin} failed too often and is suspended for {} s",
                    for_ms / 1000
                )
            }
            Self::Reported {
                plugin,
                kind,
                counter,
                bytes,
            } => {
                format!("{plugin}: {kind} report {counter}, {bytes} bytes")
            }
            Self::Delivered { key } => format!("report {key} is in the console"),
            Self::NotDelivered { reason } => format!("report kept, not sent: {reason}"),
            Self::Dropped {
                key, what, reason, ..
            } => format!("{what} {key} dropped: {reason}"),
            Self::SettingsChanged {
                changed,
                at_next_start,
            } => settings_words(changed, at_next_start),
            Self::ActionRefused { action, reason } => match action {
                Some(action) => format!("action {action} refused: {reason}"),
                None => format!("an action refused: {reason}"),
            },
            Self::SettingsRefused { reason } => {
                format!("settings not taken, the old ones stay: {reason}")
            }
            Self::CeilingChanged { entries: 0 } => "the ceiling takes nothing any more".to_owned(),
            Self::CeilingChanged { entries } => {
                format!(
                    "the ceiling was read anew: {}",
                    count(*entries, "restriction")
                )
            }
            Self::CeilingRefused { reason } => {
                format!("ceiling not taken, the old one stays: {reason}")
            }
            Self::Narrowed {
                plugin,
                version,
                state,
            } => format!(
                "{plugin} {version} goes on under the new ceiling, {state} bytes of state handed over"
            ),
            Self::Paused { until: Some(until) } => format!(
                "paused by the device's owner until {}: nothing is collected, run or sent",
                time(*until)
            ),
            Self::Paused { until: None } => {
                "paused by the device's owner until resumed: nothing is collected, run or sent"
                    .to_owned()
            }
            Self::Resumed { paused_at } => {
                format!("resumed, after a pause since {}", time(*paused_at))
            }
            Self::EventsLost { count } => {
                format!("{count} events made room for newer ones before they could be sent")
            }
            Self::SessionOpened {
                session,
                user,
                kind,
                source,
                ..
            } => {
                let kind = kind.map_or_else(String::new, |kind| format!(" {kind}"));
                format!("session {session}{kind} of user {user} opened, says {source}")
            }
            Self::SessionChanged {
                session,
                user,
                aspects,
                state,
                ..
            } => {
                let aspects: Vec<&str> = aspects.iter().map(|aspect| aspect.word()).collect();
                let state = state.map_or_else(String::new, |state| format!("; it is {state}"));
                format!(
                    "session {session} of user {user} changed: {}{state}",
                    aspects.join(", ")
                )
            }
            Self::SessionClosed { session, user, why } => {
                let why = match why {
                    Closing::NotCounted => ": logind does not count it",
                    Closing::Restarted => ": the machine was started again",
                    _ => "",
                };
                format!("session {session} of user {user} closed{why}")
            }
            Self::SessionSource { source, remark, .. } if remark.is_empty() => {
                format!("sessions are told by {source}")
            }
            Self::SessionSource { source, remark, .. } => {
                format!("sessions are told by {source}: {remark}")
            }
            Self::SessionsUntracked { count: 0 } => "every session is tracked again".to_owned(),
            Self::SessionsUntracked { count } => {
                format!("{count} sessions are beyond the bound and not tracked")
            }
            Self::CertificateRenewed { .. } => {
                "the certificate was renewed; the next connections show the new one".to_owned()
            }
            Self::CertificateNotRenewed { reason } => {
                format!("the certificate was not renewed, and is tried again: {reason}")
            }
            Self::CertificateExpired { device } => format!(
                "the certificate has expired, so the console does not listen to this device; \
                 what it reports is kept. On the console: bailiwick-console device invite \
                 --device {device}. Then stop the agent here, run bailiwick enrol TOKEN, and \
                 start it again. If it should not have expired, correct the clock"
            ),
            Self::Quarantined { what } => format!("damaged and put aside: {what}"),
        }
    }
}

/// Cuts every text to about `longest` bytes, and lists to as many as fit that.
fn cut(value: &mut Value, longest: usize) {
    match value {
        Value::String(text) => cut_text(text, longest),
        Value::Array(values) => {
            values.truncate(longest / 8);
            values.iter_mut().for_each(|value| cut(value, longest / 4));
        }
        Value::Object(fields) => fields.values_mut().for_each(|value| cut(value, longest)),
        _ => {}
    }
}

fn cut_text(text: &mut String, longest: usize) {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
}

fn settings_words(changed: &[String], at_next_start: &[String]) -> String {
    let lines =
        |lines: &[String]| -> String { lines.iter().map(|line| format!("\n    {line}")).collect() };
    let mut words = String::from("settings were read anew");
    if !changed.is_empty() {
        words.push_str(&format!(":{}", lines(changed)));
    }
    if !at_next_start.is_empty() {
        words.push_str(&format!(
            "\n  these count when the agent starts again:{}",
            lines(at_next_start)
        ));
    }
    words
}

fn count(number: usize, noun: &str) -> String {
    match number {
        0 => format!("no {noun}"),
        1 => format!("1 {noun}"),
        more => format!("{more} {noun}s"),
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

    #[test]
    fn however_long_an_event_is_its_line_is_within_the_bound() {
        for text in ["x", "ü", "\n", "\u{1f600}"] {
            let event = Event::Granted {
                plugin: "pressure".parse().unwrap(),
                grants: vec![text.repeat(1_000); 500],
                approved_by: vec![text.repeat(50_000)],
            };
            let line = event.to_line(DeviceId::from_bytes([7; 16]), Timestamp::from_ms(9));
            assert!(line.len() <= LONGEST_EVENT, "{}", line.len());
            let read: EventLine<Event> = serde_json::from_slice(&line).unwrap();
            assert!(matches!(read.event, Event::Granted { .. }));
            assert_eq!(read.at, Timestamp::from_ms(9));
        }
        let short = Event::EventsLost { count: 3 };
        let line = short.to_line(DeviceId::from_bytes([7; 16]), Timestamp::from_ms(9));
        let read: EventLine<Event> = serde_json::from_slice(&line).unwrap();
        assert_eq!((read.words, read.event), (short.words(), short));
    }

    /// Once an hour for each of four plugins, that is little of the 16 KB that an idle hour
    /// may take.
    #[test]
    fn what_a_plugin_has_used_is_told_in_a_few_hundred_bytes() {
        let most = u64::MAX;
        let event = Event::PluginStatus {
            plugin: "x".repeat(32).parse().unwrap(),
            version: "100.100.100".to_owned(),
            generation: GenerationId(most),
            since: Timestamp::from_ms(1_795_000_000_000),
            figures: Figures {
                calls: most,
                traps: most,
                host_calls: most,
                denials: most,
                cpu_us: most,
                memory_high_bytes: most,
                out_bytes: most,
                log_lines_dropped: most,
            },
        };
        let at = Timestamp::from_ms(1_795_000_000_000);
        let line = event.to_line(DeviceId::from_bytes([7; 16]), at);
        assert!(line.len() < 800, "{}", line.len());
        let read: EventLine<Event> = serde_json::from_slice(&line).unwrap();
        assert_eq!(read.event, event);
    }

    #[test]
    fn words_count_like_a_person() {
        assert_eq!(count(0, "plugin"), "no plugin");
        assert_eq!(count(1, "plugin"), "1 plugin");
        assert_eq!(count(2, "plugin"), "2 plugins");
    }
}
