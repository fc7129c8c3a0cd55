//! What the bytes say that the console gets.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use bailiwick_core::{ids::PluginName, time::Timestamp};
use bailiwick_report::{
    columnar::File,
    render,
    schema::Schema,
    sender::Sender,
    wire::{Limits, Report},
};
use bailiwick_store::{LookError, Sent, Waiting, What, look};
use redb::ReadableDatabase;

use super::Content;
use crate::print::time;

/// What this device itself made is within its plugins' limits; a damaged store is not.
const LIMITS: Limits = Limits {
    body: 32 * 1024 * 1024,
    rows: 32 * 1024 * 1024,
};

/// Reads what is sent. A differential report has only new values, so the schema is taken
/// from where there is one: a full report beside it, or what its sender remembers.
pub(super) struct Decoder {
    schemas: BTreeMap<PluginName, Vec<Arc<Schema>>>,
}

impl Decoder {
    pub(super) fn new(
        database: &impl ReadableDatabase,
        waiting: &[Waiting],
        settled: [&[Sent]; 2],
    ) -> Result<Self, LookError> {
        let mut schemas: BTreeMap<PluginName, Vec<Arc<Schema>>> = BTreeMap::new();
        let all = waiting.iter().map(|one| (&one.what, &one.body)).chain(
            settled
                .into_iter()
                .flatten()
                .map(|one| (&one.what, &one.body)),
        );
        for (what, body) in all {
            let What::Report { plugin, .. } = what else {
                continue;
            };
            if !schemas.contains_key(plugin) {
                let kept = look::sender(database, plugin)?;
                let last = kept.and_then(|kept| Sender::from_bytes(&kept).ok());
                let last = last.and_then(|sender| Some(Arc::clone(sender.last()?.schema())));
                schemas.insert(plugin.clone(), last.into_iter().collect());
            }
            if let Ok(report) = Report::parse(body, LIMITS)
                && let Ok(snapshot) = report.snapshot()
                && let Some(known) = schemas.get_mut(plugin)
                && !known.contains(snapshot.schema())
            {
                known.push(Arc::clone(snapshot.schema()));
            }
        }
        Ok(Self { schemas })
    }

    pub(super) fn decode(&mut self, what: &What, body: &[u8]) -> Content {
        let text = match what {
            What::Report { plugin, .. } => self.report(plugin, body),
            What::File { .. } => file(body),
            What::Outcome { .. } => outcome(body),
        };
        match text {
            Ok(text) => Content::Text(text),
            Err(reason) => Content::Unknown(reason),
        }
    }

    fn report(&self, plugin: &PluginName, body: &[u8]) -> Result<String, String> {
        let report = Report::parse(body, LIMITS).map_err(|error| error.to_string())?;
        if report.envelope().is_full() {
            let snapshot = report.snapshot().map_err(|error| error.to_string())?;
            return Ok(render::text(&snapshot).to_string());
        }
        let known = self.schemas.get(plugin).into_iter().flatten();
        let diff = known.map(|schema| report.diff(schema)).find_map(Result::ok);
        let Some(diff) = diff else {
            return Err(
                "it tells changes alone, and what they refer to is no longer on this \
                        device; `bailiwick-console reports` has it"
                    .to_owned(),
            );
        };
        Ok(match render::diff(&diff).to_string() {
            text if text.is_empty() => "nothing changed\n".to_owned(),
            text => text,
        })
    }
}

fn file(body: &[u8]) -> Result<String, String> {
    let words = |error: &dyn ToString| error.to_string();
    let file = File::parse(body, LIMITS).map_err(|error| words(&error))?;
    let subject = file.subject();
    let mut text = format!("made by {} {}\n", subject.plugin, subject.version);
    for sample in file.samples().map_err(|error| words(&error))? {
        let (at, snapshot) = sample.map_err(|error| words(&error))?;
        // Writing to a String can't fail.
        let _ = writeln!(text, "sample at {}", time(Timestamp::from_ms(at)));
        let _ = write!(text, "{}", render::text(&snapshot));
    }
    Ok(text)
}

fn outcome(body: &[u8]) -> Result<String, String> {
    let json: serde_json::Value = serde_json::from_slice(body)
        .map_err(|_| format!("its {} bytes are signed or not text", body.len()))?;
    // Escapes what could drive a terminal.
    Ok(format!("{json:#}\n"))
}
