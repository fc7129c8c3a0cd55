//! The matcher of `message` grants: one for enforcement, `explain`, `diff` and tests.

use super::{Capability, Denial, Effect, Grant, Policy, Scope};
use crate::time::Timestamp;

/// The user whom no grant means that does not write the name out.
const ROOT: &str = "root";

/// Whom a grant means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipient {
    /// Every user but root.
    AnyButRoot,
    /// The user of this name.
    Named(String),
}

impl Recipient {
    fn is(&self, user: &str) -> bool {
        match self {
            Self::AnyButRoot => user != ROOT,
            Self::Named(name) => user == name,
        }
    }
}

/// What part of `message` a grant means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    /// Who may be told something.
    pub users: Vec<Recipient>,
    /// Who says it: what users are shown. Of a denial empty.
    pub from: String,
    /// Most messages in a minute; of a denial 0.
    pub per_minute: u16,
}

/// Under what something is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAllowed {
    /// Who says it.
    pub from: String,
    /// Most messages of the plugin in a minute.
    pub per_minute: u16,
}

/// The message grants of a policy.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<Grant>);

impl Policy {
    /// The matcher of its message grants.
    pub fn message(&self) -> Message {
        Message(self.grants_of(Capability::Message).cloned().collect())
    }
}

impl Messages {
    fn covers(&self, user: &str) -> bool {
        self.users.iter().any(|recipient| recipient.is(user))
    }
}

impl Message {
    /// Under what `user` may be told something at `now`: in the name that the first grant says
    /// that covers it, as often as any does. Deny beats allow.
    ///
    /// # Errors
    /// No grant covers it.
    pub fn allows(&self, user: &str, now: Timestamp) -> Result<MessageAllowed, Denial> {
        let mut allowed: Option<MessageAllowed> = None;
        let mut denial = Denial::NotGranted;
        for grant in &self.0 {
            let by = grant.source;
            let messages = match (&grant.scope, grant.effect) {
                (Scope::Whole, Effect::Deny) => return Err(Denial::Denied { by }),
                (Scope::Messages(messages), _) => messages,
                // No part is named, or one of another capability: nothing is given.
                (_, Effect::Allow | Effect::Deny) => continue,
            };
            if !messages.covers(user) {
                continue;
            }
            match (grant.effect, grant.expires) {
                (Effect::Deny, _) => return Err(Denial::Denied { by }),
                (Effect::Allow, Some(at)) if at <= now => {
                    denial = Denial::Expired { grant: by, at };
                }
                (Effect::Allow, _) => {
                    let allowed = allowed.get_or_insert_with(|| MessageAllowed {
                        from: messages.from.clone(),
                        per_minute: 0,
                    });
                    allowed.per_minute = allowed.per_minute.max(messages.per_minute);
                }
            }
        }
        allowed.ok_or(denial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(grants: &[&str]) -> Message {
        let grants: String = grants
            .iter()
            .map(|grant| {
                format!(
                    "[[grant]]\ncapability = \"message\"\n{grant}\nreason = \"A test.\"\n\
                     approved-by = \"tests\"\nrisk = \"low\"\n"
                )
            })
            .collect();
        let text = format!("{}{grants}", include_str!("../../fixtures/policy.toml"));
        Policy::parse("p.toml", &text).unwrap().message()
    }

    #[test]
    fn any_user_is_not_root_and_denials_hold() {
        let message = matcher(&[
            "effect = \"allow\"\nusers = [\"any\"]\nfrom = \"IT desk\"\nper-minute = 6",
            "effect = \"deny\"\nusers = [\"chief\"]",
        ]);
        let ask = |user| message.allows(user, Timestamp::EPOCH);
        let allowed = ask("ann").unwrap();
        assert_eq!((allowed.from.as_str(), allowed.per_minute), ("IT desk", 6));
        assert_eq!(ask("root"), Err(Denial::NotGranted));
        assert!(matches!(ask("chief"), Err(Denial::Denied { .. })));
        let named = matcher(&[
            "effect = \"allow\"\nusers = [\"root\"]\nfrom = \"IT desk\"\nper-minute = 1\n\
             expires = 2026-12-31",
        ]);
        assert!(named.allows("root", Timestamp::EPOCH).is_ok());
        assert_eq!(
            named.allows("ann", Timestamp::EPOCH),
            Err(Denial::NotGranted)
        );
        let late = named.allows("root", Timestamp::from_ms(4_000_000_000_000));
        assert!(matches!(late, Err(Denial::Expired { .. })));
    }
}
