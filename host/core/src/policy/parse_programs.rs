//! Reading of the programs that an `exec` grant names.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Effect,
    exec::{Program, RunAs},
    shape::{Form, Item, LONGEST_ARGUMENT, MOST_ARGUMENTS, Shape},
};
use crate::{
    bytes::ByteCount,
    document::{DocumentError, Key, Table, Value},
    time::Span,
};

pub(super) const PROGRAMS: Key = Key::new(
    "programs",
    "[{ path = \"/usr/bin/uptime\", arguments = [[]] }]",
    "the programs that are meant, at most 64; only `exec` has them",
);
const PATH: Key = Key::new(
    "path",
    "\"/usr/bin/uptime\"",
    "the absolute path of a program, without `.`, `..` and links",
);
const SHA256: Key = Key::new(
    "sha256",
    "\"e3b0…b855\"",
    "the digest of the program in 64 hexadecimal digits",
);
const ARGUMENTS: Key = Key::new(
    "arguments",
    "[[], [\"--user\", { matches = \"[a-z]{1,32}\" }]]",
    "lists of arguments that it may be given, at most 64; `[]` is none",
);
const RUN_AS: Key = Key::new(
    "run-as",
    "\"nobody\"",
    "the name of a local account, or `@session` for the user of the session that an action \
     names; `nobody` if it is not there, and root only if written",
);
const ENVIRONMENT: Key = Key::new(
    "environment",
    "{ LANG = \"C.UTF-8\" }",
    "variables that it may be given, at most 32, with values of at most 4096 bytes",
);
const DIRECTORY: Key = Key::new("directory", "\"/\"", "the absolute path where it begins");
const TIME_LIMIT: Key = Key::new(
    "time-limit",
    "\"10 s\"",
    "a span of time from 1 ms to 10 min",
);
const OUTPUT_LIMIT: Key = Key::new("output-limit", "\"64 KiB\"", "a size from 1 B to 1 MiB");
const KEYS: [&Key; 8] = [
    &PATH,
    &SHA256,
    &ARGUMENTS,
    &RUN_AS,
    &ENVIRONMENT,
    &DIRECTORY,
    &TIME_LIMIT,
    &OUTPUT_LIMIT,
];
const ONE_OF: Key = Key::new("one-of", "[\"start\", \"stop\"]", "1 to 64 texts");
const MATCHES: Key = Key::new(
    "matches",
    "\"[a-z]{1,32}\"",
    "a pattern of the whole argument",
);
const AT_MOST: Key = Key::new("at-most", "4", "how many such may follow, 1 to 64");

pub(super) fn programs(value: &Value<'_>, effect: Effect) -> Result<Vec<Program>, DocumentError> {
    value
        .elements(64)?
        .into_iter()
        .map(|program| match effect {
            Effect::Allow => allowed(program),
            Effect::Deny => denied(program),
        })
        .collect()
}

/// A denial is of a program, whatever it is given.
fn denied(value: Value<'_>) -> Result<Program, DocumentError> {
    let table = value.table("`programs`", &[&PATH])?;
    Ok(Program {
        path: path(table.required(&PATH)?)?,
        sha256: None,
        arguments: Vec::new(),
        run_as: RunAs::User("nobody".to_owned()),
        environment: BTreeMap::new(),
        directory: "/".to_owned(),
        time_limit: Duration::ZERO,
        output_limit: ByteCount::new(0),
    })
}

fn allowed(value: Value<'_>) -> Result<Program, DocumentError> {
    let table = value.table("`programs`", &KEYS)?;
    let span = |ms| Span::new(Duration::from_millis(ms));
    Ok(Program {
        path: path(table.required(&PATH)?)?,
        sha256: table
            .optional(&SHA256)
            .map(|digest| digest.parsed())
            .transpose()?,
        arguments: table
            .required(&ARGUMENTS)?
            .elements(64)?
            .into_iter()
            .map(shape)
            .collect::<Result<_, _>>()?,
        run_as: run_as(&table)?,
        environment: match table.optional(&ENVIRONMENT) {
            Some(variables) => environment(&variables)?,
            None => BTreeMap::new(),
        },
        directory: match table.optional(&DIRECTORY) {
            Some(directory) if directory.text()? == "/" => "/".to_owned(),
            Some(directory) => path(directory)?,
            None => "/".to_owned(),
        },
        time_limit: match table.optional(&TIME_LIMIT) {
            Some(limit) => limit.within(span(1)..=span(600_000))?.get(),
            None => Duration::from_secs(10),
        },
        output_limit: match table.optional(&OUTPUT_LIMIT) {
            Some(limit) => limit.within(ByteCount::new(1)..=ByteCount::mib(1))?,
            None => ByteCount::kib(64),
        },
    })
}

fn path(value: Value<'_>) -> Result<String, DocumentError> {
    let text = value.text()?;
    let fits = text.strip_prefix('/').is_some_and(|relative| {
        relative
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."))
    });
    if fits && text.len() <= 4_096 && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(value.refuse())
    }
}

fn run_as(table: &Table<'_>) -> Result<RunAs, DocumentError> {
    let Some(value) = table.optional(&RUN_AS) else {
        return Ok(RunAs::User("nobody".to_owned()));
    };
    let name = value.text()?;
    let fits = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        && !name.starts_with(['-', '.'])
        && !name.bytes().all(|b| b.is_ascii_digit());
    match name {
        "root" => Ok(RunAs::Root),
        // No account's name begins so.
        "@session" => Ok(RunAs::Session),
        _ if fits => Ok(RunAs::User(name.to_owned())),
        _ => Err(value.refuse()),
    }
}

fn environment(value: &Value<'_>) -> Result<BTreeMap<String, String>, DocumentError> {
    let entries = value.entries()?;
    if entries.len() > 32 {
        return Err(value.refuse());
    }
    let mut variables = BTreeMap::new();
    for (name, value) in entries {
        let fits = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let text = value.text()?;
        if !fits || text.len() > 4_096 || text.contains('\0') {
            return Err(value.refuse());
        }
        variables.insert(name.to_owned(), text.to_owned());
    }
    Ok(variables)
}

fn shape(value: Value<'_>) -> Result<Shape, DocumentError> {
    let items = value.elements_if_any(MOST_ARGUMENTS)?;
    items
        .into_iter()
        .map(item)
        .collect::<Result<_, _>>()
        .map(Shape)
}

fn item(value: Value<'_>) -> Result<Item, DocumentError> {
    if let Ok(text) = value.text() {
        return Ok(Item {
            is: Form::Literal(literal(&value, text)?),
            at_most: 1,
        });
    }
    let table = value.table("`arguments`", &[&ONE_OF, &MATCHES, &AT_MOST])?;
    let at_most = match table.optional(&AT_MOST) {
        Some(count) => u8::try_from(count.small_integer(1..=64)?).map_err(|_| count.refuse())?,
        None => 1,
    };
    let is = match (table.optional(&ONE_OF), table.optional(&MATCHES)) {
        (Some(texts), None) => {
            let listed = texts.elements(64)?;
            if listed.is_empty() {
                return Err(texts.refuse());
            }
            let texts = listed.iter().map(|text| literal(text, text.text()?));
            Form::OneOf(texts.collect::<Result<_, _>>()?)
        }
        (None, Some(pattern)) => Form::Matches(
            pattern
                .text()?
                .parse()
                .map_err(|error| pattern.refuse_because(&format!("{error}")))?,
        ),
        (Some(_), Some(pattern)) => {
            return Err(pattern.error(
                "an argument is one of some texts or matches a pattern, not both",
                "remove `matches` or `one-of`",
            ));
        }
        (None, None) => return Err(value.refuse()),
    };
    Ok(Item { is, at_most })
}

fn literal(value: &Value<'_>, text: &str) -> Result<String, DocumentError> {
    if text.len() > LONGEST_ARGUMENT || text.contains('\0') {
        return Err(value.refuse());
    }
    Ok(text.to_owned())
}
