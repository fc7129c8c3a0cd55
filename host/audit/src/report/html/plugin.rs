//! The part of the page about one plugin.

use bailiwick_core::{
    policy::{Effect, Grant, Policy},
    time::Timestamp,
};
use maud::{Markup, html as page};

use super::{prose, record};
use crate::{
    Finding, PolicyFile,
    report::{Judged, Report, title},
    subject::{Component, Release},
    visible::visible,
    words,
};

pub(super) fn allowed(policy: &Policy) -> Vec<&Grant> {
    of_effect(policy, Effect::Allow)
}

fn of_effect(policy: &Policy, effect: Effect) -> Vec<&Grant> {
    let grants = policy.grants.iter();
    grants.filter(|grant| grant.effect == effect).collect()
}

pub(super) fn section(report: &Report, judged: &Judged, index: usize) -> Markup {
    let (subject, now) = (&judged.subject, report.at);
    page! {
        h2 id=(format!("plugin-{index}")) { (visible(&title(subject))) }
        @if let Some(file) = &subject.policy {
            p { (visible(&file.policy().summary)) }
        }
        @if let Some(why) = subject.release.as_ref().and_then(|release| release.forbidden.as_ref()) {
            p.error { "No device runs it: " (visible(why)) }
        }
        @for finding in &judged.findings { (found(finding)) }
        @if let Some(release) = &subject.release { (changes(release)) }
        @match &subject.policy {
            Some(file) => @match report.before(index) {
                Some((at, before)) if before.subject.policy.as_ref().map(PolicyFile::policy) == Some(file.policy()) => {
                    h3 { "What it can do" }
                    p {
                        "Its policy is the one of "
                        a href=(format!("#plugin-{at}")) { (visible(&title(&before.subject))) }
                        ": what it can do, can never do and may use is told there."
                    }
                }
                _ => (grants(file, now)),
            },
            None => { p.error { "No policy was named for it, so devices would not start it." } }
        }
        (record::section(report, subject))
        (sources(judged))
    }
}

fn found(finding: &Finding) -> Markup {
    let level = finding.rule.level().name();
    page! {
        div class=(format!("finding of-{level}")) {
            p {
                span class=(level) { (finding.rule.id()) " " (level) }
                " " span.file { (visible(&finding.place.to_string())) }
            }
            p { (prose(&finding.text)) "." }
            p { b { "Why it matters: " } (prose(finding.rule.why())) }
            p { b { "How to mend it: " } (prose(finding.rule.mend())) }
        }
    }
}

fn changes(release: &Release) -> Markup {
    page! {
        @if let Some(changes) = &release.changes {
            h3 { "What it changes, compared with " (changes.from) }
            @if changes.told().next().is_none() {
                p { "Nothing that it may do or asks for." }
            } @else {
                ul.plain {
                    @for (word, line) in changes.told() {
                        li { b { (word) ": " } (prose(line)) }
                    }
                }
            }
        }
    }
}

fn grants(file: &PolicyFile, now: Timestamp) -> Markup {
    let policy = file.policy();
    let denied = of_effect(policy, Effect::Deny);
    page! {
        h3 { "What it can do" }
        @if allowed(policy).is_empty() { p { "Nothing but compute." } } @else {
            table {
                thead { tr { th.wide-left { "It may" } th { "Why" } th.approver { "Allowed by" } th { "Until" } th { "Risk" } } }
                tbody { @for grant in riskiest_first(policy) { (row(grant, now)) } }
            }
        }
        @if !denied.is_empty() {
            h3 { "What it can never do, whatever allows it" }
            table {
                thead { tr { th.wide-left { "Never" } th { "Why" } th.approver { "Denied by" } } }
                tbody {
                    @for grant in denied {
                        tr { td { (what(grant)) } td { (visible(&grant.reason)) } td { (visible(&grant.approved_by)) } }
                    }
                }
            }
        }
        h3 { "What it may use" }
        dl {
            @for (name, value) in words::limits(policy) { div { dt { (name) } dd { (value) } } }
        }
    }
}

pub(super) fn riskiest_first(policy: &Policy) -> Vec<&Grant> {
    let mut grants = allowed(policy);
    grants.sort_by_key(|grant| std::cmp::Reverse(grant.risk));
    grants
}

fn row(grant: &Grant, now: Timestamp) -> Markup {
    page! {
        tr {
            td { (what(grant)) }
            td { (visible(&grant.reason)) }
            td { (visible(&grant.approved_by)) }
            td.narrow {
                (words::until(grant))
                @if grant.expired(now) { br; span.error { "expired" } }
            }
            td.narrow { (words::risk(grant.risk)) }
        }
    }
}

fn what(grant: &Grant) -> Markup {
    let (may, particulars) = words::grant(grant);
    page! {
        (may)
        @if !particulars.is_empty() {
            ul { @for particular in particulars { li { (visible(&particular)) } } }
        }
    }
}

fn sources(judged: &Judged) -> Markup {
    let subject = &judged.subject;
    page! {
        h3 { "What was read" }
        table {
            tbody {
                @if let Some(file) = &subject.policy {
                    tr {
                        td.narrow { "Policy" }
                        td {
                            span.file { (visible(file.file())) } br;
                            "for versions " (file.policy().versions.to_string()) " of "
                            (file.policy().plugin.to_string()) " by " (file.policy().vendor.to_string())
                        }
                    }
                }
                @match &subject.component {
                    Some(component) => (component_row(component)),
                    None => { tr { td.narrow { "Component" } td { "none was named: the policy alone was judged" } } }
                }
                @if let Some(release) = &subject.release {
                    tr { td.narrow { "Published" } td { "by " (visible(&release.role)) ", signed with " (visible(&release.signed_by.join(", "))) } }
                    tr { td.narrow { "Assigned" } td { (visible(release.assigned.as_deref().unwrap_or("to no device"))) } }
                }
            }
        }
    }
}

fn component_row(component: &Component) -> Markup {
    let inspection = &component.inspection;
    let calls = inspection
        .imports
        .iter()
        .map(|import| match import.functions.as_slice() {
            [] => import.name.clone(),
            functions => format!("{}: {}", import.name, functions.join(", ")),
        });
    page! {
        tr {
            td.narrow { "Component" }
            td {
                span.file { (visible(&component.file)) } br;
                "SHA-256 " span.file { (inspection.sha256.to_string()) }
                ul { @for call in calls { li.file { (visible(&call)) } } }
            }
        }
    }
}
