//! Which devices are this console's: certificates, invitations, and tokens that two parties
//! have shown.

use bailiwick_core::time::Timestamp;
use maud::{Markup, html};

use crate::{
    enrolment::{Device as Enrolled, MadeToken, Register, RegisterError, TokenState, Turned},
    page::render::{time, value::shown, words::count},
};

/// Invitations that are listed.
const INVITED: usize = 50;
/// A theft is warned of for so long.
const WARNED_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Warnings that are shown.
const WARNINGS: usize = 5;
/// Digits of a token's digest that name it, as on the command line.
const TOKEN: usize = 12;

/// How the certificate of a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certificate {
    /// It was never enrolled here.
    None,
    Until(i64),
    Expired(i64),
    Revoked(i64),
}

impl Certificate {
    pub(super) fn of(enrolled: Option<&Enrolled>, now: Timestamp) -> Self {
        match enrolled {
            None => Self::None,
            Some(Enrolled {
                revoked_ms: Some(at),
                ..
            }) => Self::Revoked(*at),
            Some(it) if it.expires_ms <= whole(now) => Self::Expired(it.expires_ms),
            Some(it) => Self::Until(it.expires_ms),
        }
    }

    /// Whether whoever shows it is listened to.
    pub(super) const fn counts(self) -> bool {
        matches!(self, Self::None | Self::Until(_))
    }

    /// In a few words.
    pub(super) fn brief(self) -> Markup {
        html! {
            @match self {
                Self::None => span.absent { "not enrolled" },
                Self::Until(at) => { "until " (time::day(at)) },
                Self::Expired(at) => { span.state.bad { "Expired" } " " span.quiet.day { (time::day(at)) } },
                Self::Revoked(at) => { span.state.bad { "Revoked" } " " span.quiet.day { (time::day(at)) } },
            }
        }
    }

    /// What [`Self::whole`] is said of.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Until(_) => "Certificate until",
            Self::None | Self::Expired(_) | Self::Revoked(_) => "Certificate",
        }
    }

    /// In sentences, with what to do.
    pub(super) fn whole(self, device: &str) -> Markup {
        let invite = html! { pre { code { "bailiwick-console device invite --data DIR --device " (device) } } };
        html! {
            @match self {
                Self::None => { "None: it was not enrolled here. What it sends is taken only while " code { "serve" } " listens to every device." },
                Self::Until(at) => (time::moment(at)),
                Self::Expired(at) => { span.state.bad { "Expired" } " " (time::moment(at)) ". It is not listened to. A token for it is made with:" (invite) },
                Self::Revoked(at) => { span.state.bad { "Revoked" } " " (time::moment(at)) ". It is not listened to. To take it back:" (invite) },
            }
        }
    }
}

/// What the register has to tell beside the devices that there are.
#[derive(Default)]
pub(super) struct News {
    invited: Vec<MadeToken>,
    thefts: Vec<Theft>,
}

/// A token that was shown by another one than it let in, or than it was made for.
struct Theft {
    refused: Turned,
    /// The device that got a certificate with it.
    holder: Option<String>,
}

impl News {
    pub(super) fn read(register: &Register, now: Timestamp) -> Result<Self, RegisterError> {
        let mut invited = register.tokens()?;
        let mut refused = register.refusals()?;
        refused.retain(|it| it.alarm && whole(now).saturating_sub(it.at_ms) < WARNED_MS);
        let thefts = refused.into_iter().map(|refused| {
            let token = invited.iter().find(|token| token.token == refused.token);
            let used = token.and_then(|token| token.used.as_ref());
            Theft {
                holder: used.map(|(_, device)| device.clone()),
                refused,
            }
        });
        let thefts = thefts.collect();
        invited.retain(|token| token.state(now) == TokenState::Waits);
        Ok(Self { invited, thefts })
    }

    /// Whether there is anything to tell.
    pub(super) fn is_nothing(&self) -> bool {
        self.invited.is_empty() && self.thefts.is_empty()
    }

    /// Warnings, above everything else.
    pub(super) fn warnings(&self, now: Timestamp) -> Markup {
        html! {
            @if !self.thefts.is_empty() {
                section.notice.bad aria-label="Stolen tokens" {
                    h2 { "Somebody has shown a token that is not theirs" }
                    ul { @for theft in self.thefts.iter().take(WARNINGS) { li { (warning(theft, now)) } } }
                    @if self.thefts.len() > WARNINGS { p { "and " (self.thefts.len() - WARNINGS) " more" } }
                }
            }
        }
    }

    /// Devices that are expected.
    pub(super) fn expected(&self, now: Timestamp) -> Markup {
        let number = i64::try_from(self.invited.len()).unwrap_or(i64::MAX);
        html! {
            @if !self.invited.is_empty() {
                details.card.expected {
                    summary { (count(number, "device")) " invited and not enrolled yet" }
                    ul.feed { @for token in self.invited.iter().take(INVITED) { (invitation(token, now)) } }
                    @if self.invited.len() > INVITED { p.quiet { "and " (self.invited.len() - INVITED) " more" } }
                    p.quiet { "A token that went astray is withdrawn with " code { "bailiwick-console device withdraw --data DIR ID" } "." }
                }
            }
        }
    }
}

fn invitation(token: &MadeToken, now: Timestamp) -> Markup {
    html! {
        li {
            span {
                code { (short(&token.token)) } ", for "
                @match &token.device { Some(device) => code { (shown(device)) }, None => "a new device" }
                @if let Some(group) = &token.group { " of the group " strong { (shown(group)) } }
            }
            span.quiet { "made " (time::since(token.made_ms, now)) ", valid until " (time::moment(token.expires_ms)) }
        }
    }
}

fn warning(theft: &Theft, now: Timestamp) -> Markup {
    let Theft { refused, holder } = theft;
    html! {
        "Token " code { (short(&refused.token)) } " came from " code { (shown(&refused.address)) }
        " on " (time::when(refused.at_ms, now)) ", as the device " code.id { (shown(&refused.device)) } ". It was refused."
        @match holder {
            Some(holder) => {
                " Before, the device " code.id { (shown(holder)) } " got its certificate with it, from whoever had the token then. If that was not the device that you invited, revoke it and invite anew:"
                pre { code { "bailiwick-console device revoke --data DIR " (shown(holder)) } }
            }
            None => {
                " It was made for another device. If it went astray, withdraw it and make a new one:"
                pre { code { "bailiwick-console device withdraw --data DIR " (short(&refused.token)) } }
            }
        }
    }
}

fn short(token: &str) -> &str {
    token.get(..TOKEN).unwrap_or(token)
}

fn whole(time: Timestamp) -> i64 {
    i64::try_from(time.as_ms()).unwrap_or(i64::MAX)
}
