//! `bailiwick-audit check`.

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;
use bailiwick_audit::report::{self, Outcome, Report};

use crate::{
    NOT_JUDGED,
    cli::{Check, Format},
    clock, files, record, repository,
};

/// Something was found.
const FOUND: u8 = 1;

/// Reads what the command line names, judges it, and prints the report.
///
/// # Errors
/// Nothing was named, a named folder can't be read, or the report can't be printed.
pub(crate) fn check(asked: &Check) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        asked.policy.is_some()
            || asked.repository.is_some()
            || asked.record.is_some()
            || !asked.components.is_empty(),
        "nothing is named that could be judged: name policies with --policy, a repository with \
         --repository, logs of devices with --record, or components"
    );
    let report = report(asked)?;
    let told = match asked.format {
        Format::Text => report::text(&report),
        Format::Json => report::printed(&report::json(&report)),
        Format::Sarif => report::printed(&report::sarif(&report)),
        Format::Html => report::html(&report),
    };
    std::io::stdout()
        .write_all(told.as_bytes())
        .context("the report can't be printed")?;
    Ok(match report.outcome() {
        Outcome::Clean => ExitCode::SUCCESS,
        Outcome::Findings => ExitCode::from(FOUND),
        Outcome::NotJudged => ExitCode::from(NOT_JUDGED),
    })
}

fn report(asked: &Check) -> anyhow::Result<Report> {
    let read = files::read(asked.policy.as_deref(), &asked.components)?;
    let now = clock::now();
    let (mut subjects, mut unjudged, mut repository) = (read.subjects, read.unjudged, None);
    if let Some(folder) = &asked.repository {
        let mut known = repository::read(folder, asked.root_sha256, now)?;
        repository::join(&mut known.subjects, subjects);
        repository::note_changes(&mut known.subjects);
        unjudged.append(&mut known.unjudged);
        (subjects, repository) = (known.subjects, Some(known.repository));
    }
    let record = match &asked.record {
        Some(folder) => Some(record::read(folder, &mut unjudged)?),
        None => None,
    };
    unjudged.extend(subjects.iter().filter_map(files::without_policy));
    Ok(Report::new(
        subjects,
        unjudged,
        (repository, record),
        asked.at.unwrap_or(now),
    ))
}
