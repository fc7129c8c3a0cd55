//! The first table of the page: every answer in a line for each plugin.

use bailiwick_core::policy::{Grant, Risk, last_day};
use maud::{Markup, html as page};

use super::{plugin, record};
use crate::{
    Changes, Level,
    report::{Judged, Report, counted, title},
    visible::visible,
    words,
};

pub(super) fn table(report: &Report) -> Markup {
    page! {
        @if !report.judged.is_empty() {
            table {
                thead { tr {
                    th { "Plugin" } th.wide-left { "What it can do" } th.approver { "Allowed by" } th { "Until" }
                    @if report.record.is_some() { th { "What it really did" } }
                    th { "Found" }
                } }
                tbody { @for index in 0..report.judged.len() { (row(report, index)) } }
            }
        }
    }
}

fn row(report: &Report, index: usize) -> Markup {
    let judged = &report.judged[index];
    let subject = &judged.subject;
    let policy = subject.policy.as_ref().map(|file| file.policy());
    let grants = policy.map(plugin::riskiest_first).unwrap_or_default();
    let mut approvers: Vec<_> = grants
        .iter()
        .map(|grant| grant.approved_by.as_str())
        .collect();
    approvers.sort_unstable();
    approvers.dedup();
    let first_end = grants.iter().filter_map(|grant| grant.expires).min();
    let release = subject.release.as_ref();
    page! {
        tr {
            th {
                a href=(format!("#plugin-{index}")) { (visible(&title(subject))) }
                @if let Some(release) = release {
                    br; span.quiet { (visible(release.assigned.as_deref().unwrap_or("to no device yet"))) }
                    @if release.forbidden.is_some() { br; span.error { "no device runs it" } }
                }
            }
            td {
                @match policy { Some(policy) => (visible(&policy.summary)), None => "no policy" }
                @if let Some(changes) = release.and_then(|release| release.changes.as_ref()) { br; (changed(changes)) }
                @else if !grants.is_empty() { br; span.quiet { (can(&grants)) } }
            }
            td { (visible(&approvers.join(", "))) }
            td.narrow { @match first_end { Some(at) => (last_day(at)), None => "no end" } }
            @if report.record.is_some() { td { (record::brief(report.deeds(subject), subject)) } }
            td.narrow { (found(judged)) }
        }
    }
}

/// What the grants are about, each once, and how risky an approver finds it if it is more than
/// low.
fn can(grants: &[&Grant]) -> String {
    let mut told: Vec<String> = Vec::new();
    for grant in grants {
        let (may, _) = words::grant(grant);
        let begins = |line: &String| line == may || line.starts_with(&format!("{may} ("));
        if told.iter().any(begins) {
            continue;
        }
        told.push(match grant.risk {
            Risk::Low => may.to_owned(),
            Risk::Medium | Risk::High => format!("{may} ({} risk)", words::risk(grant.risk)),
        });
    }
    told.join(" · ")
}

/// How a next version differs from the one before it.
fn changed(changes: &Changes) -> Markup {
    let Changes {
        from,
        wider,
        narrower,
        other,
    } = changes;
    page! {
        @if wider.is_empty() { span.good { "nothing more than " (from) } }
        @else { span.warning { (counted(wider.len(), "thing")) " more than " (from) } }
        @if !narrower.is_empty() { ", " (narrower.len()) " less" }
        @if !other.is_empty() { ", " (other.len()) " different" }
    }
}

fn found(judged: &Judged) -> Markup {
    let of = |level| {
        let findings = judged.findings.iter();
        findings
            .filter(|finding| finding.rule.level() == level)
            .count()
    };
    let (errors, warnings) = (of(Level::Error), of(Level::Warning));
    page! {
        @if errors > 0 { span.error { (counted(errors, "error")) } }
        @if errors > 0 && warnings > 0 { br; }
        @if warnings > 0 { span.warning { (counted(warnings, "warning")) } }
        @if errors + warnings == 0 { span.good { "nothing" } }
    }
}
