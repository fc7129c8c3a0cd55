use std::sync::Arc;

use bailiwick_report::{
    columnar::{Subject, Writer},
    rows::{Encoder, Snapshot},
    schema::Privacy,
};

use super::*;

const AT: u64 = 1_795_000_000_000;

fn schema(cpu_unit: &str) -> Arc<Schema> {
    let field = |name, kind, unit| Field::new(name, kind, unit, 0, Privacy::None).unwrap();
    let process = vec![
        field("pid", Kind::Unsigned, ""),
        field("application", Kind::Text, ""),
        field("cpu", Kind::Unsigned, cpu_unit),
        field("memory", Kind::Unsigned, "bytes"),
    ];
    Arc::new(Schema::new(vec![Collection::new("process", 1, process).unwrap()]).unwrap())
}

/// Rows of a sample: pid, application, CPU, KiB.
type Rows<'a> = &'a [(u64, &'a str, u64, u64)];

fn file(unit: &str, session: &str, samples: &[(u64, Rows<'_>)]) -> Vec<u8> {
    let schema = schema(unit);
    let subject = Subject {
        plugin: "session-analyzer".to_owned(),
        version: "0.1.0".to_owned(),
        session: session.to_owned(),
    };
    let mut writer = Writer::new(Arc::clone(&schema), subject);
    for (at, rows) in samples {
        let mut encoder = Encoder::new(&schema);
        for (pid, application, cpu, kib) in *rows {
            let row = [
                Some(Value::Unsigned(*pid)),
                Some(Value::Text(application)),
                Some(Value::Unsigned(*cpu)),
                Some(Value::Unsigned(kib * 1024)),
            ];
            encoder.row(0, &row).unwrap();
        }
        let snapshot = Snapshot::decode(Arc::clone(&schema), &encoder.finish()).unwrap();
        assert!(writer.add(AT + at, snapshot));
    }
    writer.finish()
}

fn read(bytes: &[u8]) -> Slices {
    Slices::read(bytes, |_| None).unwrap().unwrap()
}

#[test]
fn shares_count_for_the_time_since_the_sample_before() {
    // 10 % and 5 % of a core, over 15 s each.
    let bytes = file(
        "percent-100",
        "7#1",
        &[
            (0, &[(1, "firefox", 600, 100), (2, "firefox", 400, 50)]),
            (15_000, &[(1, "firefox", 500, 100)]),
        ],
    );
    let slices = read(&bytes);
    assert_eq!(slices.session, "7#1");
    let told: Vec<_> = slices
        .slices
        .iter()
        .map(|slice| (slice.ms(), slice.applications["firefox"]))
        .collect();
    let load = |cpu_us, kib: u64| Load {
        cpu_us,
        memory_kib_ms: kib * 15_000,
    };
    assert_eq!(
        told,
        [(15_000, load(1_500_000, 150)), (15_000, load(750_000, 100))]
    );
    assert_eq!(slices.slices[0].to_ms, slices.slices[1].from_ms);
}

#[test]
fn times_count_by_what_they_grew() {
    let bytes = file(
        "ms",
        "7#1",
        &[
            (0, &[(1, "vim", 90_000, 1)]),
            (15_000, &[(1, "vim", 90_300, 1), (2, "cc", 700, 1)]),
            (30_000, &[(1, "vim", 10, 1)]),
        ],
    );
    let slices = read(&bytes).slices;
    let cpu = |slice: usize, name: &str| slices[slice].applications[name].cpu_us;
    assert_eq!(slices.len(), 2, "of the first there is no before");
    assert_eq!((cpu(0, "vim"), cpu(0, "cc")), (300_000, 700_000));
    assert_eq!(cpu(1, "vim"), 0, "another process of that number");
}

#[test]
fn times_go_on_from_the_file_before_if_that_ended_just_before() {
    let rows = |cpu| [(1, "vim", cpu, 1)];
    let (a, b) = (rows(1_000), rows(1_200));
    let first = read(&file("ms", "7#1", &[(0, &a), (15_000, &b)])).end;
    let (a, b) = (rows(1_500), rows(1_500));
    let next = file("ms", "7#1", &[(30_000, &a), (45_000, &b)]);
    let late = file("ms", "7#1", &[(60_000, &a), (75_000, &b)]);
    let end = || Some(End::from_bytes(first.at, &first.to_bytes()));
    let told = |bytes: &[u8]| {
        let slices = Slices::read(bytes, |_| end()).unwrap().unwrap().slices;
        let told = slices
            .iter()
            .map(|it| (it.ms(), it.applications["vim"].cpu_us));
        told.collect::<Vec<_>>()
    };
    assert_eq!(end(), Some(first.clone()));
    assert_eq!(told(&next), [(15_000, 300_000), (15_000, 0)]);
    assert_eq!(told(&late), [(15_000, 0)]);
}

#[test]
fn a_clock_that_jumps_draws_nothing_twice_and_nothing_for_ever() {
    let rows: Rows<'_> = &[(1, "vim", 10, 1)];
    let bytes = file(
        "percent",
        "7#1",
        &[
            (20_000_000, rows),
            (20_010_000, rows),
            (0, rows),
            (10_000, rows),
            (10_000 + 86_400_000, rows),
        ],
    );
    let slices = read(&bytes).slices;
    let told: Vec<_> = slices.iter().map(Slice::ms).collect();
    assert_eq!(told, [10_000, 10_000, 10_000, 900_000]);
}

#[test]
fn what_is_no_usage_leaves_none_and_what_is_damaged_says_so() {
    let rows: Rows<'_> = &[(1, "vim", 10, 1)];
    assert_eq!(
        Slices::read(&file("percent", "", &[(0, rows)]), |_| None).unwrap(),
        None
    );
    assert_eq!(
        Slices::read(&file("apples", "7#1", &[(0, rows)]), |_| None).unwrap(),
        None
    );
    let good = file("percent", "7#1", &[(0, rows), (1_000, rows)]);
    assert!(
        Slices::read(b"", |_| None)
            .unwrap_err()
            .to_string()
            .contains("BWC")
    );
    for cut in 0..good.len() {
        assert!(Slices::read(&good[..cut], |_| None).is_err(), "{cut}");
    }
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 0x5a;
        // Whatever it says, it is an answer.
        drop(Slices::read(&bad, |_| None));
    }
    let late = file("percent", "7#1", &[(1 << 60, rows), ((1 << 60) + 1, rows)]);
    assert!(matches!(Slices::read(&late, |_| None), Err(Flaw::Time)));
}

#[test]
fn a_small_file_of_many_rows_is_not_read_for_long() {
    let schema = schema("percent");
    let subject = Subject {
        plugin: String::new(),
        version: String::new(),
        session: "7#1".to_owned(),
    };
    let mut encoder = Encoder::new(&schema);
    for pid in 0..20_000 {
        encoder
            .row(0, &[Some(Value::Unsigned(pid)), None, None, None])
            .unwrap();
    }
    let snapshot = Snapshot::decode(Arc::clone(&schema), &encoder.finish()).unwrap();
    let mut writer = Writer::new(schema, subject);
    for sample in 0..60 {
        assert!(writer.add(AT + sample * 1_000, snapshot.clone()));
    }
    let bytes = writer.finish();
    assert!(bytes.len() < 50_000, "{}", bytes.len());
    assert!(matches!(
        Slices::read(&bytes, |_| None),
        Err(Flaw::TooManyRows)
    ));
}
