//! Whether a token and a key are enough for a certificate.

use crate::{digest::Sha256, ids::DeviceId, time::Timestamp};

/// A token as the console remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// From then on it is too late to begin.
    pub expires: Timestamp,
    /// Somebody took it back.
    pub withdrawn: bool,
    /// The one device that it is for; none if it is for a new one.
    pub device: Option<DeviceId>,
    /// Who used it.
    pub used: Option<Use>,
}

/// The use of a token: by this device, with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Which device got a certificate for it.
    pub device: DeviceId,
    /// Digest of that device's public key.
    pub key: Sha256,
}

/// Who asks for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// The id that is to be in the certificate.
    pub device: DeviceId,
    /// Digest of the public key, whose private half signed the request.
    pub key: Sha256,
}

/// What the console knows of a device's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was never enrolled.
    New,
    /// It has, or had, a certificate; revoked or not.
    Enrolled,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Issue a certificate; the token is used now.
    Issue,
    /// The certificate was issued and its answer lost: the same again.
    Repeat,
    /// No certificate.
    Refuse(Refusal),
}

/// Why there is no certificate, for whoever asked and for the console's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody made this token here.
    #[error("this console does not know the token: ask for a new one where it came from")]
    Unknown,
    /// It was taken back.
    #[error("the token was withdrawn: ask for a new one")]
    Withdrawn,
    /// It came too late.
    #[error("the token has expired: ask for a new one")]
    Expired,
    /// It works once, and it was not for this key.
    #[error(
        "the token was used already, by device {0} with another key: if that was not this \
         device, somebody else had the token; ask for a new one"
    )]
    Used(DeviceId),
    /// It is for another device.
    #[error("the token is for device {0}, which this one is not: ask for a token of its own")]
    OtherDevice(DeviceId),
    /// A token for new devices does not take over one that there is.
    #[error(
        "device {0} is enrolled here already: to enrol it anew, ask for a token that names it \
         (`bailiwick-console device invite --device {0}`)"
    )]
    AlreadyEnrolled(DeviceId),
}

impl Refusal {
    /// Whether two parties hold one secret, so that a person should look.
    pub const fn tells_of_theft(&self) -> bool {
        match self {
            Self::Used(_) | Self::OtherDevice(_) => true,
            Self::Unknown | Self::Withdrawn | Self::Expired | Self::AlreadyEnrolled(_) => false,
        }
    }
}

/// Whether `applicant` gets a certificate for `invitation`, the token that it showed; none if
/// there is no such token. `standing` is that of the id which it asks for.
///
/// A token that was used answers the key that used it for ever: the answer may have been
/// lost, and it is worth nothing to anybody else. A withdrawn one answers nobody.
pub fn judge(
    invitation: Option<&Invitation>,
    applicant: &Applicant,
    standing: Standing,
    now: Timestamp,
) -> Verdict {
    let Some(invitation) = invitation else {
        return Verdict::Refuse(Refusal::Unknown);
    };
    if invitation.withdrawn {
        return Verdict::Refuse(Refusal::Withdrawn);
    }
    if let Some(used) = invitation.used {
        let same = used.device == applicant.device && used.key == applicant.key;
        return match same {
            true => Verdict::Repeat,
            false => Verdict::Refuse(Refusal::Used(used.device)),
        };
    }
    if now >= invitation.expires {
        return Verdict::Refuse(Refusal::Expired);
    }
    match (invitation.device, standing) {
        (Some(device), _) if device != applicant.device => {
            Verdict::Refuse(Refusal::OtherDevice(device))
        }
        (None, Standing::Enrolled) => Verdict::Refuse(Refusal::AlreadyEnrolled(applicant.device)),
        (Some(_), _) | (None, Standing::New) => Verdict::Issue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_000);

    fn device(byte: u8) -> DeviceId {
        DeviceId::from_bytes([byte; 16])
    }

    fn applicant(id: u8, key: u8) -> Applicant {
        Applicant {
            device: device(id),
            key: Sha256::from_bytes([key; 32]),
        }
    }

    fn invitation() -> Invitation {
        Invitation {
            expires: Timestamp::from_ms(1_001),
            withdrawn: false,
            device: None,
            used: None,
        }
    }

    fn used_by(id: u8, key: u8) -> Invitation {
        let Applicant { device, key } = applicant(id, key);
        Invitation {
            used: Some(Use { device, key }),
            ..invitation()
        }
    }

    fn judged(invitation: &Invitation, applicant: Applicant, standing: Standing) -> Verdict {
        judge(Some(invitation), &applicant, standing, NOW)
    }

    #[test]
    fn a_token_works_once_and_repeats_itself_for_the_same_key() {
        let verdict = judged(&invitation(), applicant(1, 1), Standing::New);
        assert_eq!(verdict, Verdict::Issue);
        let used = used_by(1, 1);
        let again = judged(&used, applicant(1, 1), Standing::Enrolled);
        assert_eq!(again, Verdict::Repeat);
        for thief in [applicant(1, 2), applicant(2, 1), applicant(2, 2)] {
            let verdict = judged(&used, thief, Standing::Enrolled);
            let Verdict::Refuse(refusal) = verdict else {
                panic!("{verdict:?}");
            };
            assert_eq!(refusal, Refusal::Used(device(1)));
            assert!(refusal.tells_of_theft());
        }
    }

    #[test]
    fn a_lost_answer_is_given_again_after_the_token_expired_but_not_once_withdrawn() {
        let mut used = used_by(1, 1);
        used.expires = NOW;
        assert_eq!(
            judged(&used, applicant(1, 1), Standing::Enrolled),
            Verdict::Repeat
        );
        used.withdrawn = true;
        assert_eq!(
            judged(&used, applicant(1, 1), Standing::Enrolled),
            Verdict::Refuse(Refusal::Withdrawn)
        );
    }

    #[test]
    fn unknown_withdrawn_and_late_tokens_are_refused() {
        let refused = |invitation: Option<&Invitation>, why| {
            let verdict = judge(invitation, &applicant(1, 1), Standing::New, NOW);
            assert_eq!(verdict, Verdict::Refuse(why));
            assert!(!why.tells_of_theft());
        };
        refused(None, Refusal::Unknown);
        let withdrawn = Invitation {
            withdrawn: true,
            ..invitation()
        };
        refused(Some(&withdrawn), Refusal::Withdrawn);
        let late = Invitation {
            expires: NOW,
            ..invitation()
        };
        refused(Some(&late), Refusal::Expired);
    }

    #[test]
    fn a_device_that_is_there_is_taken_over_by_a_token_of_its_own_alone() {
        let verdict = judged(&invitation(), applicant(1, 1), Standing::Enrolled);
        assert_eq!(
            verdict,
            Verdict::Refuse(Refusal::AlreadyEnrolled(device(1)))
        );
        let own = Invitation {
            device: Some(device(1)),
            ..invitation()
        };
        for standing in [Standing::New, Standing::Enrolled] {
            assert_eq!(judged(&own, applicant(1, 1), standing), Verdict::Issue);
            assert_eq!(
                judged(&own, applicant(2, 1), standing),
                Verdict::Refuse(Refusal::OtherDevice(device(1)))
            );
        }
    }
}
