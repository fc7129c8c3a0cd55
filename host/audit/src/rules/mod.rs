//! The rules, applied.

mod arguments;
mod expiry;
mod imports;
mod limits;
mod plain_text;
mod record;
mod scopes;
mod signers;
mod versions;

use bailiwick_core::time::Timestamp;

use crate::{Finding, Place, Rule, Signers, Subject, record::Deeds};

/// What one subject is judged by.
struct Case<'a> {
    subject: &'a Subject,
    signers: Option<&'a Signers>,
    /// What the plugin did, where a record was read.
    deeds: Option<&'a Deeds>,
    now: Timestamp,
    found: Vec<Finding>,
}

impl Case<'_> {
    fn find(&mut self, rule: Rule, place: Place, text: impl Into<String>) {
        let text = text.into();
        self.found.push(Finding { rule, place, text });
    }

    /// `path` in the policy; the component if there is no policy.
    fn place(&self, path: &str) -> Place {
        match (&self.subject.policy, &self.subject.component) {
            (Some(policy), _) => policy.place(path),
            (None, Some(component)) => Place::file(&component.file),
            (None, None) => Place::file(&self.subject.plugin),
        }
    }
}

/// What subjects are judged by, beside themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// What a repository proves.
    pub signers: Option<&'a Signers>,
    /// What the plugin did, where a record was read.
    pub deeds: Option<&'a Deeds>,
}

/// Everything that the rules find in `subject` at `now`, by rule and place.
pub fn judge(subject: &Subject, known: Known<'_>, now: Timestamp) -> Vec<Finding> {
    let mut case = Case {
        subject,
        signers: known.signers,
        deeds: known.deeds,
        now,
        found: Vec::new(),
    };
    imports::judge(&mut case);
    if let Some(policy) = &subject.policy {
        limits::judge(&mut case, policy);
        versions::judge(&mut case, policy);
        signers::judge(&mut case, policy);
        record::judge(&mut case, policy);
        for (index, grant) in policy.policy().grants.iter().enumerate() {
            let path = format!("grant.{index}");
            expiry::judge(&mut case, policy, &path, grant);
            scopes::judge(&mut case, policy, &path, grant);
            arguments::judge(&mut case, policy, &path, grant);
            plain_text::judge(&mut case, policy, &path, grant);
        }
    }
    case.found.sort();
    case.found
}
