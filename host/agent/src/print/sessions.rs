//! The sessions of users in words: a line each, and a line for what is not told.

use std::fmt::Write as _;

use bailiwick_core::session::{Facts, Idle, Source, Told};

use super::time;
use crate::socket::{SessionLine, SessionsReport};

pub(super) fn words(report: &SessionsReport) -> String {
    let mut out = String::new();
    for line in &report.sessions {
        out.push_str(&session(line));
    }
    if report.sessions.is_empty() {
        let whose = match report.of_user {
            Some(uid) => format!(" of user {uid}"),
            None => String::new(),
        };
        out.push_str(&format!("No session{whose} is open.\n"));
    }
    // Writing to a String can't fail.
    if let Some(system) = report.system_processes {
        let _ = writeln!(out, "{system} processes belong to no session.");
    }
    if report.untracked > 0 {
        let _ = writeln!(out, "{} more sessions are not tracked.", report.untracked);
    }
    let _ = match (report.source, report.remark.as_str()) {
        (Source::None, remark) => writeln!(out, "Nothing tells of sessions: {remark}."),
        (source, "") => writeln!(out, "Told by {source}."),
        (source, remark) => writeln!(out, "Told by {source}: {remark}."),
    };
    out
}

fn session(line: &SessionLine) -> String {
    let facts = &line.session.facts;
    let name = match &facts.user_name {
        Some(name) => format!("{} ({})", name.value, facts.uid),
        None => facts.uid.to_string(),
    };
    let kind = told(&facts.kind).unwrap_or_else(|| "of unknown kind".to_owned());
    let mut out = format!("{}  {name}  {kind}", line.session.id);
    let parts = [told(&facts.state), place(facts), since(facts), idle(facts)];
    for part in parts.into_iter().flatten() {
        let _ = write!(out, ", {part}");
    }
    match line.processes {
        None => {}
        Some(1) => out.push_str(", 1 process"),
        Some(processes) => {
            let _ = write!(out, ", {processes} processes");
        }
    }
    let _ = writeln!(out, "; events call the user {}", line.user);
    out
}

fn told<T: ToString>(told: &Option<Told<T>>) -> Option<String> {
    told.as_ref().map(|told| told.value.to_string())
}

fn place(facts: &Facts) -> Option<String> {
    let parts = [&facts.seat, &facts.terminal, &facts.display];
    let mut parts: Vec<String> = parts.into_iter().filter_map(told).collect();
    match (told(&facts.client_name), told(&facts.client_address)) {
        (Some(name), Some(address)) => parts.push(format!("from {name} ({address})")),
        (Some(one), None) | (None, Some(one)) => parts.push(format!("from {one}")),
        (None, None) => {}
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn since(facts: &Facts) -> Option<String> {
    Some(format!("since {}", time(facts.since.as_ref()?.value)))
}

fn idle(facts: &Facts) -> Option<String> {
    match facts.idle.as_ref()?.value {
        Idle::InUse => None,
        Idle::Since(at) => Some(format!("idle since {}", time(at))),
    }
}
