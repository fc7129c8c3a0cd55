//! The Python decoder reads what the Rust side writes, and notices damage as it does.

#![expect(
    clippy::unwrap_used,
    reason = "a test that fails here says in which line"
)]

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use bailiwick_report::{
    columnar::{Subject, Writer},
    render,
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
};
use serde_json::Value as Json;

fn schema() -> Arc<Schema> {
    let field = |name, kind, quantum| Field::new(name, kind, "", quantum, Privacy::None).unwrap();
    let all = [
        field("name", Kind::Text, 0),
        field("pid", Kind::Unsigned, 0),
        field("label", Kind::Text, 0),
        field("busy", Kind::Boolean, 0),
        field("memory", Kind::Unsigned, 65_536),
        field("balance", Kind::Signed, 7),
        field("seen", Kind::Timestamp, 1_000),
    ];
    let single = [
        field("state", Kind::Text, 0),
        field("idle", Kind::Unsigned, 0),
    ];
    Arc::new(
        Schema::new(vec![
            Collection::new("process", 2, all.to_vec()).unwrap(),
            Collection::new("session", 0, single.to_vec()).unwrap(),
        ])
        .unwrap(),
    )
}

/// Samples in which rows come, go, change, lose values and get them back.
fn samples() -> Vec<Snapshot> {
    let schema = schema();
    (0..20_u64)
        .map(|sample| {
            let mut encoder = Encoder::new(&schema);
            for pid in (0..40_u64).filter(|pid| (pid + sample) % 7 != 0) {
                let name = ["é", "z", "zz", ""][(pid % 4) as usize];
                let label = format!("label {}", (pid * sample) % 5);
                let sign = if pid % 2 == 0 { 1 } else { -1 };
                let balance = sign * i64::try_from(pid * sample * 1_000).unwrap();
                let given = |every: u64| (pid + sample) % every != 1;
                let values = [
                    Some(Value::Text(name)),
                    Some(Value::Unsigned(pid)),
                    given(3).then_some(Value::Text(&label)),
                    given(4).then_some(Value::Boolean(pid % 3 == 0)),
                    given(5)
                        .then_some(Value::Unsigned(pid * 100_000 + sample * (pid % 3) * 70_000)),
                    given(6).then_some(Value::Signed(balance)),
                    Some(Value::Timestamp(1_767_250_000_000 + sample * 400)),
                ];
                encoder.row(0, &values).unwrap();
            }
            if sample != 3 {
                let idle = (sample > 9).then_some(Value::Unsigned(u64::MAX - sample));
                encoder
                    .row(1, &[Some(Value::Text("active")), idle])
                    .unwrap();
            }
            let buffer = encoder.finish();
            Snapshot::decode(Arc::clone(&schema), &buffer).unwrap()
        })
        .collect()
}

fn write(samples: &[Snapshot]) -> Vec<u8> {
    let subject = Subject {
        plugin: "session-analyzer".to_owned(),
        version: "0.1.0".to_owned(),
        session: "7#12".to_owned(),
    };
    let mut writer = Writer::new(schema(), subject);
    for (sample, snapshot) in samples.iter().enumerate() {
        let time = 1_767_250_000_000 + 15_000 * sample as u64;
        assert!(writer.add(time, snapshot.clone()));
    }
    writer.finish()
}

/// None where there is no Python: the machines that build all of this have one.
fn decode(file: &Path) -> Option<Output> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/python/bailiwick_columnar.py");
    let run = Command::new("python3").arg(program).arg(file).output();
    if let Err(error) = &run {
        eprintln!("skipped, since python3 can't be started: {error}");
    }
    run.ok()
}

#[test]
fn python_reads_what_rust_wrote() {
    let samples = samples();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.bwc");
    std::fs::write(&file, write(&samples)).unwrap();
    let Some(output) = decode(&file) else { return };
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), samples.len());
    for (index, (line, snapshot)) in lines.iter().zip(&samples).enumerate() {
        assert_eq!(line["session"], "7#12");
        assert_eq!(line["time"], 1_767_250_000_000_u64 + 15_000 * index as u64);
        let rows: Json = serde_json::from_str(&render::json(snapshot).unwrap()).unwrap();
        for collection in ["process", "session"] {
            let expected = rows
                .get(collection)
                .cloned()
                .unwrap_or_else(|| Json::Array(vec![]));
            assert_eq!(line["rows"][collection], expected, "sample {index}");
        }
    }
}

#[test]
fn python_notices_damage() {
    let whole = write(&samples()[..2]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.bwc");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let mut later = whole.clone();
    later[3] = 9;
    for damaged in [&whole[..whole.len() - 9], &flipped, &later, b"", b"BWC\x01"] {
        std::fs::write(&file, damaged).unwrap();
        let Some(output) = decode(&file) else { return };
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        assert!(
            complaint.starts_with("bailiwick_columnar: "),
            "not a traceback: {complaint}"
        );
    }
}
