//! Reading of what a `power` grant means.

use std::time::Duration;

use super::{
    Effect,
    parse_controls::VERBS,
    power::{PowerVerb, Powers, Presence},
};
use crate::{
    document::{DocumentError, Key, Table, Value},
    time::Span,
};

pub(super) const WHEN_USERS: Key = Key::new(
    "when-users",
    "\"away\"",
    "none (nobody has a session), away (each is locked, disconnected or unused for 10 min) or any; \
     only `power` has it",
);
pub(super) const WARN_FOR: Key = Key::new(
    "warn-for",
    "\"60 s\"",
    "how long users are warned before, 5 s to 9 min and below the deadline of a call; only `power` \
     has it",
);
pub(super) const PAUSE: Key = Key::new(
    "pause",
    "\"1 h\"",
    "least time from the device's start and from the last one to the next, 1 min to 30 d; only \
     `power` has it",
);

pub(super) fn powers(table: &Table<'_>, effect: Effect) -> Result<Powers, DocumentError> {
    let verbs = verbs(&table.required(&VERBS)?)?;
    let seconds = |n| Span::new(Duration::from_secs(n));
    match effect {
        Effect::Allow => Ok(Powers {
            verbs,
            when_users: table.required(&WHEN_USERS)?.word(&[
                ("none", Presence::Nobody),
                ("away", Presence::Away),
                ("any", Presence::Present),
            ])?,
            warn_for: table
                .required(&WARN_FOR)?
                .within(seconds(5)..=seconds(9 * 60))?
                .get(),
            pause: table
                .required(&PAUSE)?
                .within(seconds(60)..=seconds(30 * 86_400))?
                .get(),
        }),
        Effect::Deny => {
            for key in [&WHEN_USERS, &WARN_FOR, &PAUSE] {
                if let Some(value) = table.optional(key) {
                    let remove = format!("remove `{}`; `verbs` says what is denied", key.name);
                    return Err(value.error("a denial holds whoever is there", remove));
                }
            }
            Ok(Powers {
                verbs,
                when_users: Presence::Present,
                warn_for: Duration::ZERO,
                pause: Duration::ZERO,
            })
        }
    }
}

fn verbs(value: &Value<'_>) -> Result<Vec<PowerVerb>, DocumentError> {
    let words = PowerVerb::ALL.map(|verb| (verb.name(), verb));
    let named = value.elements(words.len())?;
    named.iter().map(|verb| verb.word(&words)).collect()
}
