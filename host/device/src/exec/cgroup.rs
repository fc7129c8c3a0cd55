//! A cgroup for one run, by which the kernel ends all of it at once. Where none can be had,
//! the keeper's adoption alone holds the tree.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::hierarchy::{Kind, hierarchies};

/// How long a cgroup that does not get empty is tried.
const PATIENCE: Duration = Duration::from_secs(5);

/// Begins the name of each keeper's cgroup; the agent's process, a number and the namespace
/// of processes follow.
const PREFIX: &str = "bailiwick-";

#[derive(Debug)]
pub(crate) struct Cgroup {
    kind: Kind,
    folder: PathBuf,
}

/// Name of the cgroup of keeper number `number` of the agent `agent`.
pub(crate) fn name(agent: u32, number: u64) -> String {
    format!("{PREFIX}{agent}-{number}-{}", namespace())
}

/// In which the numbers of processes count: the number of pid_namespaces(7), 0 if it is not
/// told. Agents of others may share the cgroups.
fn namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits = link.to_string_lossy();
    let digits = digits.trim_matches(|c: char| !c.is_ascii_digit());
    if digits.is_empty() { "0" } else { digits }.to_owned()
}

impl Cgroup {
    /// A new one below this process's own, in the best hierarchy that lets it.
    pub(crate) fn make(name: &str) -> Option<Self> {
        own().into_iter().find_map(|(kind, own)| {
            let folder = own.join(name);
            let made = Self { kind, folder };
            if fs::create_dir(&made.folder).is_err() {
                // Left by an agent that had the number of this one's process, as the first
                // process of a container has.
                made.end();
                fs::create_dir(&made.folder).ok()?;
            }
            let file = match kind {
                Kind::Unified => "cgroup.freeze",
                Kind::Freezer => "freezer.state",
            };
            // Kernels before 5.2 can't freeze in version 2.
            let is_able = made.folder.join(file).exists();
            if !is_able {
                let _ = fs::remove_dir(&made.folder);
            }
            is_able.then_some(made)
        })
    }

    /// A process of one thread that writes `0` to this file becomes a member. In version 1
    /// there is a file that moves one thread alone, for which the kernel need not wait until
    /// nobody can be in the middle of a fork: 0.3 ms, and not 5 to 15.
    pub(crate) fn members(&self) -> PathBuf {
        self.folder.join(match self.kind {
            Kind::Unified => "cgroup.procs",
            Kind::Freezer => "tasks",
        })
    }

    /// Kills all members once. The kernel's own way reaches those that are just forked;
    /// else nobody runs while they are killed.
    pub(crate) fn kill(&self) {
        if self.kind == Kind::Unified && fs::write(self.folder.join("cgroup.kill"), "1").is_ok() {
            return;
        }
        let (file, freeze, thaw) = match self.kind {
            Kind::Unified => ("cgroup.freeze", "1", "0"),
            Kind::Freezer => ("freezer.state", "FROZEN", "THAWED"),
        };
        let _ = fs::write(self.folder.join(file), freeze);
        for folder in below(&self.folder) {
            let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            let pids = members.lines().filter_map(|line| line.parse().ok());
            for pid in pids.filter_map(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = fs::write(self.folder.join(file), thaw);
    }

    /// Kills all members until it can be removed: it is busy while it has any.
    pub(crate) fn end(&self) {
        let began = Instant::now();
        while self.folder.exists() && began.elapsed() < PATIENCE {
            self.kill();
            for folder in below(&self.folder) {
                let _ = fs::remove_dir(folder);
            }
            if self.folder.exists() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Ends the run of this name, whose keeper can't any more.
pub(crate) fn end(name: &str) {
    for (kind, own) in own() {
        let folder = own.join(name);
        Cgroup { kind, folder }.end();
    }
}

/// Ends and removes what agents left that were killed together with their keepers.
pub(crate) fn end_leftovers() {
    let namespace = namespace();
    for (kind, own) in own() {
        for entry in fs::read_dir(own).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let of_dead = name
                .to_str()
                .is_some_and(|name| is_of_dead(name, &namespace));
            if of_dead {
                let folder = entry.path();
                Cgroup { kind, folder }.end();
            }
        }
    }
}

/// Whoever has another namespace can't be told dead from alive.
fn is_of_dead(name: &str, namespace: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let [agent, number, of] = rest.split('-').collect::<Vec<_>>()[..] else {
        return false;
    };
    let agent = agent.parse().ok().and_then(Pid::from_raw);
    of == namespace
        && number.parse::<u64>().is_ok()
        && agent.is_some_and(|agent| test_kill_process(agent) == Err(rustix::io::Errno::SRCH))
}

fn own() -> Vec<(Kind, PathBuf)> {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    hierarchies(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
}

/// `folder` and all below it, which a program with the right may have made; the deepest
/// first.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next) {
        let entries: Vec<_> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        let folders = entries
            .into_iter()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        found.extend(folders.map(|entry| entry.path()));
        next += 1;
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_dead_here_is_dead() {
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        let own = namespace();
        assert!(own.parse::<u64>().is_ok_and(|number| number > 0));
        assert!(is_of_dead(&name(dead.id(), 7), &own));
        for living in [
            name(std::process::id(), 7),
            // Its number may be another one's where it runs.
            format!("{PREFIX}{}-7-1", dead.id()),
            format!("{PREFIX}{}-7", dead.id()),
            format!("other-{}-7-{own}", dead.id()),
            format!("{PREFIX}x-7-{own}"),
            PREFIX.to_owned(),
        ] {
            assert!(!is_of_dead(&living, &own), "{living}");
        }
    }
}
