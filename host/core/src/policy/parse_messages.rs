//! Reading of whom a `message` grant means.

use super::{
    Effect,
    message::{Messages, Recipient},
    parse_wakes::{PER_MINUTE, per_minute},
};
use crate::document::{DocumentError, Key, Table, Value};

pub(super) const USERS: Key = Key::new(
    "users",
    "[\"any\"]",
    "names of accounts, at most 64; `any` is every one but root; only `message` has them",
);
pub(super) const FROM: Key = Key::new(
    "from",
    "\"IT desk, Example Ltd\"",
    "who says it, as users are shown it: one line of at most 64 bytes; only `message` has it",
);

pub(super) fn messages(table: &Table<'_>, effect: Effect) -> Result<Messages, DocumentError> {
    let users = table.required(&USERS)?.elements(64)?;
    let users = users.into_iter().map(user).collect::<Result<_, _>>()?;
    match effect {
        Effect::Allow => Ok(Messages {
            users,
            from: table.required(&FROM)?.prose(64)?,
            per_minute: per_minute(&table.required(&PER_MINUTE)?)?,
        }),
        Effect::Deny => {
            for key in [&FROM, &PER_MINUTE] {
                if let Some(value) = table.optional(key) {
                    let remove = format!("remove `{}`", key.name);
                    return Err(value.error("a denial says nothing", remove));
                }
            }
            Ok(Messages {
                users,
                from: String::new(),
                per_minute: 0,
            })
        }
    }
}

fn user(value: Value<'_>) -> Result<Recipient, DocumentError> {
    let name = value.text()?;
    if name == "any" {
        return Ok(Recipient::AnyButRoot);
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == ':' || c == '/';
    if name.is_empty() || name.len() > 64 || name.chars().any(odd) {
        return Err(value.refuse());
    }
    Ok(Recipient::Named(name.to_owned()))
}
