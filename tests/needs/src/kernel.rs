//! Features of the kernel, which no package brings: a test may skip for want of them
//! everywhere.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::skip::{Rule, skip};

/// The committed list of what may be missing even with `CI=true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelFeature {
    /// BPF with type information, for iterators over tasks.
    Bpf,
    /// Audit: the kernel gives each login a session id that its processes inherit.
    Audit,
}

impl KernelFeature {
    /// Every feature of the list.
    pub const ALL: [Self; 2] = [Self::Bpf, Self::Audit];

    /// Whether this kernel has it. If not, the skip is noted; `untested` says what is not
    /// tested without it.
    pub fn is_there(self, untested: &str) -> bool {
        let there = self.sign().exists();
        if !there {
            skip(self.name(), untested, Rule::Everywhere);
        }
        there
    }

    /// As people know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bpf => "BPF with type information (CONFIG_DEBUG_INFO_BTF)",
            Self::Audit => "audit session ids (CONFIG_AUDIT)",
        }
    }

    /// The file that is there if and only if the feature is.
    fn sign(self) -> &'static Path {
        Path::new(match self {
            Self::Bpf => "/sys/kernel/btf/vmlinux",
            Self::Audit => "/proc/self/sessionid",
        })
    }
}

/// Whether this process may do what only root may. If not, the skip is noted; `untested`
/// says what is not tested without it.
pub fn root(untested: &str) -> bool {
    // "Uid:", then the real, the effective and two more (proc_pid_status(5)).
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .and_then(|ids| ids.split_whitespace().nth(1));
    if effective != Some("0") {
        skip("being root", untested, Rule::Everywhere);
    }
    effective == Some("0")
}

/// Whether this process may have mounts of its own, which root of a container need not. If
/// not, the skip is noted; `untested` says what is not tested without it.
pub fn own_mounts(untested: &str) -> bool {
    may_unshare("--mount", "the right to mount", untested)
}

/// Whether this process may have network namespaces of its own, which root of a container
/// need not. If not, the skip is noted; `untested` says what is not tested without it.
pub fn own_networks(untested: &str) -> bool {
    may_unshare("--net", "the right to make network namespaces", untested)
}

/// Notes the skip of a test that found no process connector, which root of a container need
/// not have; `untested` says what is not tested without it.
pub fn no_process_notices(untested: &str) {
    skip(
        "the kernel's notices of processes (CONFIG_PROC_EVENTS)",
        untested,
        Rule::Everywhere,
    );
}

/// Notes the skip of a test that may not attach a BPF iterator, which root of a container need
/// not; `untested` says what is not tested without it.
pub fn no_task_iterator(untested: &str) {
    skip(
        "the right to attach a BPF task iterator (CAP_BPF, CAP_PERFMON, no container)",
        untested,
        Rule::Everywhere,
    );
}

/// Notes the skip of a test that could not draw a line of Landlock, which kernels before 5.13 do
/// not have and others need not use; `untested` says what is not tested without it.
pub fn no_landlock(untested: &str) {
    skip(
        "Landlock (CONFIG_SECURITY_LANDLOCK)",
        untested,
        Rule::Everywhere,
    );
}

/// This process's own cgroups, of version 2 and of the freezer, where it may make others
/// below. If there is none, the skip is noted; `untested` says what is not tested then.
pub fn own_cgroups(untested: &str) -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let probe = format!(
        "probe-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let may = |folder: &PathBuf| {
        let probe = folder.join(&probe);
        let is_made = fs::create_dir(&probe).is_ok();
        let is_cgroup = probe.join("cgroup.procs").exists();
        is_made && fs::remove_dir(probe).is_ok() && is_cgroup
    };
    let found: Vec<PathBuf> = [
        ("0::/", "/sys/fs/cgroup"),
        ("0::/", "/sys/fs/cgroup/unified"),
        (":freezer:/", "/sys/fs/cgroup/freezer"),
    ]
    .into_iter()
    .filter_map(|(before, mount)| {
        let below = own.lines().find_map(|line| line.split_once(before))?.1;
        Some(Path::new(mount).join(below))
    })
    .filter(may)
    .collect();
    if found.is_empty() {
        skip("a cgroup that may be written", untested, Rule::Everywhere);
    }
    found
}

fn may_unshare(namespace: &str, right: &str, untested: &str) -> bool {
    let tried = Command::new("unshare").args([namespace, "true"]).output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        skip(right, untested, Rule::Everywhere);
    }
    may
}
