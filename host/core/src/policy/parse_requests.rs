//! Reading of what an `http` grant lets be asked.

use super::{
    Effect,
    http::Requests,
    parse_wakes::{PER_MINUTE, per_minute},
};
use crate::{
    document::{DocumentError, Key, Table, Value},
    http::Method,
};

pub(super) const ORIGINS: Key = Key::new(
    "origins",
    "[\"https://api.example.com\"]",
    "servers, at most 64, each a scheme, a host and a port if it is not the scheme's own; only \
     `http` has them",
);
pub(super) const METHODS: Key = Key::new(
    "methods",
    "[\"GET\", \"POST\"]",
    "some of GET, HEAD, POST, PUT, PATCH and DELETE; only `http` has them",
);
pub(super) const PREFIXES: Key = Key::new(
    "prefixes",
    "[\"/v1/status\"]",
    "how paths begin, in whole parts and not percent-encoded, at most 64; `/` is every path; \
     only `http` has them",
);
pub(super) const NETWORKS: Key = Key::new(
    "networks",
    "[\"10.0.0.0/8\"]",
    "networks where the servers may be besides on the internet, at most 16; a cloud's address \
     of metadata only where it is named alone, as in `169.254.169.254/32`; only `http` has them",
);

pub(super) fn requests(table: &Table<'_>, effect: Effect) -> Result<Requests, DocumentError> {
    let origins = table.required(&ORIGINS)?.elements(64)?;
    let origins = origins.iter().map(parsed).collect::<Result<_, _>>()?;
    match effect {
        Effect::Allow => Ok(Requests {
            origins,
            methods: methods(&table.required(&METHODS)?)?,
            paths: each(&table.required(&PREFIXES)?, 64)?,
            networks: match table.optional(&NETWORKS) {
                Some(networks) => each(&networks, 16)?,
                None => Vec::new(),
            },
            per_minute: per_minute(&table.required(&PER_MINUTE)?)?,
        }),
        Effect::Deny => {
            for (key, what) in [(&NETWORKS, "networks"), (&PER_MINUTE, "rate")] {
                if let Some(value) = table.optional(key) {
                    return Err(value.error(
                        format!("a denial has no {what}"),
                        format!("remove `{}`", key.name),
                    ));
                }
            }
            Ok(Requests {
                origins,
                methods: match table.optional(&METHODS) {
                    Some(named) => methods(&named)?,
                    None => Vec::new(),
                },
                paths: match table.optional(&PREFIXES) {
                    Some(prefixes) => each(&prefixes, 64)?,
                    None => Vec::new(),
                },
                networks: Vec::new(),
                per_minute: 0,
            })
        }
    }
}

fn methods(value: &Value<'_>) -> Result<Vec<Method>, DocumentError> {
    let named = value.elements(Method::ALL.len())?;
    let each = named.into_iter();
    each.map(|name| Method::named(name.text()?).ok_or_else(|| name.refuse()))
        .collect()
}

fn each<T>(value: &Value<'_>, most: usize) -> Result<Vec<T>, DocumentError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    value.elements(most)?.iter().map(parsed).collect()
}

fn parsed<T>(value: &Value<'_>) -> Result<T, DocumentError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let parsed = value.text()?.parse::<T>();
    parsed.map_err(|error| value.refuse_because(&error.to_string()))
}
