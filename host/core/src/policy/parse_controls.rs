//! Reading of what a `process-control` grant means.

use super::{
    AbsolutePattern, ControlVerb, ControlledOf, Controls, Effect,
    parse_wakes::{PER_MINUTE, per_minute},
};
use crate::document::{DocumentError, Key, Table, Value};

pub(super) const VERBS: Key = Key::new(
    "verbs",
    "[\"end\"]",
    "what may be done: end, suspend and resume of `process-control`; lock, suspend, hibernate, \
     reboot and power-off of `power`; only these have it",
);
pub(super) const EXECUTABLES: Key = Key::new(
    "executables",
    "[\"/usr/bin/soffice\", \"/opt/reader/**\"]",
    "absolute paths of programs, at most 64; `*` within a part, `**` only as the last part; only \
     `process-control` has them",
);
pub(super) const WHOSE: Key = Key::new(
    "whose",
    "\"named-session\"",
    "whose processes: named-session, any-session, any-user (services, too) or any-user-and-root; \
     only `process-control` has it",
);

/// A denial is of everything that could be done to processes of these programs.
pub(super) fn controls(table: &Table<'_>, effect: Effect) -> Result<Controls, DocumentError> {
    let executables = table.required(&EXECUTABLES)?.elements(64)?;
    let executables = executables
        .into_iter()
        .map(executable)
        .collect::<Result<_, _>>()?;
    match effect {
        Effect::Allow => Ok(Controls {
            verbs: verbs(&table.required(&VERBS)?)?,
            executables,
            whose: table
                .required(&WHOSE)?
                .word(&ControlledOf::ALL.map(|whose| (whose.name(), whose)))?,
            per_minute: per_minute(&table.required(&PER_MINUTE)?)?,
        }),
        Effect::Deny => {
            for key in [&VERBS, &WHOSE, &PER_MINUTE] {
                if let Some(value) = table.optional(key) {
                    return Err(value.error(
                        "a denial is of everything that could be done, whoever's it is",
                        format!("remove `{}`; `executables` says what is denied", key.name),
                    ));
                }
            }
            Ok(Controls {
                verbs: ControlVerb::ALL.to_vec(),
                executables,
                whose: ControlledOf::AnyUserAndRoot,
                per_minute: 0,
            })
        }
    }
}

fn verbs(value: &Value<'_>) -> Result<Vec<ControlVerb>, DocumentError> {
    let words = ControlVerb::ALL.map(|verb| (verb.name(), verb));
    let named = value.elements(words.len())?;
    named.iter().map(|verb| verb.word(&words)).collect()
}

fn executable(value: Value<'_>) -> Result<AbsolutePattern, DocumentError> {
    let parsed = value.text()?.parse();
    parsed.map_err(|error| value.refuse_because(&format!("{error}")))
}
