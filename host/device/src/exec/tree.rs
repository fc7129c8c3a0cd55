//! Everything below this process, and its end.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitOptions, kill_process, wait},
};

/// How long processes that don't die (they hang in the kernel) are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kills all descendants of this process until there are none. They are its own: it is
/// their subreaper, so whoever loses its parent becomes its child.
///
/// Each round stops all that it finds before it kills any, so that a tree that grows as it
/// is cut has no time to. Whether all are gone.
pub(crate) fn end_all() -> bool {
    let began = Instant::now();
    while !reap() {
        let mut found = descendants();
        let mut before = 0;
        while found.len() > before {
            before = found.len();
            for pid in &found {
                let _ = kill_process(*pid, Signal::STOP);
            }
            found = descendants();
        }
        for pid in &found {
            // Who is gone meanwhile needs no killing.
            let _ = kill_process(*pid, Signal::KILL);
        }
        if began.elapsed() > PATIENCE {
            return reap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Kills the child that has this number, which nobody has taken leave of yet.
pub(crate) fn end_program(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Takes leave of all children that have ended. Whether there are no others: then nothing is
/// below this process at all, for whoever loses its parent is a child of it, or of another
/// descendant, before that parent can be taken leave of.
fn reap() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            // There are no children, or this can't be asked.
            Err(error) => return error == Errno::CHILD,
        }
    }
}

/// Processes below this one that still run.
pub(crate) fn descendants() -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if let Some(parent) = fs::read_to_string(entry.path().join("stat"))
            .ok()
            .and_then(|stat| parent(&stat))
        {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(pid) = next.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            next.push(child);
            found.extend(Pid::from_raw(child));
        }
    }
    found
}

/// The parent's number in a line of `/proc/PID/stat`. The name before it may hold anything.
fn parent(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Processor time of all children that have been taken leave of: `cutime` and `cstime` of
/// proc(5), in the hundredths of a second that Linux tells every program.
pub(crate) fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks.saturating_mul(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_hold_anything() {
        assert_eq!(parent("7 (a) b) 3 (x) S 5 7 7 0"), Some(5));
        assert_eq!(parent("7 (a"), None);
    }
}
