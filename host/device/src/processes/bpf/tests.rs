//! On the machine where they run, if it lets them.

use bailiwick_core::time::{Monotonic, Timestamp};
use bailiwick_needs::KernelFeature;

use super::*;
use crate::processes::{Way, linux::Reader};

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
