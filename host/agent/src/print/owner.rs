//! What the owner asked for, in words.

use std::fmt::Write as _;

use super::time;
use crate::{
    look::{Content, Entry, LogReport, OutboxReport, VerifyReport},
    run::{Outage, Paused},
};
use bailiwick_store::Confirmed;

pub(super) fn outbox(report: &OutboxReport) -> String {
    let mut out = super::outbox_words(&report.figures);
    list(&mut out, "Waits, the next first", &report.waiting);
    list(&mut out, "Given up, the last one last", &report.given_up);
    list(&mut out, "Sent, the last one last", &report.sent);
    out
}

fn list(out: &mut String, heading: &str, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    // Writing to a String can't fail.
    let _ = writeln!(out, "{heading}:");
    for entry in entries {
        let (made, bytes) = (time(entry.made), entry.bytes);
        let _ = writeln!(
            out,
            "  {made}  {}, {bytes} bytes, {}",
            entry.what,
            end(entry)
        );
        let _ = writeln!(out, "    {}", entry.key);
        match &entry.content {
            None => {}
            Some(Content::Text(text)) => text.lines().for_each(|line| {
                let _ = writeln!(out, "    | {line}");
            }),
            Some(Content::Unknown(reason)) => {
                let _ = writeln!(out, "    not decoded: {reason}");
            }
        }
    }
}

fn end(entry: &Entry) -> String {
    let at = entry.settled.map(time).unwrap_or_default();
    match &entry.confirmed {
        None => "waits".to_owned(),
        Some(Confirmed::Receipt) => format!("in the console at {at}"),
        Some(Confirmed::NeedFull) => format!("in the console at {at}, which wants a full one"),
        Some(Confirmed::Refused { reason }) => format!("refused at {at}: {reason}"),
        Some(Confirmed::GivenUp { reason }) => format!("given up at {at}: {reason}"),
    }
}

pub(super) fn log(report: &LogReport) -> String {
    report.events.iter().fold(String::new(), |mut out, event| {
        let _ = writeln!(out, "{}  {}", time(event.at), event.words);
        out
    })
}

pub(super) fn verified(report: &VerifyReport) -> String {
    match report {
        VerifyReport::Whole { head: None, .. } => "The log is empty.\n".to_owned(),
        VerifyReport::Whole {
            entries,
            made_room,
            head: Some(head),
        } => format!(
            "The log is whole: {entries} entries, each follows from the one before.{}\n\
             Its head is {head}\n\
             To find out later whether it was written anew, note the head, and ask with \
             `bailiwick log verify --head HEAD`.\n",
            made_room.map_or_else(String::new, |until| format!(
                "\nThose up to number {until} made room for newer ones."
            ))
        ),
        VerifyReport::Broken { reason } => format!(
            "THE LOG IS NOT WHAT WAS KEPT: {reason}.\n\
             Somebody who may write the agent's data changed it, or the disk did: keep a copy of \
             the data folder for whoever looks into it.\n"
        ),
    }
}

pub(super) fn pause(paused: Option<&Paused>) -> String {
    match paused {
        None => "Nothing is paused.\n".to_owned(),
        Some(Paused { since, until }) => {
            let until = until.map_or_else(
                || "until `bailiwick resume`".to_owned(),
                |until| format!("until {}", time(until)),
            );
            format!(
                "Paused since {} {until}: nothing is collected, run or sent but events; updates \
                 and revocations arrive\n",
                time(*since)
            )
        }
    }
}

/// One line for each thing that is not sent, or was not.
pub(super) fn sending(outages: &[Outage]) -> String {
    outages.iter().fold(String::new(), |mut out, outage| {
        let (what, since, reason) = (&outage.what, time(outage.since), &outage.reason);
        let _ = match outage.until {
            None => writeln!(out, "Sending: {what} fail since {since}: {reason}"),
            Some(until) => {
                let until = time(until);
                writeln!(
                    out,
                    "Sending: {what} failed from {since} to {until}: {reason}"
                )
            }
        };
        out
    })
}
