//! The pass, held against this machine and against processes that the tests start.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bailiwick_core::process::{ProcessState, Way};

use super::*;

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn shell(script: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits for its first line, so that it does what the script says.
    fn ready(mut self) -> Self {
        use std::io::BufRead as _;
        let mut line = String::new();
        let out = self.0.stdout.as_mut().unwrap();
        std::io::BufReader::new(out).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        self
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap())
}

fn pass(reader: &mut Reader) -> ProcessTable {
    reader.pass(now(), Monotonic::ZERO).unwrap()
}

fn of(table: &ProcessTable, pid: u32) -> Option<&Process> {
    let at = table
        .processes
        .binary_search_by_key(&pid, |process| process.pid);
    at.ok().map(|at| &table.processes[at])
}

#[test]
fn a_process_is_told_of_from_start_to_end() {
    let mut reader = Reader::new();
    let one = Running::shell("echo ready; while read line; do :; done").ready();
    let pid = one.pid();
    let table = pass(&mut reader);
    let seen = of(&table, pid).unwrap();
    assert_eq!(seen.parent, std::process::id());
    assert_eq!(seen.state, ProcessState::Running);
    assert!(seen.described.command_line.contains("while read line"));
    assert!(seen.described.executable.starts_with('/'), "{seen:?}");
    assert!(seen.memory.get() > 64 * 1_024, "{seen:?}");
    let age = now().as_ms().saturating_sub(seen.started.as_ms());
    assert!(age < 120_000, "{age} ms");
    let again = pass(&mut reader);
    let same = of(&again, pid).unwrap();
    assert_eq!((same.pid, same.started), (seen.pid, seen.started));
    assert!(Arc::ptr_eq(&same.described, &seen.described));
    drop(one);
    assert_eq!(of(&pass(&mut reader), pid), None);
}

#[test]
fn processor_time_memory_and_writing_are_those_of_the_kernel() {
    let mut reader = Reader::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("written");
    let script = format!(
        "head -c 3000000 /dev/zero > {}; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; \
         echo ready; read line",
        file.display()
    );
    let one = Running::shell(&script).ready();
    let table = pass(&mut reader);
    let seen = of(&table, one.pid()).unwrap();
    assert!(seen.cpu_ms >= 50, "{seen:?}");
    let statm = fs::read(format!("/proc/{}/statm", one.pid())).unwrap();
    let pages = stat::resident_pages(&statm).unwrap();
    let differ = seen.memory.get().abs_diff(pages * reader.page);
    assert!(differ <= 64 * 4_096, "{differ}");
    // `io` may be hidden from who is not root.
    if let Ok(io) = fs::read(format!("/proc/{}/io", one.pid())) {
        let (_, written) = stat::moved(&io).unwrap();
        assert_eq!(seen.written, Some(ByteCount::new(written)));
    }
}

#[test]
fn another_program_in_the_same_process_is_noticed() {
    let mut reader = Reader::new();
    let script = "echo ready; read line; exec sleep 600";
    let mut one = Running::shell(script).ready();
    let pid = one.pid();
    assert_eq!(of(&pass(&mut reader), pid).unwrap().described.name, "sh");
    one.0.stdin.take();
    let began = Instant::now();
    loop {
        let table = pass(&mut reader);
        let seen = of(&table, pid).unwrap();
        if seen.described.name == "sleep" {
            assert!(
                seen.described.executable.contains("sleep")
                    || seen.described.executable.contains("coreutils")
            );
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{seen:?}");
        std::thread::yield_now();
    }
}

#[test]
fn how_a_process_ended_is_told_while_the_kernel_keeps_it() {
    let mut reader = Reader::new();
    for (script, ended) in [
        ("kill -SEGV $$", ProcessState::Killed { signal: 11 }),
        ("exit 3", ProcessState::Ended),
    ] {
        let one = Running::shell(script);
        let began = Instant::now();
        loop {
            let table = pass(&mut reader);
            // Nobody waited for it, so it is still there.
            let seen = of(&table, one.pid()).unwrap();
            if seen.state != ProcessState::Running {
                assert_eq!(seen.state, ended, "{script}");
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{seen:?}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn descriptors_stay_within_their_budget_and_close_with_their_processes() {
    let mut reader = Reader::new();
    reader.budget = 3;
    let some: Vec<_> = (0..4)
        .map(|_| Running::shell("echo ready; read line").ready())
        .collect();
    let table = pass(&mut reader);
    assert_eq!(reader.descriptors, 3);
    assert!(some.iter().all(|one| of(&table, one.pid()).is_some()));
    let again = pass(&mut reader);
    assert!(some.iter().all(|one| of(&again, one.pid()).is_some()));
    let held = |reader: &Reader| {
        reader
            .known
            .iter()
            .filter(|known| known.stat.is_some())
            .count()
    };
    assert_eq!(held(&reader), 3);
    drop(some);
    pass(&mut reader);
    assert_eq!(held(&reader), reader.descriptors);
}

#[test]
fn arguments_are_words() {
    assert_eq!(words(b"vim\0a b\0"), "vim a b");
    assert_eq!(words(b"\0\0"), "");
    // Cut within a character.
    assert_eq!(words(b"x\xc3"), "x");
}

#[test]
fn what_is_listed_of_memory_is_added_up_where_there_are_many_processors() {
    let folder = tempfile::tempdir().unwrap();
    let own = std::process::id();
    let files = folder.path().join(own.to_string());
    fs::create_dir(&files).unwrap();
    fs::write(files.join("statm"), "9 12345 0 0 0 0 0").unwrap();
    fs::write(folder.path().join("stat"), "btime 1700000000\n").unwrap();
    let mut reader = Reader::at(folder.path().into(), PathBuf::from("/etc/passwd"));
    let Ok(tasks) = TaskIterator::attach() else {
        bailiwick_needs::no_task_iterator("that memory is added up with many processors");
        return;
    };
    reader.list_by(Ok(tasks));
    let told = ByteCount::new(12_345 * reader.page);
    reader.adds_up = false;
    assert_ne!(of(&pass(&mut reader), own).unwrap().memory, told);
    reader.adds_up = true;
    // It is read of who worked since.
    let began = Instant::now();
    while of(&pass(&mut reader), own).unwrap().memory != told {
        assert!(began.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(reader.source().way, Way::Bpf);
}

#[test]
fn an_iterator_that_can_not_be_had_is_told_and_proc_is_read() {
    let mut reader = Reader::new();
    assert_eq!(*reader.source(), ProcessSource::new(Way::Proc));
    reader.list_by(Err("nobody may".to_owned()));
    assert!(of(&pass(&mut reader), std::process::id()).is_some());
    assert_eq!(reader.source().way, Way::Proc);
    assert_eq!(reader.source().remark, "nobody may");
}
