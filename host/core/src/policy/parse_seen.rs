//! Reading of what part of `processes` and `sessions` a grant means.

use std::num::NonZeroU16;

use super::{Capability, Effect, Fields, Redaction, Scope, Seen, Sensitive, Whose};
use crate::document::{DocumentError, Key, Table, Value};

pub(super) const OF: Key = Key::new(
    "of",
    "\"own-session\"",
    "own-session or all; only `processes` and `sessions` have it",
);
pub(super) const FIELDS: Key = Key::new(
    "fields",
    "[\"user\"]",
    "user and command-line of `processes`, user and place of `sessions`: what else is seen, or \
     denied; host-name and mount-point of `system`, mac and address of `network`: what is denied",
);

pub(super) const REDACT: Key = Key::new(
    "redact",
    "{ user = \"hash\", command-line = { truncate = 64 } }",
    "for each of those fields that is seen but not as it is: \"drop\", \"hash\" (a digest under a key \
     of the device), or { truncate = N } for its first N characters, 1 to 4096",
);
const TRUNCATE: Key = Key::new("truncate", "64", "how many characters stay, 1 to 4096");

/// What a denial names is not seen, of nobody; one that names nothing denies all.
pub(super) fn seen(
    table: &Table<'_>,
    capability: Capability,
    effect: Effect,
) -> Result<Scope, DocumentError> {
    let words: Vec<_> = Sensitive::of(capability)
        .iter()
        .map(|field| (field.name(), *field))
        .collect();
    let mut fields = Fields::NONE;
    if let Some(named) = table.optional(&FIELDS) {
        if effect == Effect::Allow && capability.gives_facts() {
            return Err(named.error(
                format!("a grant of `{capability}` gives all its fields"),
                "remove `fields`; `redact` says which of them are not seen as they are",
            ));
        }
        for field in named.elements(words.len())? {
            fields = fields.with(field.word(&words)?);
        }
    }
    if let Some(redact) = table.optional(&REDACT) {
        if effect == Effect::Deny {
            return Err(redact.error(
                "a denial takes all of a field",
                "remove `redact`; name the field in `fields`, or write `redact` where it is given",
            ));
        }
        let usual = match capability.gives_facts() {
            true => Fields::all(capability),
            false => fields,
        };
        fields = redacted(&redact, &words, (usual, fields))?;
        if capability.gives_facts() {
            let whose = Whose::All;
            return Ok(Scope::Seen(Seen { whose, fields }));
        }
    }
    match effect {
        Effect::Allow if capability.gives_facts() => Ok(Scope::Whole),
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

/// The fields that are seen without it, with those that `redact` gives in another form. None of
/// them is `named` as well.
fn redacted(
    redact: &Value<'_>,
    words: &[(&str, Sensitive)],
    (mut fields, named): (Fields, Fields),
) -> Result<Fields, DocumentError> {
    for (name, value) in redact.entries()? {
        let Some((_, field)) = words.iter().find(|(word, _)| *word == name) else {
            let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            return Err(value.error(
                format!("`{name}` is no field of which less can be given"),
                format!("write {}", names.join(" or ")),
            ));
        };
        if named.has(*field) {
            return Err(value.error(
                format!("`{name}` is in `fields` too, which gives it as it is"),
                "name it in one of them",
            ));
        }
        fields = fields.given(*field, redaction(&value)?);
    }
    Ok(fields)
}

fn redaction(value: &Value<'_>) -> Result<Redaction, DocumentError> {
    if value.text().is_ok() {
        return value.word(&[("drop", Redaction::Dropped), ("hash", Redaction::Hashed)]);
    }
    let most = value.table("`redact`", &[&TRUNCATE])?.required(&TRUNCATE)?;
    let number = most.small_integer(1..=Redaction::LONGEST.into())?;
    let number = u16::try_from(number).ok().and_then(NonZeroU16::new);
    number
        .map(Redaction::Truncated)
        .ok_or_else(|| most.refuse())
}
