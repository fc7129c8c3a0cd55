//! `bailiwick-console repo operator`: who may sign actions.

use std::{collections::BTreeSet, str::FromStr};

use anyhow::Context as _;
use bailiwick_core::{
    action::{Operator, Reach},
    time::Timestamp,
};
use bailiwick_repository::{PublicKey, Repository};
use serde_json::json;

use super::repo::tell;
use crate::{
    cli_repo::{OperatorAdd, OperatorRemove, OperatorVerb},
    clock,
};

pub(super) fn run(verb: &OperatorVerb) -> anyhow::Result<()> {
    match verb {
        OperatorVerb::Add(arguments) => add(arguments),
        OperatorVerb::Remove(arguments) => remove(arguments),
    }
}

fn add(arguments: &OperatorAdd) -> anyhow::Result<()> {
    let public = PublicKey::load(&arguments.key)?;
    let key = public.operator().context("the file holds no public key")?;
    let name = arguments.name.clone();
    let name = name.unwrap_or_else(|| public.name().to_owned());
    let day = arguments.until;
    let last = Timestamp::start_of_day(
        u16::try_from(day.year()).unwrap_or(0),
        day.month().unsigned_abs(),
        day.day().unsigned_abs(),
    );
    let until = last
        .context("--until names a day before 1970")?
        .after(std::time::Duration::from_secs(86_400));
    anyhow::ensure!(until > clock::now(), "--until names a day that is over");
    let operator = Operator {
        name: name.clone(),
        key,
        handlers: reach("--handler", &arguments.handler)?,
        groups: reach("--group", &arguments.group)?,
        until,
        line: 0,
    };
    Repository::open(&arguments.place.repo)?.add_operator(operator, clock::now())?;
    let words = format!(
        "{name} may sign actions for {} on devices of {} until {day}\n  key  {key}",
        arguments.handler.join(", "),
        arguments.group.join(", "),
    );
    let json = json!({ "operator": name, "key": key, "until": day.to_string() });
    tell(&arguments.place, &json, &words);
    Ok(())
}

fn remove(arguments: &OperatorRemove) -> anyhow::Result<()> {
    let name = &arguments.name;
    Repository::open(&arguments.place.repo)?.remove_operator(name, clock::now())?;
    let words = format!("{name} may sign actions no more");
    tell(&arguments.place, &json!({ "removed": name }), &words);
    Ok(())
}

fn reach<T>(option: &str, given: &[String]) -> anyhow::Result<Reach<T>>
where
    T: Ord + FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    if given == ["*"] {
        return Ok(Reach::All);
    }
    let named = given.iter().map(|name| {
        name.parse::<T>()
            .with_context(|| format!("{option}: write names, or `*` alone"))
    });
    Ok(Reach::Named(named.collect::<Result<BTreeSet<T>, _>>()?))
}
