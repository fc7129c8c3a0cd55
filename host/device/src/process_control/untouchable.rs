//! Processes that nothing may touch, whatever a policy says: the first, the kernel's own, and
//! this agent with all that it started and that started it.

use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt as _, path::Path};

/// Longest line of ancestors that is followed. A longer one, which would show a loop, is as if
/// it led here.
const MOST: usize = 1_024;

/// Linux gives its thread of threads this id, and all others of the kernel are its children.
const KTHREADD: u32 = 2;

/// Why the process `pid`, which runs `executable`, is one of them; none if it is not. Whoever asks
/// holds it, so that what is read under its id is of it, or it is gone.
pub(super) fn reason(pid: u32, executable: &str) -> Option<&'static str> {
    let own = std::process::id();
    if pid == 1 {
        return Some("the first process");
    }
    if executable.is_empty() || pid == KTHREADD || parent(pid) == Some(KTHREADD) {
        return Some("of the kernel, or its program can't be told");
    }
    if pid == own || is_this_program(pid) {
        return Some("the agent itself");
    }
    match (ancestors(pid), ancestors(own)) {
        (Some(of_it), _) if of_it.contains(&own) => Some("of the agent"),
        (_, Some(of_us)) if of_us.contains(&pid) => Some("what started the agent"),
        (Some(_), Some(_)) => None,
        (None, _) | (_, None) => Some("perhaps of the agent: where it descends from can't be told"),
    }
}

/// The agent runs as several processes of one program.
fn is_this_program(pid: u32) -> bool {
    let file = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    let own = file(Path::new("/proc/self/exe"));
    own.is_some() && file(Path::new(&format!("/proc/{pid}/exe"))) == own
}

/// Ids of those that it descends from, without the first process. None if one of them can't be
/// read: it ended meanwhile.
fn ancestors(pid: u32) -> Option<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    let mut at = pid;
    for _ in 0..MOST {
        at = parent(at)?;
        if at <= 1 {
            return Some(found);
        }
        found.insert(at);
    }
    None
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Command, Stdio},
        sync::Arc,
    };

    use super::*;
    use crate::{DeviceProcesses, SystemClock};

    fn of(pid: u32) -> Option<&'static str> {
        let processes = DeviceProcesses::new(Arc::new(SystemClock::new()));
        let process = processes.look(pid).unwrap().unwrap();
        reason(pid, &process.described.executable)
    }

    #[test]
    fn the_first_process_and_this_one_with_its_children_and_parents_are_not_touched() {
        assert_eq!(of(1), Some("the first process"));
        assert_eq!(of(std::process::id()), Some("the agent itself"));
        let parent = parent(std::process::id()).unwrap();
        if parent > 1 {
            assert_eq!(of(parent), Some("what started the agent"));
        }
        // A shell that waits for its child, so that there is one in between.
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(of(child.id()), Some("of the agent"));
        let mut line = String::new();
        let mut told = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut told, &mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        assert_eq!(of(grandchild), Some("of the agent"));
        let pid = rustix::process::Pid::from_raw(i32::try_from(grandchild).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_thread_of_the_kernel_is_not_touched() {
        // In a namespace of its own there is none to see; then an empty program stands for it.
        assert!(reason(std::process::id(), "").unwrap().contains("kernel"));
    }
}
