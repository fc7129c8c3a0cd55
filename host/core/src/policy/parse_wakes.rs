//! Reading of whom a `wake` grant means, and on which links.

use super::{Effect, wake::Wakes};
use crate::document::{DocumentError, Key, Table, Value};

pub(super) const MACS: Key = Key::new(
    "macs",
    "[\"00:11:22:33:44:55\", \"52:54:00\"]",
    "Ethernet addresses or how they begin, at most 256; `any` is all; only `wake` has them",
);
pub(super) const LINKS: Key = Key::new(
    "links",
    "[\"eth0\"]",
    "names of links, at most 16; without it, every one that is no virtual one; only `wake` has \
     them",
);
pub(super) const PER_MINUTE: Key = Key::new(
    "per-minute",
    "12",
    "most packets or calls in a minute, 1 to 600; `wake`, `process-control`, `http` and `message` have it",
);

pub(super) fn wakes(table: &Table<'_>, effect: Effect) -> Result<Wakes, DocumentError> {
    let macs = table.required(&MACS)?.elements(256)?;
    let links = match table.optional(&LINKS) {
        Some(links) => links.elements(16)?,
        None => Vec::new(),
    };
    let per_minute = match effect {
        Effect::Allow => per_minute(&table.required(&PER_MINUTE)?)?,
        Effect::Deny => match table.optional(&PER_MINUTE) {
            Some(rate) => {
                return Err(rate.error("a denial has no rate", "remove `per-minute`"));
            }
            None => 0,
        },
    };
    Ok(Wakes {
        macs: macs.into_iter().map(mac).collect::<Result<_, _>>()?,
        links: links.into_iter().map(link).collect::<Result<_, _>>()?,
        per_minute,
    })
}

/// How often something may be done.
pub(super) fn per_minute(rate: &Value<'_>) -> Result<u16, DocumentError> {
    u16::try_from(rate.small_integer(1..=600)?).map_err(|_| rate.refuse())
}

/// The bytes with which an address begins.
fn mac(value: Value<'_>) -> Result<Vec<u8>, DocumentError> {
    let text = value.text()?;
    if text == "any" {
        return Ok(Vec::new());
    }
    mac_prefix(text).ok_or_else(|| value.refuse())
}

/// One to six bytes, written as in `52:54:00`.
pub(super) fn mac_prefix(text: &str) -> Option<Vec<u8>> {
    let byte = |part: &str| {
        let two = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        two.then(|| u8::from_str_radix(part, 16).ok()).flatten()
    };
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    bytes.filter(|bytes| bytes.len() <= 6)
}

fn link(value: Value<'_>) -> Result<String, DocumentError> {
    let text = value.text()?;
    let fits = (1..=64).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c == '/');
    if fits {
        Ok(text.to_owned())
    } else {
        Err(value.refuse())
    }
}
