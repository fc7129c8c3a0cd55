//! A whole audit, and how it is told.

mod html;
mod json;
mod sarif;
mod text;

pub use html::html;
pub use json::{json, printed, refusal};
pub use sarif::sarif;
pub use text::text;

use bailiwick_core::{digest::Sha256, refusal::Refused, time::Timestamp};

use crate::{
    Finding, Known, Level, Place, Signers, Subject, judge,
    record::{Deeds, Record},
    words::counted,
};

/// An audit.
#[derive(Clone, Debug)]
pub struct Report {
    /// As of when grants were judged.
    pub at: Timestamp,
    /// In the order of plugins' names and versions.
    pub judged: Vec<Judged>,
    /// What could not be judged.
    pub unjudged: Vec<Unjudged>,
    /// What a repository proves; `None` if none was named.
    pub repository: Option<Repository>,
    /// What plugins did on devices; `None` if no record was named.
    pub record: Option<Record>,
}

/// A repository that was read.
#[derive(Clone, Debug)]
pub struct Repository {
    /// As it was named.
    pub folder: String,
    /// Digest of the root from which it was verified.
    pub root: Sha256,
    /// Who says that this root is the right one.
    pub trust: Trust,
    /// What it proves.
    pub signers: Signers,
    /// What approvers refused, in their words, the newest first.
    pub refused: Vec<Refused>,
}

/// Where the digest of a first root comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever asked named it.
    Named,
    /// The repository itself, which proves nothing.
    Found,
}

/// A subject with what was found.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What was judged.
    pub subject: Subject,
    /// By rule and place.
    pub findings: Vec<Finding>,
}

/// Something that could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unjudged {
    /// Where the reason is, as far as that is known.
    pub place: Place,
    /// Why, and what to do.
    pub reason: String,
}

/// How an audit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was judged, and nothing found.
    Clean,
    /// Everything was judged, and something found.
    Findings,
    /// Something could not be judged, whatever was found elsewhere.
    NotJudged,
}

impl Report {
    /// Judges `subjects` as of `at`.
    pub fn new(
        mut subjects: Vec<Subject>,
        mut unjudged: Vec<Unjudged>,
        (repository, record): (Option<Repository>, Option<Record>),
        at: Timestamp,
    ) -> Self {
        let order = |subject: &Subject| {
            let version = subject
                .release
                .as_ref()
                .map(|release| release.version.clone());
            (subject.plugin.clone(), version)
        };
        subjects.sort_by_key(order);
        unjudged.sort();
        let signers = repository.as_ref().map(|repository| &repository.signers);
        let judged = subjects
            .into_iter()
            .map(|subject| {
                let deeds = record
                    .as_ref()
                    .and_then(|record| record.of(&subject.plugin));
                let known = Known { signers, deeds };
                Judged {
                    findings: judge(&subject, known, at),
                    subject,
                }
            })
            .collect();
        Self {
            at,
            judged,
            unjudged,
            repository,
            record,
        }
    }

    /// What a plugin did, where a record was read and tells of it.
    fn deeds(&self, subject: &Subject) -> Option<&Deeds> {
        self.record.as_ref()?.of(&subject.plugin)
    }

    /// The version of the same plugin and publisher that is told before the one at `index`, and
    /// where.
    fn before(&self, index: usize) -> Option<(usize, &Judged)> {
        let at = index.checked_sub(1)?;
        let (before, this) = (self.judged.get(at)?, self.judged.get(index)?);
        let of = |judged: &Judged| {
            let release = judged.subject.release.as_ref();
            let role = release.map(|release| release.role.clone());
            (judged.subject.plugin.clone(), role)
        };
        (of(before) == of(this)).then_some((at, before))
    }

    /// What plugins did of which nothing else is known.
    fn strangers(&self) -> impl Iterator<Item = (&String, &Deeds)> {
        let plugins = self.record.iter().flat_map(|record| &record.plugins);
        plugins.filter(|(plugin, _)| {
            let is_it = |judged: &Judged| judged.subject.plugin == **plugin;
            !self.judged.iter().any(is_it)
        })
    }

    /// What approvers refused, where a repository was read.
    fn refused(&self) -> impl Iterator<Item = &Refused> {
        self.repository.iter().flat_map(|of| &of.refused)
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        if !self.unjudged.is_empty() {
            Outcome::NotJudged
        } else if self.findings().next().is_some() {
            Outcome::Findings
        } else {
            Outcome::Clean
        }
    }

    /// What was found, of all subjects.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.judged.iter().flat_map(|judged| &judged.findings)
    }

    fn count(&self, level: Level) -> usize {
        let of_level = |finding: &&Finding| finding.rule.level() == level;
        self.findings().filter(of_level).count()
    }
}

/// What the report rests on, and what it can't tell: nobody shall take silence for an answer.
fn grounds(report: &Report) -> Vec<String> {
    let repository = match &report.repository {
        None => "No repository was named: who signed policies and components, and what the next \
                 versions change, is not told."
            .to_owned(),
        Some(Repository {
            folder,
            root,
            trust: Trust::Found,
            ..
        }) => format!(
            "The repository {folder} was verified from the root that it brings. Compare the \
             SHA-256 of that root with the one that your devices trust: {root}"
        ),
        Some(Repository { folder, root, .. }) => {
            format!("The repository {folder} was verified from the root {root}.")
        }
    };
    vec![repository, record_in_words(report.record.as_ref())]
}

fn record_in_words(record: Option<&Record>) -> String {
    let Some(record) = record else {
        return "No record of a device was read: what plugins may do is told, not what they did."
            .to_owned();
    };
    let held = record
        .devices
        .iter()
        .filter(|device| device.is_held)
        .count();
    let untold = match held == record.devices.len() {
        true => "",
        false => {
            " Who wrote a whole log anew is found by its head alone: note down the heads that \
                  the console has in the file `heads` of that folder."
        }
    };
    format!(
        "The logs of {} in {} follow from entry to entry; {held} of them agree with a head that \
         was noted elsewhere.{untold}",
        counted(record.devices.len(), "device"),
        record.folder
    )
}

/// The subject's title: plugin and version.
fn title(subject: &Subject) -> String {
    match &subject.release {
        Some(release) => format!("{} {}", subject.plugin, release.version),
        None => subject.plugin.clone(),
    }
}
