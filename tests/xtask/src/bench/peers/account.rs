//! A cgroup of its own for each program that is measured: the kernel adds up the processor time
//! of all that it starts, also of what has ended.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use crate::bench::process::Process;

/// For the kernel to let go of processes that were killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which of the kernel's two kinds it is: version 2 has accounts of processor time whatever
/// controllers there are, version 1 where one is mounted for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where a hierarchy is mounted, and how a line of `/proc/self/cgroup` begins that tells of it.
const HIERARCHIES: [(Version, &str, &str); 4] = [
    (Version::Two, "/sys/fs/cgroup", "0::/"),
    (Version::Two, "/sys/fs/cgroup/unified", "0::/"),
    (Version::One, "/sys/fs/cgroup/cpuacct", ":cpuacct:/"),
    (Version::One, "/sys/fs/cgroup/cpu,cpuacct", ":cpu,cpuacct:/"),
];

/// A cgroup, whose processes end with this.
#[derive(Debug)]
pub(super) struct Account {
    folder: PathBuf,
    version: Version,
}

/// Megabytes (10^6) of all processes of an account, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// Pages that several have count for each with its share.
    pub(super) proportional: f64,
    /// They count for each.
    pub(super) resident: f64,
    /// The most that each ever had.
    pub(super) most: f64,
}

impl Account {
    /// A fresh one.
    pub(super) fn open(name: &str) -> anyhow::Result<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").context("/proc/self/cgroup")?;
        for (version, mount, begins) in HIERARCHIES {
            let below = own.lines().find_map(|line| line.split_once(begins));
            let Some((_, below)) = below else { continue };
            let name = format!("bailiwick-bench-{}-{name}", std::process::id());
            let folder = Path::new(mount).join(below).join(name);
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            let account = Self { folder, version };
            if account.used().is_ok() {
                return Ok(account);
            }
        }
        bail!(
            "no cgroup can be made here: processor time of whole programs takes root, and \
             cgroups of version 2 or `cpuacct` of version 1"
        )
    }

    /// `command` within it from its first instruction on.
    pub(super) fn within(&self, command: &Command) -> Command {
        let mut within = Command::new("sh");
        within
            .args(["-c", r#"echo $$ > "$0" && exec "$@""#])
            .arg(self.folder.join("cgroup.procs"))
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => within.env(name, value),
                None => within.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            within.current_dir(folder);
        }
        within
    }

    /// Processor time of all that was ever in it.
    pub(super) fn used(&self) -> anyhow::Result<Duration> {
        let file = self.folder.join(match self.version {
            Version::One => "cpuacct.usage",
            Version::Two => "cpu.stat",
        });
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let used = match self.version {
            Version::One => text.trim().parse().ok().map(Duration::from_nanos),
            Version::Two => microseconds(&text),
        };
        used.with_context(|| format!("{} tells no processor time", file.display()))
    }

    /// Memory of those who are in it.
    pub(super) fn memory(&self) -> anyhow::Result<Memory> {
        let mut sum = Memory::default();
        let members = self.members()?;
        ensure!(
            !members.is_empty(),
            "nobody is left in {}",
            self.folder.display()
        );
        for member in members {
            let file = format!("/proc/{member}/smaps_rollup");
            let text = fs::read_to_string(&file).with_context(|| file.clone())?;
            let shares = kilobytes(&text, "Pss").with_context(|| format!("{file} has no Pss"))?;
            sum.proportional += shares * 1_024.0 / 1e6;
            sum.resident += Process(member).megabytes("VmRSS")?;
            sum.most += Process(member).megabytes("VmHWM")?;
        }
        Ok(sum)
    }

    fn members(&self) -> anyhow::Result<Vec<u32>> {
        let file = self.folder.join("cgroup.procs");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let ids = text.lines().map(str::parse).collect::<Result<_, _>>();
        ids.with_context(|| file.display().to_string())
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // A cgroup goes once nobody is in it.
        while fs::remove_dir(&self.folder).is_err() && Instant::now() < deadline {
            for member in self.members().unwrap_or_default() {
                // It may have ended by itself.
                drop(
                    Command::new("kill")
                        .args(["-KILL", &member.to_string()])
                        .output(),
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// `usage_usec` of `cpu.stat` (the kernel's cgroup-v2.rst).
fn microseconds(stat: &str) -> Option<Duration> {
    let line = stat
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "));
    line?.trim().parse().ok().map(Duration::from_micros)
}

/// A value in kB of `smaps_rollup`, which has a line for each.
fn kilobytes(rollup: &str, key: &str) -> Option<f64> {
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line?.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_needs::own_cgroups;

    #[test]
    fn the_kernel_tells_of_time_and_of_shares() {
        let stat = "usage_usec 151234\nuser_usec 100000\nsystem_usec 51234\n";
        assert_eq!(microseconds(stat), Some(Duration::from_micros(151_234)));
        assert_eq!(microseconds("user_usec 1\n"), None);
        let rollup = "55-7f ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss:      512 kB\n\
                      Pss_Dirty: 4 kB\n";
        assert_eq!(kilobytes(rollup, "Pss"), Some(512.0));
        assert_eq!(kilobytes(rollup, "Swap"), None);
    }

    #[test]
    fn what_a_program_and_its_ended_children_used_is_in_its_account_and_nothing_is_left() {
        if own_cgroups("that processor time of whole programs is added up").is_empty() {
            return;
        }
        let account = Account::open("test").unwrap();
        // A child that works and ends, then one that waits for an input that nobody ends.
        let mut command = Command::new("sh");
        let loops = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        command.args(["-c", &format!("sh -c '{loops}'; echo done; cat")]);
        let mut within = account.within(&command);
        within.stdin(std::process::Stdio::piped());
        within.stdout(std::process::Stdio::piped());
        let mut child = within.spawn().unwrap();
        let mut told = [0; 5];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut told).unwrap();
        let used = account.used().unwrap();
        assert!(used > Duration::from_millis(20), "{used:?}");
        assert!(account.memory().unwrap().proportional > 0.0);
        let folder = account.folder.clone();
        drop(account);
        child.wait().unwrap();
        assert!(!folder.exists());
    }
}
