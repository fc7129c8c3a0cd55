use proptest::prelude::*;

use super::*;

fn merge(before: Vec<Known>) -> Merge {
    Merge {
        before: before.into_iter().peekable(),
        found: Vec::new(),
        early: Vec::new(),
        cut: 0,
        page: 4_096,
        adds_up: false,
        boot: Timestamp::from_ms(1_000_000),
    }
}

fn used(cpu_ns: u64) -> Used {
    Used {
        cpu_ns,
        read: cpu_ns * 2,
        written: cpu_ns * 3,
    }
}

fn first(pid: u32, started_ns: u64, cpu_ns: u64) -> Record {
    Record {
        process: pid,
        used: used(cpu_ns),
        first: Some(First {
            started_ns,
            ..First::default()
        }),
    }
}

fn thread(process: u32, cpu_ns: u64) -> Record {
    Record {
        process,
        used: used(cpu_ns),
        first: None,
    }
}

fn pass(before: Vec<Known>, records: &[Record]) -> Vec<Known> {
    let mut merge = merge(before);
    records
        .iter()
        .cloned()
        .for_each(|record| merge.take(record));
    merge.end().0
}

fn sums(found: &[Known]) -> Vec<(u32, u64)> {
    let sum = |known: &Known| (known.process.pid, known.iterated.used.cpu_ns);
    found.iter().map(sum).collect()
}

#[test]
fn threads_are_summed_wherever_they_come() {
    let records = [
        thread(9, 1_000),
        first(5, 1, 1),
        thread(5, 10),
        first(7, 1, 100),
        // Of one that came before, of one that comes after, of one that is gone.
        thread(5, 10),
        thread(9, 2_000),
        thread(6, 5),
        first(9, 1, 4_000),
    ];
    let found = pass(Vec::new(), &records);
    assert_eq!(sums(&found), [(5, 21), (7, 100), (9, 7_000)]);
    assert_eq!(found[0].iterated.used, used(21));
}

#[test]
fn only_what_is_new_or_differs_is_described() {
    let other = |exec, name: u8| {
        let mut record = first(5, 70_000_000, 1);
        if let Some(first) = &mut record.first {
            first.identity.exec = exec;
            first.identity.name[0] = name;
        }
        record
    };
    let differs = |found: &[Known]| {
        found
            .iter()
            .map(|one| one.iterated.differs)
            .collect::<Vec<_>>()
    };
    let found = pass(Vec::new(), &[other(1, b'a'), first(6, 1, 1)]);
    assert_eq!(differs(&found), [true, true]);
    assert_eq!(found[0].process.started, Timestamp::from_ms(1_000_070));
    assert_eq!(found[0].process.described.name, "a");
    let found = pass(found, &[other(1, b'a'), first(6, 1, 1)]);
    assert_eq!(differs(&found), [false, false]);
    let found = pass(found, &[other(2, b'a'), first(6, 1, 1)]);
    assert_eq!(differs(&found), [true, false]);
    let found = pass(found, &[other(2, b'b')]);
    assert_eq!((differs(&found), found.len()), (vec![true], 1));
    assert_eq!(found[0].process.described.name, "b");
}

#[test]
fn an_id_that_is_given_again_is_another_process() {
    let mut found = pass(Vec::new(), &[first(5, 10_000_000, 900_000_000)]);
    for one in &mut found {
        settle(one, true);
    }
    assert_eq!(found[0].process.cpu_ms, 900);
    let mut found = pass(found, &[first(5, 20_000_000, 2_000_000)]);
    for one in &mut found {
        settle(one, true);
    }
    assert_eq!(found[0].process.cpu_ms, 2);
    assert_eq!(found[0].process.started, Timestamp::from_ms(1_000_020));
}

#[test]
fn sums_do_not_go_back() {
    let mut found = pass(Vec::new(), &[first(5, 1, 1_000_000), thread(5, 5_000_000)]);
    settle(&mut found[0], true);
    let mut found = pass(found, &[first(5, 1, 1_500_000)]);
    settle(&mut found[0], true);
    let process = &found[0].process;
    assert_eq!(process.cpu_ms, 6);
    assert_eq!(process.read, Some(ByteCount::new(12_000_000)));
    assert_eq!(process.written, Some(ByteCount::new(18_000_000)));
}

#[test]
fn what_the_kernel_does_not_count_is_not_told_as_nothing() {
    let mut found = pass(Vec::new(), &[first(5, 1, 1)]);
    settle(&mut found[0], false);
    assert_eq!(
        (found[0].process.read, found[0].process.written),
        (None, None)
    );
}

#[test]
fn what_is_beyond_the_bound_is_counted() {
    let mut merge = merge(Vec::new());
    let most = u32::try_from(MOST_PROCESSES).unwrap();
    (1..=most + 3).for_each(|pid| merge.take(first(pid, 1, 1)));
    merge.take(thread(most + 1, 1));
    let (found, cut) = merge.end();
    assert_eq!((found.len(), cut), (MOST_PROCESSES, 3));
}

proptest! {
    /// Whatever the kernel tells, the table is in order and each id is in it once.
    #[test]
    fn the_table_is_in_order(
        passes in proptest::collection::vec(
            proptest::collection::vec((1..40_u32, any::<bool>(), 0..3_u64), 0..60),
            1..4,
        ),
    ) {
        let mut found = Vec::new();
        for records in passes {
            let records: Vec<Record> = records
                .into_iter()
                .map(|(pid, is_first, started)| match is_first {
                    true => first(pid, started * NS_PER_TICK, 1),
                    false => thread(pid, 1),
                })
                .collect();
            found = pass(found, &records);
            prop_assert!(found.is_sorted_by(|a, b| a.process.pid < b.process.pid));
        }
    }
}
