//! What devices answer when they are asked how fit they are to wake a target, and who of
//! them is asked to.

use bailiwick_core::{
    action::{Candidate, Outcome, bridges},
    ids::DeviceId,
};
use serde::Deserialize;

use super::watch::plain;
use crate::actions::{Listed, Told};

/// What the plugin answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Fitness {
    same_subnet: bool,
    wired: bool,
    link: Option<String>,
}

/// What one device said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A link of it is in the target's network.
    Fit { link: String, wired: bool },
    /// None is.
    Elsewhere,
    /// It can't say, and why.
    Unable(String),
    /// It has not answered: it is away, or has no such plugin yet.
    Silent,
}

impl Answer {
    fn of(told: &Told) -> Self {
        let Some(outcome) = &told.outcome else {
            return Self::Silent;
        };
        let Outcome::Done { result } = outcome else {
            return Self::Unable(plain(&told.sentence()));
        };
        match serde_json::from_str(result) {
            Ok(Fitness {
                same_subnet: true,
                wired,
                link,
            }) => Self::Fit {
                link: plain(link.as_deref().unwrap_or("?")),
                wired,
            },
            Ok(_) => Self::Elsewhere,
            Err(error) => Self::Unable(format!("its answer can't be read: {error}")),
        }
    }

    /// For people.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Fit { link, wired: true } => {
                format!("fit: the target is in the network of {link}, a cable")
            }
            Self::Fit { link, wired: false } => {
                format!("fit: the target is in the network of {link}, which is wireless")
            }
            Self::Elsewhere => "not fit: no link of it is in the target's network".to_owned(),
            Self::Unable(reason) => format!("not fit: {reason}"),
            Self::Silent => "not fit: it did not answer in time".to_owned(),
        }
    }
}

/// What each device said. Of a group, who is not in it is left out.
pub(super) fn answers(action: &Listed) -> Vec<(DeviceId, Answer)> {
    let meant = action.devices.iter().filter(|told| {
        !(action.group.is_some()
            && matches!(&told.outcome, Some(Outcome::Refused { reason }) if reason.starts_with("audience:")))
    });
    meant
        .filter_map(|told| Some((told.device.parse().ok()?, Answer::of(told))))
        .collect()
}

/// Whether nobody is waited for any more. Of a group it is not known here who is in it: all
/// the time is waited.
pub(super) fn all_told(action: &Listed) -> Option<()> {
    let told = action.devices.iter().all(|told| told.outcome.is_some());
    (action.group.is_none() && told).then_some(())
}

/// Who is asked to wake, best first.
pub(super) fn chosen(answers: &[(DeviceId, Answer)], at_most: usize) -> Vec<DeviceId> {
    let candidates: Vec<_> = answers
        .iter()
        .map(|(device, answer)| Candidate {
            device: *device,
            // Who answers is there.
            online: *answer != Answer::Silent,
            same_subnet: matches!(answer, Answer::Fit { .. }),
            wired: matches!(answer, Answer::Fit { wired: true, .. }),
        })
        .collect();
    let mut chosen = bridges(&candidates);
    chosen.truncate(at_most);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(device: u8, outcome: Option<Outcome>) -> Told {
        Told {
            device: DeviceId::from_bytes([device; 16]).to_string(),
            outcome,
            at_ms: None,
            received_ms: None,
            percent: None,
            words: None,
        }
    }

    fn says(device: u8, same_subnet: bool, wired: bool) -> Told {
        let result =
            format!(r#"{{"same-subnet":{same_subnet},"wired":{wired},"link":"up\u001b0"}}"#);
        told(device, Some(Outcome::Done { result }))
    }

    fn refuses(device: u8, reason: &str) -> Told {
        let reason = reason.to_owned();
        told(device, Some(Outcome::Refused { reason }))
    }

    fn asked(group: Option<&str>, devices: Vec<Told>) -> Listed {
        Listed {
            id: "00".repeat(16),
            made_ms: 0,
            sent_ms: Some(0),
            handler: None,
            verb: None,
            about: None,
            key: None,
            group: group.map(ToOwned::to_owned),
            expires_ms: None,
            draft: None,
            devices,
        }
    }

    #[test]
    fn cables_in_the_targets_network_are_chosen_and_no_more_than_asked_for() {
        let action = asked(
            None,
            vec![
                says(1, true, false),
                says(2, false, true),
                told(3, None),
                says(4, true, true),
                refuses(5, "right: no"),
                told(
                    6,
                    Some(Outcome::Done {
                        result: "{}".to_owned(),
                    }),
                ),
                says(7, true, true),
            ],
        );
        let answers = answers(&action);
        let device = |byte| DeviceId::from_bytes([byte; 16]);
        assert_eq!(chosen(&answers, 3), [4, 7, 1].map(device));
        assert_eq!(chosen(&answers, 2), [4, 7].map(device));
        let sentences: Vec<_> = answers.iter().map(|(_, one)| one.sentence()).collect();
        assert_eq!(
            sentences[0],
            "fit: the target is in the network of up 0, which is wireless"
        );
        assert_eq!(sentences[2], "not fit: it did not answer in time");
        assert_eq!(sentences[4], "not fit: refused: right: no");
        assert!(sentences[5].starts_with("not fit: its answer can't be read"));
        assert!(chosen(&answers[1..3], 3).is_empty());
    }

    #[test]
    fn named_devices_are_waited_for_and_a_group_all_the_time() {
        let mut devices = vec![says(1, true, true), told(2, None)];
        assert_eq!(all_told(&asked(None, devices.clone())), None);
        devices[1] = refuses(2, "audience: it is in no such group");
        assert_eq!(all_told(&asked(None, devices.clone())), Some(()));
        let group = asked(Some("office"), devices);
        assert_eq!(all_told(&group), None);
        assert_eq!(answers(&group).len(), 1, "who is not meant does not count");
    }
}
