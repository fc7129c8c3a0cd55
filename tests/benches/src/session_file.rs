//! A session's file of five minutes, on the trace `fixtures/processes.jsonl`: what it costs to
//! write, and its size.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use bailiwick_report::{
    columnar::{Subject, Writer},
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
};
use serde_json::Value as Json;

use crate::{
    measure::{Figures, median, thread_cpu_ns},
    setting::Setting,
};

const TRACE: &str = include_str!("../fixtures/processes.jsonl");

/// A process's figures and texts: started, parent, cpu, memory, read, written; name, executable.
type Process = ([u64; 6], [String; 2]);

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Figures> {
    let schema = schema()?;
    let samples = samples(&schema)?;
    let mut costs = Vec::new();
    let mut size = 0;
    for round in 0..=setting.rounds(100) {
        // What the agent has anyway is not counted: it made the row sets.
        let fresh = samples.clone();
        let began = thread_cpu_ns();
        let file = write(&schema, fresh)?;
        let ended = thread_cpu_ns();
        size = file.len();
        if round > 0 {
            costs.push((ended - began) / 1e6);
        }
    }
    Ok(vec![
        ("session-file".to_owned(), size as f64 / 1_000.0),
        ("session-file-encode".to_owned(), median(&costs)),
    ])
}

fn write(schema: &Arc<Schema>, samples: Vec<Snapshot>) -> anyhow::Result<Vec<u8>> {
    let subject = Subject {
        plugin: "session-analyzer".to_owned(),
        version: "0.1.0".to_owned(),
        session: "7#12".to_owned(),
    };
    let mut writer = Writer::new(Arc::clone(schema), subject);
    for (sample, snapshot) in samples.into_iter().enumerate() {
        let time = 1_767_250_000_000 + 15_000 * sample as u64;
        anyhow::ensure!(writer.add(time, snapshot), "the file took no more");
    }
    Ok(writer.finish())
}

/// As the plugin `session-analyzer` reports processes.
fn schema() -> anyhow::Result<Arc<Schema>> {
    let field = |name, kind, quantum| Field::new(name, kind, "", quantum, Privacy::None);
    let fields = vec![
        field("pid", Kind::Unsigned, 0)?,
        field("started", Kind::Timestamp, 0)?,
        field("application", Kind::Text, 0)?,
        field("package", Kind::Text, 0)?,
        field("container", Kind::Text, 0)?,
        field("parent", Kind::Unsigned, 0)?,
        field("name", Kind::Text, 0)?,
        field("cpu", Kind::Unsigned, 150)?,
        field("memory", Kind::Unsigned, 65_536)?,
        field("read", Kind::Unsigned, 4_096)?,
        field("written", Kind::Unsigned, 4_096)?,
    ];
    let collection = Collection::new("process", 2, fields)?;
    Ok(Arc::new(Schema::new(vec![collection])?))
}

fn samples(schema: &Arc<Schema>) -> anyhow::Result<Vec<Snapshot>> {
    let mut now: BTreeMap<u64, Process> = BTreeMap::new();
    let mut samples = Vec::new();
    for line in TRACE.lines() {
        let line: Json = serde_json::from_str(line)?;
        let rows = |name: &str| line[name].as_array().into_iter().flatten();
        let number = |row: &Json, at: usize| row[at].as_u64().context("no number");
        for pid in rows("gone") {
            now.remove(&pid.as_u64().context("no id")?);
        }
        for row in rows("new") {
            let text = |at: usize| row[at].as_str().map(str::to_owned).context("no text");
            let figures = [1, 2, 6, 7, 8, 9].map(|at| number(row, at).unwrap_or_default());
            now.insert(number(row, 0)?, (figures, [text(4)?, text(5)?]));
        }
        for row in rows("changed") {
            let process = now.get_mut(&number(row, 0)?).context("not there before")?;
            for at in 1..=4 {
                process.0[at + 1] = number(row, at)?;
            }
        }
        samples.push(snapshot(schema, &now)?);
    }
    Ok(samples)
}

fn snapshot(schema: &Arc<Schema>, now: &BTreeMap<u64, Process>) -> anyhow::Result<Snapshot> {
    let mut encoder = Encoder::new(schema);
    for (pid, (figures, [name, executable])) in now {
        let [started, parent, cpu, memory, read, written] = *figures;
        let application = executable.rsplit('/').next().unwrap_or_default();
        let values = [
            Some(Value::Unsigned(*pid)),
            Some(Value::Timestamp(started)),
            Some(Value::Text(application)),
            // All of the trace lies in folders that packages share, and outside containers.
            None,
            None,
            Some(Value::Unsigned(parent)),
            Some(Value::Text(name)),
            Some(Value::Unsigned(cpu)),
            Some(Value::Unsigned(memory)),
            Some(Value::Unsigned(read)),
            Some(Value::Unsigned(written)),
        ];
        encoder.row(0, &values)?;
    }
    let buffer = encoder.finish();
    Ok(Snapshot::decode(Arc::clone(schema), &buffer)?)
}
