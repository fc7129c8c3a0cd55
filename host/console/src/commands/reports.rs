//! `bailiwick-console reports`.

use std::io::{self, Write as _};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::decode::{Decoded, decode};
use crate::{
    cli::Reports,
    store::read::{Filter, Reader, StoredEvent, StoredReport},
};

pub(super) fn run(arguments: &Reports) -> anyhow::Result<()> {
    let reader = Reader::open(&arguments.data)?;
    let filter = Filter {
        device: arguments.device.map(|device| device.to_string()),
        plugin: arguments.plugin.as_ref().map(ToString::to_string),
        last: arguments.last,
    };
    let printed = if arguments.events {
        events(&reader, &filter, arguments.json)
    } else {
        reports(&reader, &filter, arguments)
    };
    match printed.map_err(|error| error.downcast::<io::Error>()) {
        // Whoever reads, `head` for one, has seen enough.
        Err(Ok(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Ok(error)) => Err(error.into()),
        Err(Err(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

fn events(reader: &Reader, filter: &Filter, json: bool) -> anyhow::Result<()> {
    let events = reader.events(filter)?;
    let mut out = io::stdout().lock();
    if events.is_empty() && !json {
        writeln!(out, "no events yet")?;
    }
    for event in events {
        if json {
            writeln!(out, "{}", event_json(&event)?)?;
        } else {
            let plugin = event.plugin.as_deref().unwrap_or("-");
            let (at, device) = (time(event.at_ms), &event.device);
            writeln!(
                out,
                "{at}  {device}  {plugin:<20} {:<16} {}",
                event.event, event.words
            )?;
        }
    }
    Ok(())
}

fn event_json(event: &StoredEvent) -> anyhow::Result<Value> {
    Ok(json!({
        "received-ms": event.received_ms,
        "at-ms": event.at_ms,
        "device": event.device,
        "plugin": event.plugin,
        "words": event.words,
        "event": serde_json::from_str::<Value>(&event.body)?,
    }))
}

fn reports(reader: &Reader, filter: &Filter, arguments: &Reports) -> anyhow::Result<()> {
    let reports = reader.reports(filter)?;
    let mut out = io::stdout().lock();
    if !arguments.json {
        if reports.is_empty() {
            writeln!(out, "no reports yet")?;
        } else if !arguments.decode {
            writeln!(out, "{HEAD}")?;
        }
    }
    for report in reports {
        let decoded = match arguments.decode {
            true => Some(decode(reader, &report)?),
            false => None,
        };
        if arguments.json {
            writeln!(out, "{}", report_json(&report, decoded.as_ref())?)?;
        } else {
            writeln!(out, "{}", line(&report))?;
            if let Some(decoded) = decoded {
                writeln!(out, "{decoded}")?;
            }
        }
    }
    Ok(())
}

const HEAD: &str = "received              device                            plugin               \
                    version     kind          counter   bytes  answer";

fn line(report: &StoredReport) -> String {
    format!(
        "{:<20}  {}  {:<20} {:<11} {:<13} {:>7} {:>7}  {}",
        time(report.received_ms),
        report.device,
        report.plugin,
        report.version,
        report.kind,
        report.counter,
        report.body.len(),
        report.answer,
    )
}

fn report_json(report: &StoredReport, decoded: Option<&Decoded>) -> anyhow::Result<Value> {
    let mut json = json!({
        "received-ms": report.received_ms,
        "taken-ms": report.taken_ms,
        "key": report.key,
        "device": report.device,
        "plugin": report.plugin,
        "version": report.version,
        "kind": report.kind,
        "epoch": report.epoch,
        "counter": report.counter,
        "bytes": report.body.len(),
        "answer": report.answer,
    });
    if let Some(decoded) = decoded {
        json["content"] = decoded.json()?;
    }
    Ok(json)
}

/// Seconds are enough for a person.
pub(super) fn time(ms: i64) -> String {
    Timestamp::from_second(ms / 1000).map_or_else(|_| format!("{ms} ms"), |time| time.to_string())
}
