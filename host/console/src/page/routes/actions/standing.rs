//! How an action stands, on each device and in all.

use bailiwick_core::{action::Outcome, time::Timestamp};
use maud::{Markup, html};

use crate::actions::{Listed, Told};

/// How an action stands on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Nobody has signed it.
    Draft,
    /// The device has not told yet.
    Waits,
    /// It may not begin any more, and the device has not told.
    Late,
    /// Its handler is at work.
    AtWork,
    Done,
    CalledOff,
    Failed,
    Refused,
    TimedOut,
    Interrupted,
}

impl Stage {
    pub(super) fn of(action: &Listed, told: &Told, now: Timestamp) -> Self {
        let past = |ms: i64| i64::try_from(now.as_ms()).is_ok_and(|now| now >= ms);
        match &told.outcome {
            Some(Outcome::Done { .. }) => Self::Done,
            Some(Outcome::Failed { .. }) => Self::Failed,
            Some(Outcome::Refused { .. }) => Self::Refused,
            Some(Outcome::TimedOut) => Self::TimedOut,
            Some(Outcome::Cancelled) => Self::CalledOff,
            Some(Outcome::Interrupted) => Self::Interrupted,
            None if action.draft.is_some() => Self::Draft,
            None if told.words.is_some() => Self::AtWork,
            None if action.expires_ms.is_some_and(past) => Self::Late,
            None => Self::Waits,
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Draft => "Awaits a signature",
            Self::Waits => "Waits for the device",
            Self::Late => "Not told",
            Self::AtWork => "At work",
            Self::Done => "Done",
            Self::CalledOff => "Called off",
            Self::Failed => "Failed",
            Self::Refused => "Refused",
            Self::TimedOut => "Ran out of time",
            Self::Interrupted => "Interrupted",
        }
    }

    const fn tone(self) -> &'static str {
        match self {
            Self::Done => "good",
            Self::Draft | Self::Waits | Self::AtWork => "wait",
            Self::CalledOff => "off",
            Self::Late => "warn",
            Self::Failed | Self::Refused | Self::TimedOut | Self::Interrupted => "bad",
        }
    }

    pub(super) fn state(self) -> Markup {
        html! { span class={ "state " (self.tone()) } { (self.words()) } }
    }
}

/// On one device. Of an action for a group it is not known here who is in that.
pub(super) fn of_device(action: &Listed, device: &str, now: Timestamp) -> Markup {
    match action.devices.iter().find(|told| told.device == device) {
        Some(told) => Stage::of(action, told, now).state(),
        None => html! { span.state.off { "For a group" } },
    }
}

/// In all: how many devices are at each stage.
pub(super) fn brief(action: &Listed, now: Timestamp) -> Markup {
    let mut stages: Vec<Stage> = action
        .devices
        .iter()
        .map(|told| Stage::of(action, told, now))
        .collect();
    stages.sort_unstable();
    let counted = stages
        .chunk_by(|a, b| a == b)
        .filter_map(|same| Some((same.first()?, same.len())));
    html! {
        div.states {
            @if action.draft.is_some() { (Stage::Draft.state()) }
            @else if stages.is_empty() { (Stage::Waits.state()) }
            @else {
                @for (stage, count) in counted {
                    @if stages.len() == 1 { (stage.state()) }
                    @else { span class={ "state " (stage.tone()) } { (count) " × " (stage.words()) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(outcome: Option<Outcome>, words: Option<&str>) -> Told {
        Told {
            device: "00".repeat(16),
            outcome,
            at_ms: None,
            received_ms: None,
            percent: None,
            words: words.map(ToOwned::to_owned),
        }
    }

    fn action(devices: Vec<Told>) -> Listed {
        Listed {
            id: "01".repeat(16),
            made_ms: 1,
            sent_ms: Some(1),
            handler: Some("tool".to_owned()),
            verb: Some("run".to_owned()),
            about: None,
            key: None,
            group: None,
            expires_ms: Some(100),
            draft: None,
            devices,
        }
    }

    #[test]
    fn stages_follow_what_was_told_last_and_the_time() {
        let at = Timestamp::from_ms;
        let none = action(Vec::new());
        assert_eq!(Stage::of(&none, &told(None, None), at(99)), Stage::Waits);
        assert_eq!(Stage::of(&none, &told(None, None), at(100)), Stage::Late);
        assert_eq!(
            Stage::of(&none, &told(None, Some("x")), at(100)),
            Stage::AtWork
        );
        let ended = told(Some(Outcome::Cancelled), Some("x"));
        assert_eq!(Stage::of(&none, &ended, at(100)), Stage::CalledOff);
        let done = || {
            Some(Outcome::Done {
                result: String::new(),
            })
        };
        let many = action(vec![
            told(done(), None),
            told(None, None),
            told(done(), None),
        ]);
        let shown = brief(&many, at(1)).into_string();
        assert!(
            shown.contains("1 × Waits for the device") && shown.contains("2 × Done"),
            "{shown}"
        );
        assert!(
            brief(&none, at(1))
                .into_string()
                .contains("Waits for the device")
        );
    }
}
