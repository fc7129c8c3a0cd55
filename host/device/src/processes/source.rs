//! How processes are read.

use std::fmt;

/// What tells of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// The kernel's own list of tasks, by an iterator of ours.
    Bpf,
    /// The files in /proc.
    Proc,
    /// The platform, through `sysinfo`.
    Sysinfo,
}

impl Way {
    /// As scripts know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bpf => "bpf",
            Self::Proc => "proc",
            Self::Sysinfo => "sysinfo",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How this device's processes are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSource {
    /// What tells of them.
    pub way: Way,
    /// Why a cheaper way does not; empty if it is the cheapest, or none was tried.
    pub remark: String,
}

impl ProcessSource {
    /// Of a way that needs no excuse.
    pub(super) const fn new(way: Way) -> Self {
        Self {
            way,
            remark: String::new(),
        }
    }
}
