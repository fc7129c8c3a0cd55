//! What the repository has of a version that waits: what it asks for since the version that
//! runs, what its policy grants now, and what to type.

use bailiwick_core::{
    assignment::AssignedPlugin,
    policy::{Effect, Grant, Policy},
    time::Timestamp,
};
use maud::{Markup, html};
use semver::Version;

use crate::{
    approvals::{Assigned, Published, Since},
    page::render::value::shown,
};

/// Most differences that are listed.
const LINES: usize = 40;
/// Most grants of a policy that are listed.
const GRANTS: usize = 100;

pub(super) fn show(published: &Published, now: Timestamp) -> Markup {
    html! {
        @if let Some(since) = &published.since { (difference(since)) }
        @if published.assigned.is_empty() {
            p { "The assignment tells no device to run this version any more, so there is nothing to decide." }
        }
        @for assigned in &published.assigned {
            (granted(assigned, now))
            (commands(assigned, published.since.as_ref().map(|since| &since.version)))
        }
    }
}

fn difference(since: &Since) -> Markup {
    let lines = &since.difference.lines;
    html! {
        h3 { "Since " (since.version) ", which runs" }
        @if lines.is_empty() { p { "It asks for the same as " (since.version) "." } }
        ul.asks {
            @for line in lines.iter().take(LINES) {
                li { strong { (line.word()) } " " (shown(&line.about)) ": " (shown(&line.text)) }
            }
            @if lines.len() > LINES { li.quiet { "and " (lines.len() - LINES) " more" } }
        }
    }
}

fn granted(assigned: &Assigned, now: Timestamp) -> Markup {
    let Assigned { entry, policy } = assigned;
    let grants: Vec<&Grant> = policy.grants.iter().collect();
    html! {
        h3 { code { (entry.policy) } " grants now" @if let Some(groups) = audience(entry) { ", for " (groups) } }
        @if grants.is_empty() { p { "Nothing." } }
        ul.grants {
            @for grant in grants.iter().take(GRANTS) { (one(grant, now)) }
            @if grants.len() > GRANTS { li.quiet { "and " (grants.len() - GRANTS) " more" } }
        }
    }
}

fn one(grant: &Grant, now: Timestamp) -> Markup {
    let may = match grant.effect {
        Effect::Allow => "may",
        Effect::Deny => "may not",
    };
    let until = match grant.last_day() {
        Some(day) if grant.expired(now) => format!("expired after {day}"),
        Some(day) => format!("until {day}"),
        None => "without an end".to_owned(),
    };
    html! {
        li {
            strong { (grant.capability) } ": " (may) " " (shown(&grant.in_words().join("; ")))
            div.quiet { (shown(&grant.reason)) " (" (shown(&grant.approved_by)) ", " (until) ")" }
        }
    }
}

/// Whom an entry of the assignment means, if it is not everybody.
fn audience(entry: &AssignedPlugin) -> Option<String> {
    let groups = entry.groups.as_ref().map(|groups| {
        let names: Vec<_> = groups.iter().map(|group| group.as_str()).collect();
        format!("devices of {}", names.join(", "))
    });
    match (entry.percentage, groups) {
        (100, groups) => groups,
        (share, None) => Some(format!("{share} % of the devices")),
        (share, Some(groups)) => Some(format!("{share} % of the {groups}")),
    }
}

fn commands(assigned: &Assigned, running: Option<&Version>) -> Markup {
    let Assigned { entry, policy } = assigned;
    html! {
        h3 { "To approve" }
        p { "Grant it in " code { (entry.policy) } ", and sign:" }
        pre { code { (approve(entry)) } }
        h3 { "To refuse it" }
        p { "Say why, for everybody to see, and tell the devices to run another version:" }
        pre { code { (refuse(entry)) } }
        pre { code { (turn_down(entry, policy, running)) } }
    }
}

fn approve(entry: &AssignedPlugin) -> String {
    format!(
        "bailiwick-console policy sign --repo DIR --key YOURS.json {}",
        entry.policy
    )
}

fn refuse(entry: &AssignedPlugin) -> String {
    format!(
        "bailiwick-console policy refuse --repo DIR --key YOURS.json --reason \"WHY\" {} {}",
        entry.name, entry.version
    )
}

/// The version that runs in place of this one, if the policy is one for it; or none.
fn turn_down(entry: &AssignedPlugin, policy: &Policy, running: Option<&Version>) -> String {
    let Some(running) = running.filter(|running| policy.versions.matches(running)) else {
        return format!(
            "bailiwick-console repo unassign --repo DIR --plugin {}",
            entry.name
        );
    };
    let mut command = format!(
        "bailiwick-console repo assign --repo DIR --vendor {} --plugin {} --version {running} \
         --policy {}",
        entry.vendor, entry.name, entry.policy
    );
    for group in entry.groups.iter().flatten() {
        command.push_str(&format!(" --group {group}"));
    }
    if entry.percentage != 100 {
        command.push_str(&format!(" --percentage {}", entry.percentage));
    }
    command
}
