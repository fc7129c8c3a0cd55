//! An audit as one page that needs nothing else: no script, no picture, no other file. It
//! answers what an auditor asks, in short at its top and then for each plugin: what it can do,
//! who allowed it, why and until when, what it really did, what the next version changes, what
//! was found, and what is not told.

mod overview;
mod plugin;
mod record;

use maud::{DOCTYPE, Markup, PreEscaped, html as page};

use super::{Report, counted, grounds};
use crate::{Level, visible::visible, words};

const STYLE: &str = include_str!("style.css");

/// The page. Everything that others chose is escaped, and shown without what changes how the
/// rest is read.
pub fn html(report: &Report) -> String {
    let findings = report.findings().count();
    page! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Whatever got into the page all the same could load and send nothing.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Audit as of " (words::minute(report.at)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { @if report.record.is_some() { "What the plugins may do, and did" } @else { "What the plugins may do" } }
                p.quiet { "Audit as of " (words::minute(report.at)) ", by bailiwick-audit " (env!("CARGO_PKG_VERSION")) }
                p {
                    (counted(report.judged.len(), "plugin")) ": "
                    @if findings == 0 {
                        span.good { "nothing found" }
                    } @else {
                        (counted(findings, "finding")) ", "
                        (counted(report.count(Level::Error), "error")) " and "
                        (counted(report.count(Level::Warning), "warning"))
                    }
                    @if !report.unjudged.is_empty() {
                        ", " span.error { (report.unjudged.len()) " not judged" }
                    }
                    "."
                }
                @for line in grounds(report) { p.quiet { (visible(&line)) } }
                (unjudged(report))
                (overview::table(report))
                @for (index, judged) in report.judged.iter().enumerate() {
                    (plugin::section(report, judged, index))
                }
                (record::strangers(report))
                @if let Some(record) = &report.record { (record::devices(record)) }
                (refused(report))
                (signers(report))
                (explanation())
            }
        }
    }
    .into_string()
}

/// A text with its quoted pieces set as code.
fn prose(text: &str) -> Markup {
    let text = visible(text);
    let pieces: Vec<_> = text.split('`').collect();
    // A quotation without an end quotes nothing.
    let quoted = |index: usize| index % 2 == 1 && index + 1 < pieces.len();
    page! {
        @for (index, piece) in pieces.iter().enumerate() {
            @if quoted(index) { code { (piece) } } @else { (piece) }
        }
    }
}

fn unjudged(report: &Report) -> Markup {
    page! {
        @if !report.unjudged.is_empty() {
            h2 { "Not judged" }
            @for each in &report.unjudged {
                div.finding.of-error {
                    p.file { (visible(&each.place.to_string())) }
                    p { (prose(&each.reason)) }
                }
            }
        }
    }
}

fn refused(report: &Report) -> Markup {
    page! {
        @if report.refused().next().is_some() {
            h2 { "What approvers refused" }
            table {
                thead { tr { th { "Version" } th { "By" } th { "On" } th.wide-left { "Why" } th { "SHA-256 of the component" } } }
                tbody {
                    @for it in report.refused() {
                        tr {
                            th { (it.plugin) " " (it.version) br; span.quiet { "of " (it.vendor) } }
                            td { (visible(&it.by)) }
                            td.narrow { (it.day()) }
                            td { (visible(&it.reason)) }
                            td.file { (it.component_sha256) }
                        }
                    }
                }
            }
        }
    }
}

fn signers(report: &Report) -> Markup {
    page! {
        @if let Some(repository) = &report.repository {
            h2 { "Who signed the repository" }
            p.quiet.file { (visible(&repository.folder)) }
            table {
                thead { tr { th { "Role" } th { "Version" } th { "Signed by" } th { "Holds until" } } }
                tbody {
                    @for role in &repository.signers.roles {
                        tr {
                            th { (visible(&role.name)) }
                            td.narrow { (role.version) }
                            td { (visible(&role.signed_by.join(", "))) }
                            td.narrow { (visible(role.expires.as_deref().unwrap_or("not read"))) }
                        }
                    }
                }
            }
        }
    }
}

fn explanation() -> Markup {
    page! {
        h2 { "How to read this" }
        p {
            "A plugin runs in a sandbox that has nothing of the device. It reaches what its policy \
             grants, and only that; a denial counts before every grant. A policy counts on \
             devices once it is signed."
        }
        p {
            "The audit reads policies and components and runs neither. It tells the most that a \
             plugin can do, not whether it does that well. Names and reasons are written by \
             whoever wrote the policy."
        }
        p {
            "An " span.error { "error" } " is what devices would refuse, or a claim that is not so. A "
            span.warning { "warning" } " is more than need be, or what soon is not so any more."
        }
    }
}
