//! Reading of what part of `processes` and `sessions` a grant means.

use super::{Capability, Effect, Fields, Scope, Seen, Sensitive, Whose};
use crate::document::{DocumentError, Key, Table};

pub(super) const OF: Key = Key::new(
    "of",
    "\"own-session\"",
    "own-session or all; only `processes` and `sessions` have it",
);
pub(super) const FIELDS: Key = Key::new(
    "fields",
    "[\"user\"]",
    "user and command-line of `processes`, user and place of `sessions`: what else is seen, or \
     denied",
);

/// What a denial names is not seen, of nobody; one that names nothing denies all.
pub(super) fn seen(
    table: &Table<'_>,
    capability: Capability,
    effect: Effect,
) -> Result<Scope, DocumentError> {
    let named = |field: Sensitive| (field.name(), field);
    let words = match capability {
        Capability::Processes => [Sensitive::User, Sensitive::CommandLine].map(named),
        _ => [Sensitive::User, Sensitive::Place].map(named),
    };
    let mut fields = Fields::NONE;
    if let Some(named) = table.optional(&FIELDS) {
        for field in named.elements(words.len())? {
            fields = fields.with(field.word(&words)?);
        }
    }
    match effect {
        Effect::Allow => {
            let whose = table
                .required(&OF)?
                .word(&[("own-session", Whose::OwnSession), ("all", Whose::All)])?;
            Ok(Scope::Seen(Seen { whose, fields }))
        }
        Effect::Deny => match table.optional(&OF) {
            Some(of) => Err(of.error(
                "a denial is of all, whoever is seen",
                "remove `of`; `fields` says what is denied, all if it is not there",
            )),
            None if fields == Fields::NONE => Ok(Scope::Whole),
            None => Ok(Scope::Seen(Seen {
                whose: Whose::All,
                fields,
            })),
        },
    }
}
