//! The size of a file of five minutes, on the trace `tests/benches/fixtures/processes.jsonl`:
//! 20 samples of 296 processes, about 30 % of them active.

#![expect(
    clippy::unwrap_used,
    reason = "a test that fails here says in which line"
)]

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use bailiwick_report::{
    columnar::{File, Subject, Writer},
    rows::{Encoder, Snapshot, Value},
    schema::{Collection, Field, Kind, Privacy, Schema},
    wire::Limits,
};
use serde_json::Value as Json;

/// Largest file with all processes in it, in bytes.
const ALL: usize = 12_000;
/// Largest file of the 20 that use most of the processor and the 20 that hold most memory.
const TOP: usize = 4_500;
const PROCESSES: usize = 296;

/// One process: the fields of a line of the trace.
#[derive(Clone, Debug)]
struct Process {
    started: u64,
    name: String,
    executable: String,
    cpu: u64,
    memory: u64,
    read: u64,
    written: u64,
}

type Sample = BTreeMap<u64, Process>;

fn trace() -> Vec<Sample> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/benches/fixtures/processes.jsonl"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let mut now = Sample::new();
    let line = |line: &str| -> Json { serde_json::from_str(line).unwrap() };
    let mut samples = Vec::new();
    for line in text.lines().map(line) {
        for pid in line["gone"].as_array().unwrap() {
            now.remove(&pid.as_u64().unwrap());
        }
        for new in line["new"].as_array().unwrap() {
            let number = |at: usize| new[at].as_u64().unwrap();
            let text = |at: usize| new[at].as_str().unwrap().to_owned();
            let process = Process {
                started: number(1),
                name: text(4),
                executable: text(5),
                cpu: number(6),
                memory: number(7),
                read: number(8),
                written: number(9),
            };
            now.insert(number(0), process);
        }
        for changed in line["changed"].as_array().unwrap() {
            let number = |at: usize| changed[at].as_u64().unwrap();
            let process = now.get_mut(&number(0)).unwrap();
            (process.cpu, process.memory) = (number(1), number(2));
            (process.read, process.written) = (number(3), number(4));
        }
        samples.push(now.clone());
    }
    samples
}

/// Quanta of processor time, memory and I/O as the plugin `session-analyzer` has them.
const QUANTA: [u64; 3] = [150, 65_536, 4_096];
/// The kernel's own: nothing is lost.
const EXACT: [u64; 3] = [10, 4_096, 512];

/// As the plugin `session-analyzer` reports processes.
fn schema([cpu, memory, moved]: [u64; 3]) -> Arc<Schema> {
    let field =
        |name, kind, unit, quantum| Field::new(name, kind, unit, quantum, Privacy::None).unwrap();
    let fields = vec![
        field("pid", Kind::Unsigned, "", 0),
        field("started", Kind::Timestamp, "ms", 0),
        field("application", Kind::Text, "", 0),
        field("name", Kind::Text, "", 0),
        field("cpu", Kind::Unsigned, "ms", cpu),
        field("memory", Kind::Unsigned, "bytes", memory),
        field("read", Kind::Unsigned, "bytes", moved),
        field("written", Kind::Unsigned, "bytes", moved),
    ];
    Arc::new(Schema::new(vec![Collection::new("process", 2, fields).unwrap()]).unwrap())
}

fn snapshot(schema: &Arc<Schema>, sample: &Sample, takes: impl Fn(u64) -> bool) -> Snapshot {
    let mut encoder = Encoder::new(schema);
    for (pid, process) in sample.iter().filter(|(pid, _)| takes(**pid)) {
        let application = process.executable.rsplit('/').next().unwrap_or_default();
        let values = [
            Some(Value::Unsigned(*pid)),
            Some(Value::Timestamp(process.started)),
            Some(Value::Text(application)),
            Some(Value::Text(&process.name)),
            Some(Value::Unsigned(process.cpu)),
            Some(Value::Unsigned(process.memory)),
            Some(Value::Unsigned(process.read)),
            Some(Value::Unsigned(process.written)),
        ];
        encoder.row(0, &values).unwrap();
    }
    let buffer = encoder.finish();
    Snapshot::decode(Arc::clone(schema), &buffer).unwrap()
}

fn write(snapshots: &[Snapshot]) -> Vec<u8> {
    let subject = Subject {
        plugin: "session-analyzer".to_owned(),
        version: "0.1.0".to_owned(),
        session: "7#12".to_owned(),
    };
    let mut writer = Writer::new(Arc::clone(snapshots[0].schema()), subject);
    for (sample, snapshot) in snapshots.iter().enumerate() {
        let time = 1_767_250_000_000 + 15_000 * sample as u64;
        assert!(writer.add(time, snapshot.clone()));
    }
    writer.finish()
}

/// The ids of the 20 largest by `size` at the end.
fn largest(last: &Sample, size: impl Fn(&Process) -> u64) -> Vec<u64> {
    let mut all: Vec<_> = last.iter().collect();
    all.sort_by_key(|(_, process)| std::cmp::Reverse(size(process)));
    all.into_iter().take(20).map(|(pid, _)| *pid).collect()
}

#[test]
fn a_file_of_five_minutes_keeps_to_its_size() {
    let (trace, schema) = (trace(), schema(QUANTA));
    assert_eq!(trace.len(), 20);
    assert!(trace.iter().all(|sample| sample.len() == PROCESSES));
    // The processor time of nearly a third moves from one sample to the next.
    let mut active = 0;
    for two in trace.windows(2) {
        let moved = |(pid, process): &(&u64, &Process)| {
            two[0]
                .get(pid)
                .is_some_and(|before| before.cpu != process.cpu)
        };
        active += two[1].iter().filter(moved).count();
    }
    let active = active as f64 / 19.0 / PROCESSES as f64;

    let all: Vec<_> = trace
        .iter()
        .map(|sample| snapshot(&schema, sample, |_| true))
        .collect();
    let began = Instant::now();
    let file = write(&all);
    println!(
        "{:.0} % active; {PROCESSES} processes, 20 samples: {} bytes, {:?}",
        active * 100.0,
        file.len(),
        began.elapsed()
    );
    assert!(file.len() <= ALL, "{}", file.len());
    let read = File::parse(&file, Limits::default()).unwrap();
    let back: Vec<_> = read
        .samples()
        .unwrap()
        .map(|sample| sample.unwrap().1)
        .collect();
    assert_eq!(back, all);

    let exact = self::schema(EXACT);
    let exact: Vec<_> = trace
        .iter()
        .map(|sample| snapshot(&exact, sample, |_| true))
        .collect();
    let file = write(&exact);
    println!("the same without rounding: {} bytes", file.len());
    assert!(file.len() <= ALL, "{}", file.len());

    let last = trace.last().unwrap();
    let mut top = largest(last, |process| process.cpu);
    top.extend(largest(last, |process| process.memory));
    let top: Vec<_> = trace
        .iter()
        .map(|sample| snapshot(&schema, sample, |pid| top.contains(&pid)))
        .collect();
    let file = write(&top);
    println!("the 20 with most of each: {} bytes", file.len());
    assert!(file.len() <= TOP, "{}", file.len());
}
