//! An agent of its own process, whose keepers are its alone.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::keeper;

/// `examples/keeper.rs` as an agent.
pub(crate) struct Agent {
    child: Child,
    /// Policies that its privileged process believes.
    _signed: TempDir,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A keeper that waits, and its starter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) keeper: u32,
    pub(crate) starter: u32,
    /// The name of its cgroup.
    pub(crate) cgroup: String,
}

impl Agent {
    pub(crate) fn start() -> Self {
        let signed = tempfile::tempdir().unwrap();
        let mut child = Command::new(keeper())
            .arg("agent")
            .arg(signed.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            _signed: signed,
            orders: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its privileged process, which starts keepers.
    pub(crate) fn privileged(&self) -> u32 {
        until("the privileged process", || children(self.pid()).pop())
    }

    /// Tells it something that it answers later.
    pub(crate) fn tell(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    pub(crate) fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    /// The keeper that waits, once one does and its starter is a member of its cgroup.
    pub(crate) fn parked(&self) -> Pair {
        until("a parked keeper", || {
            let keepers = children(self.privileged());
            let [keeper] = keepers.as_slice() else {
                return None;
            };
            let starters = children(*keeper);
            let [starter] = starters.as_slice() else {
                return None;
            };
            let cgroup = words(*keeper, "cmdline").pop()?;
            let is_starter = words(*starter, "cmdline").contains(&"start".to_owned());
            let groups = fs::read_to_string(format!("/proc/{starter}/cgroup")).ok()?;
            (is_starter && groups.contains(&format!("/{cgroup}\n"))).then_some(Pair {
                keeper: *keeper,
                starter: *starter,
                cgroup,
            })
        })
    }

    /// Returns once no keeper of it is left.
    pub(crate) fn keeps_nobody(&self) {
        until("the end of all keepers", || {
            children(self.privileged()).is_empty().then_some(())
        });
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pair {
    /// Where its cgroup is, if there still is one.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let folders = bailiwick_needs::own_cgroups("that parked keepers are in cgroups");
        let own = folders.into_iter().map(|folder| folder.join(&self.cgroup));
        own.filter(|folder| folder.exists()).collect()
    }

    /// Returns once nothing of it is left.
    pub(crate) fn is_gone(&self) {
        until("the end of a parked keeper", || {
            let runs = |pid| fs::exists(format!("/proc/{pid}")).unwrap();
            let left = runs(self.keeper) || runs(self.starter) || !self.folders().is_empty();
            (!left).then_some(())
        });
    }
}

/// What is found, once it is.
pub(crate) fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Processes that `parent` has started and that it has not taken leave of.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(1) == Some(&parent.to_string())
    })
    .collect()
}

/// The words of a file of a process that ends each with a NUL.
pub(crate) fn words(pid: u32, file: &str) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let words = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}
