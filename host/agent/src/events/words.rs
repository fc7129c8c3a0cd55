//! Events in plain words.

use bailiwick_core::session::Closing;

use super::Event;
use crate::print::{clock_set, time};

impl Event {
    /// The event in plain words, one line.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Started {
                device,
                version,
                offline,
                processes,
            } => format!(
                "bailiwick {version} runs on device {device} with {}; processes are told by {}",
                count(*offline, "plugin"),
                processes.words()
            ),
            Self::NotConfined { lines } => {
                let lines: String = lines.iter().map(|line| format!("\n    {line}")).collect();
                format!("the agent's process is not confined as it could be:{lines}")
            }
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
                "{plugin} {version}: {} calls, {} trapped, {} ms in the guest and {} ms in host \
                 calls, {} ms of CPU, {} bytes of memory at most",
                figures.calls,
                figures.traps,
                figures.guest_us / 1000,
                figures.host_us / 1000,
                figures.cpu_us / 1000,
                figures.memory_high_bytes
            ),
            Self::TakesArguments {
                plugin,
                version,
                schema,
            } => match schema {
                Some(_) => format!("{plugin} {version} told which arguments it takes"),
                None => format!(
                    "{plugin} {version} told which arguments it takes, at a length that is not sent"
                ),
            },
            Self::PolicyChanged {
                plugin,
                version,
                wider,
                narrower,
            } => {
                let told = |what: &str, lines: &[String]| match lines {
                    [] => String::new(),
                    lines => format!("; {what}: {}", lines.join("; ")),
                };
                format!(
                    "{plugin} {version} comes with another policy{}{}",
                    told("wider", wider),
                    told("narrower", narrower)
                )
            }
            Self::Denied(decided) => decided.words("was refused"),
            Self::Effect(decided) => decided.words("did"),
            Self::DecisionsCounted {
                plugin,
                denials,
                effects,
            } => format!(
                "{plugin}: besides, {denials} refused and {effects} done that are not told one by one"
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
            Self::ActionAccepted {
                action,
                plugin,
                order,
                operator,
            } => format!("action {action} accepted: {order} for {plugin}, asked by {operator}"),
            Self::ActionEnded {
                action,
                plugin,
                outcome,
            } => format!("action {action} for {plugin} ended: {outcome}"),
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
            Self::Budget(report) => format!("the agent uses {}", report.words()),
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
            Self::ClockSet { from, to } => clock_set(*from, *to),
            Self::Quarantined { what } => format!("damaged and put aside: {what}"),
        }
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
    fn another_policy_is_told_with_what_is_wider_and_what_narrower() {
        let event = |wider: &[&str], narrower: &[&str]| Event::PolicyChanged {
            plugin: "pressure".parse().unwrap(),
            version: "0.2.0".to_owned(),
            wider: wider.iter().map(|line| (*line).to_owned()).collect(),
            narrower: narrower.iter().map(|line| (*line).to_owned()).collect(),
        };
        assert_eq!(
            event(&["limit memory: from 4 MiB to 8 MiB", "log: may"], &[]).words(),
            "pressure 0.2.0 comes with another policy; wider: limit memory: from 4 MiB to 8 MiB; \
             log: may"
        );
        let narrower = event(&[], &["log: may no longer"]).words();
        assert!(
            narrower.ends_with("policy; narrower: log: may no longer"),
            "{narrower}"
        );
    }

    #[test]
    fn words_count_like_a_person() {
        assert_eq!(count(0, "plugin"), "no plugin");
        assert_eq!(count(1, "plugin"), "1 plugin");
        assert_eq!(count(2, "plugin"), "2 plugins");
    }
}
