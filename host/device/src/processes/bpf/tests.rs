//! On the machine where they run, if it lets them.

use bailiwick_core::{
    process::Way,
    time::{Monotonic, Timestamp},
};
use bailiwick_needs::KernelFeature;

use super::*;
use crate::processes::linux::Reader;

#[test]
fn this_kernel_has_everything_where_it_is_looked_for() {
    // Whoever may read it; attaching takes more.
    let Ok(types) = fs::read(TYPES) else {
        eprintln!("skipped: {TYPES} can't be read");
        return;
    };
    let layout = Layout::find(&Btf::parse(&types).unwrap()).unwrap();
    assert!(layout.counts_storage);
    let program = program::assemble(&layout);
    assert!((90..200).contains(&program.len()), "{}", program.len());
}

#[test]
fn all_tasks_are_told_of_in_order_however_small_the_buffer() {
    let Some(tasks) = iterator() else {
        return;
    };
    let own = std::process::id();
    for room in [16_384, 200, record_room()] {
        let mut all = Vec::new();
        tasks
            .pass(&mut vec![0; room], |record| all.push(record))
            .unwrap();
        let firsts: Vec<_> = all.iter().filter(|record| record.first.is_some()).collect();
        assert!(firsts.is_sorted_by(|a, b| a.process < b.process), "{room}");
        let first = firsts.iter().find(|record| record.process == own);
        let told = first.unwrap().first.as_ref().unwrap();
        assert_eq!(told.parent, std::os::unix::process::parent_id());
        assert!(
            told.pages > 16 && told.threads >= 2 && told.ended.is_none(),
            "{told:?}"
        );
        let threads = all.iter().filter(|record| record.process == own).count();
        assert!(threads >= 2, "{threads}");
    }
}

#[test]
fn processes_are_counted_and_not_their_threads() {
    let Some(tasks) = iterator() else {
        return;
    };
    let (held, hold) = std::sync::mpsc::channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let listed = || {
        let names = fs::read_dir("/proc").unwrap().flatten();
        let names = names.map(|entry| entry.file_name());
        names
            .filter(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
            .count()
    };
    std::thread::scope(|scope| {
        // More than processes that may come and go between two readings.
        for _ in 0..64 {
            scope.spawn(|| drop(hold.lock().map(|hold| hold.recv())));
        }
        let (before, counted) = (listed(), tasks.count(&mut vec![0; 16_384]).unwrap());
        drop(held);
        assert!(before.abs_diff(counted) < 32, "{before} and {counted}");
    });
}

#[test]
fn an_iterator_that_fails_once_is_given_up_within_the_pass() {
    let mut reader = Reader::new();
    // No link: the kernel refuses to begin a pass of it.
    let link = fs::File::open("/dev/null").unwrap().into();
    reader.list_by(Ok(TaskIterator {
        link,
        counts_storage: true,
    }));
    assert_eq!(reader.source().way, Way::Bpf);
    let now = Timestamp::from_ms(0);
    let table = reader.pass(now, Monotonic::ZERO).unwrap();
    let own = std::process::id();
    assert!(table.processes.iter().any(|process| process.pid == own));
    assert_eq!(reader.source().way, Way::Proc);
    let remark = &reader.source().remark;
    assert!(
        remark.contains("a pass of the BPF iterator failed"),
        "{remark}"
    );
}

fn record_room() -> usize {
    layout::slot::BYTES
}

fn iterator() -> Option<TaskIterator> {
    let untested = "passes of the BPF task iterator";
    if !KernelFeature::Bpf.is_there(untested) {
        return None;
    }
    match TaskIterator::attach() {
        Ok(tasks) => Some(tasks),
        Err(reason) => {
            // Anything else is a fault of the program's.
            let may_be = ["is not allowed", "namespace of its own"];
            assert!(may_be.iter().any(|part| reason.contains(part)), "{reason}");
            bailiwick_needs::no_task_iterator(untested);
            None
        }
    }
}
