//! What tells of processes, side by side on a busy machine: the kernel's own list of tasks, the
//! files in /proc, and `sysinfo`, which elsewhere makes the pass.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, UNIX_EPOCH},
};

use bailiwick_core::{
    bytes::ByteCount,
    ports::Processes as _,
    process::{Process, ProcessState, ProcessTable, Way},
};
use bailiwick_device::{DeviceProcesses, SystemClock, TaskIterator};
use bailiwick_needs::KernelFeature;

/// /proc tells user and system time in ticks, each cut.
const TICKS_MS: u64 = 20;
/// `sysinfo` tells starts in seconds, from a boot time that it computes itself.
const START_MS: u64 = 2_000;
const ROUNDS: usize = 8;

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn shell(script: &str, user: u32) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.uid(user).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Work of every kind, which ends with the test.
struct Busy {
    folder: tempfile::TempDir,
    children: Vec<Running>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let written = folder.path().join("written");
        let write = format!(
            "while :; do dd if=/dev/zero of={} bs=64k count=16 conv=fsync 2>/dev/null; done",
            written.display()
        );
        let scripts: [(&str, u32); 7] = [
            ("while :; do :; done", 0),
            (&write, 0),
            // Short-lived ones, and another program in the same process.
            ("while :; do /bin/true; done", 0),
            ("sleep 0.2; exec sleep 600", 0),
            ("exec sleep 600", 1),
            // Nobody waits for these.
            ("exit 3", 0),
            ("kill -SEGV $$", 0),
        ];
        let children = scripts.map(|(script, user)| Running::shell(script, user));
        // Threads that stay, and one that makes others which end.
        let work = |over: &Arc<AtomicBool>, stays: bool| {
            let over = Arc::clone(over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    match stays {
                        true => spin(Duration::from_millis(1)),
                        false => thread::spawn(|| spin(Duration::from_millis(3)))
                            .join()
                            .unwrap(),
                    }
                }
            })
        };
        let threads = [true, true, false].map(|stays| work(&over, stays)).into();
        Self {
            folder,
            children: children.into(),
            over,
            threads,
        }
    }

    /// Those that do not end while the test runs, this process among them.
    fn stay(&self) -> Vec<u32> {
        let children = self.children.iter().map(|child| child.0.id());
        // Pid 2 makes the kernel's own threads.
        children.chain([std::process::id(), 1, 2]).collect()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.children.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        let _ = fs::remove_file(self.folder.path().join("written"));
    }
}

fn spin(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// By id and start, which are a process's identity.
type Known = BTreeMap<(u32, u64), Process>;

async fn pass(processes: &DeviceProcesses) -> Known {
    let table: Arc<ProcessTable> = processes.table(Duration::ZERO).await.unwrap();
    assert_eq!(table.cut, 0);
    let all = table.processes.iter();
    all.map(|process| ((process.pid, process.started.as_ms()), process.clone()))
        .collect()
}

/// What `value` was, if it was told twice, is what it is between.
fn is_between<T: PartialOrd>(before: &T, value: &T, after: &T) -> bool {
    (before <= value && value <= after) || (after <= value && value <= before)
}

/// Pages may be counted at each processor, in batches (lib/percpu_counter.c of Linux), and are
/// of three kinds.
fn memory_may_differ() -> u64 {
    let processors = thread::available_parallelism().unwrap().get() as u64;
    3 * 4_096 * processors * (2 * processors).max(32)
}

/// What is not the same of `process` in /proc as of `before` and `after` by the iterator.
fn differences(
    before: &Process,
    process: &Process,
    after: &Process,
    is_steady: bool,
) -> Vec<String> {
    let mut all = Vec::new();
    let mut check = |what: &str, same: bool| {
        if !same {
            all.push(format!("{what}: {before:?} / {process:?} / {after:?}"));
        }
    };
    let one_of = |same: &dyn Fn(&Process) -> bool| same(before) || same(after);
    check("parent", one_of(&|by| by.parent == process.parent));
    check("state", one_of(&|by| by.state == process.state));
    let is_described = one_of(&|by| {
        let mut described = (*process.described).clone();
        // Of its own threads the kernel tells in /proc what they work at, too.
        if described.executable.is_empty() && described.name.starts_with(&by.described.name) {
            described.name.clone_from(&by.described.name);
        }
        *by.described == described
    });
    // Who has just begun becomes another program within a pass.
    let age = UNIX_EPOCH.elapsed().unwrap().as_millis();
    let age = age.saturating_sub(before.started.as_ms().into());
    check("description", is_described || age < 1_000);
    let threads = is_between(&before.threads, &process.threads, &after.threads);
    // Those that end at once come and go between the passes.
    check("threads", threads || process.threads > 3);
    let cpu = process.cpu_ms;
    let cpu = before.cpu_ms <= cpu + TICKS_MS && cpu <= after.cpu_ms + TICKS_MS;
    check("processor time", cpu);
    for (name, before, told, after) in [
        ("read", before.read, process.read, after.read),
        ("written", before.written, process.written, after.written),
    ] {
        let is_told = told.is_some() == before.is_some();
        check(name, is_told && before <= told && told <= after);
    }
    // Whoever works may take and give back memory at any time; of ours it is known who does not.
    if is_steady || before.cpu_ms == after.cpu_ms {
        let [a, memory, b] = [before, process, after].map(|told| told.memory.get());
        let differ = memory_may_differ();
        let is_between = a.min(b) <= memory + differ && memory <= a.max(b) + differ;
        check("memory", is_between);
    }
    all
}

/// The iterator, or none where this machine lets nobody attach one.
fn iterator() -> Option<TaskIterator> {
    let untested = "that the kernel's list of tasks and /proc tell the same of processes";
    if !KernelFeature::Bpf.is_there(untested) || !bailiwick_needs::root(untested) {
        return None;
    }
    match TaskIterator::attach() {
        Ok(tasks) => Some(tasks),
        Err(reason) => {
            // Anything else is a fault of ours.
            let may_be = ["is not allowed", "namespace of its own"];
            assert!(may_be.iter().any(|part| reason.contains(part)), "{reason}");
            bailiwick_needs::no_task_iterator(untested);
            None
        }
    }
}

#[tokio::test]
async fn the_kernels_list_and_proc_tell_the_same() {
    let Some(tasks) = iterator() else {
        return;
    };
    let busy = Busy::start();
    let clock = Arc::new(SystemClock::new());
    let iterated = DeviceProcesses::new(clock.clone()).listed_by(Ok(tasks));
    let mut differ: BTreeMap<String, usize> = BTreeMap::new();
    let steady: Vec<u32> = busy.children.iter().map(|child| child.0.id()).collect();
    let mut compared = 0;
    for _ in 0..ROUNDS {
        // A fresh one each time, which reads every file of everybody.
        let earlier = pass(&DeviceProcesses::new(clock.clone())).await;
        let before = pass(&iterated).await;
        let files = pass(&DeviceProcesses::new(clock.clone())).await;
        let after = pass(&iterated).await;
        for identity in earlier.keys().filter(|one| files.contains_key(one)) {
            let found = before.keys().find(|one| one.0 == identity.0);
            assert_eq!(found, Some(identity), "not iterated");
        }
        for (identity, before) in &before {
            let Some(after) = after.get(identity) else {
                continue;
            };
            let process = files.get(identity);
            let process = process.unwrap_or_else(|| panic!("not in /proc: {before:?}"));
            for difference in differences(before, process, after, steady.contains(&before.pid)) {
                eprintln!("{difference}");
                let what = difference.split(':').next().unwrap().to_owned();
                *differ.entry(what).or_default() += 1;
            }
            compared += 1;
        }
        for pid in busy.stay() {
            assert!(files.keys().any(|(one, _)| *one == pid), "{pid}");
        }
    }
    assert_eq!(differ, BTreeMap::new(), "of {compared}");
    assert!(compared >= ROUNDS * busy.stay().len(), "{compared}");
    assert_eq!(iterated.source().way, Way::Bpf);
    // What the work was for.
    let last = pass(&iterated).await;
    let of = |pid: u32| last.values().find(|process| process.pid == pid).unwrap();
    let own = of(std::process::id());
    assert!(own.threads >= 4 && own.cpu_ms > 50, "{own:?}");
    let writer = of(busy.stay()[1]);
    assert!(writer.written.is_some() && own.read.is_some(), "{own:?}");
    assert_eq!(of(busy.stay()[4]).described.uid, Some(1));
    assert_eq!(of(busy.stay()[5]).state, ProcessState::Ended);
    assert_eq!(
        of(busy.stay()[6]).state,
        ProcessState::Killed { signal: 11 }
    );
    assert_eq!(of(2).memory, ByteCount::new(0));
}

#[tokio::test]
async fn sysinfo_tells_the_same_of_those_that_stay() {
    // One of those that work is another user's.
    if !bailiwick_needs::root("that sysinfo and /proc tell the same of processes") {
        return;
    }
    let busy = Busy::start();
    let clock = Arc::new(SystemClock::new());
    let processes = match iterator() {
        Some(tasks) => DeviceProcesses::new(clock.clone()).listed_by(Ok(tasks)),
        None => DeviceProcesses::new(clock.clone()),
    };
    let before = pass(&processes).await;
    let mut system = sysinfo::System::new().unwrap();
    system.refresh_processes(sysinfo::ProcessesToUpdate::All, true);
    let after = pass(&processes).await;
    let mut compared = 0;
    for pid in busy.stay() {
        let of = |known: &Known| known.values().find(|one| one.pid == pid).cloned();
        let (Some(before), Some(after)) = (of(&before), of(&after)) else {
            continue;
        };
        let told = system.process(sysinfo::Pid::from_u32(pid)).unwrap();
        assert_eq!(told.parent().map_or(0, sysinfo::Pid::as_u32), after.parent);
        let start = told.start_time() * 1_000;
        assert!(
            start.abs_diff(after.started.as_ms()) <= START_MS,
            "{after:?}"
        );
        let cpu = told.accumulated_cpu_time();
        assert!(
            before.cpu_ms <= cpu + TICKS_MS && cpu <= after.cpu_ms + TICKS_MS,
            "{after:?}"
        );
        let (memory, differ) = (told.memory(), memory_may_differ());
        let [a, b] = [before.memory.get(), after.memory.get()];
        assert!(
            a.min(b) <= memory + differ && memory <= a.max(b) + differ,
            "{memory}: {before:?} {after:?}"
        );
        compared += 1;
    }
    assert!(compared >= 8, "{compared}");
}
