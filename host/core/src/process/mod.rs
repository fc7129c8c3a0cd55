//! The processes of the device at one moment.

mod container;
mod owned;

use std::sync::Arc;

use crate::{
    bytes::ByteCount,
    session::ProcessMarks,
    time::{Monotonic, Timestamp},
};

pub use container::container;
pub use owned::Owned;

/// Most processes of a table. Beyond it those with the highest ids are left out, and told.
pub const MOST_PROCESSES: usize = 65_536;
/// Longest command line that is kept, in bytes: more is cut at a character boundary.
pub const LONGEST_COMMAND_LINE: usize = 4_096;

/// Every process, read in one pass and shared by all who ask.
#[derive(Clone, Debug)]
pub struct ProcessTable {
    /// When the pass began.
    pub taken_at: Timestamp,
    /// The same by the clock that never goes backwards.
    pub taken: Monotonic,
    /// What told of them.
    pub way: Way,
    /// In order of their ids.
    pub processes: Vec<Process>,
    /// Processes beyond [`MOST_PROCESSES`].
    pub cut: usize,
    /// Found out when it is asked for.
    owned: owned::Kept,
}

impl ProcessTable {
    /// Of these processes, in the order of their ids; `cut` more were left out.
    pub fn new(
        taken_at: Timestamp,
        taken: Monotonic,
        way: Way,
        processes: Vec<Process>,
        cut: usize,
    ) -> Self {
        Self {
            taken_at,
            taken,
            way,
            processes,
            cut,
            owned: owned::Kept::default(),
        }
    }
}

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

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One process. Its id and its start together tell it from every other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id, which the operating system gives again.
    pub pid: u32,
    /// When it was started; the same in every table.
    pub started: Timestamp,
    /// Id of its parent.
    pub parent: u32,
    /// What changes rarely; shared between tables.
    pub described: Arc<Described>,
    /// Processor time that it has used, in milliseconds, ended threads included.
    pub cpu_ms: u64,
    /// Memory that it holds (resident set).
    pub memory: ByteCount,
    /// Bytes that it had read from storage; none if the operating system does not tell.
    pub read: Option<ByteCount>,
    /// Bytes that it had written to storage.
    pub written: Option<ByteCount>,
    /// Its threads.
    pub threads: u32,
    /// Whether it runs, or how it ended.
    pub state: ProcessState,
}

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// It does.
    Running,
    /// It ended by itself, and its parent has not asked how.
    Ended,
    /// A signal ended it, and its parent has not asked how.
    Killed {
        /// Number of the signal.
        signal: u8,
    },
}

/// What of a process changes only when it runs another program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// As the operating system shows it: on Linux at most 15 bytes.
    pub name: String,
    /// Path of its program; empty if there is none, as of the kernel's own threads, or if it
    /// may not be read.
    pub executable: String,
    /// Arguments, separated by spaces, at most [`LONGEST_COMMAND_LINE`] bytes.
    pub command_line: String,
    /// Id of the user as whom it runs; none where users have no number.
    pub uid: Option<u32>,
    /// Name of that user, where it is known.
    pub user: Option<String>,
    /// What shows whose session it is of.
    pub marks: ProcessMarks,
}
