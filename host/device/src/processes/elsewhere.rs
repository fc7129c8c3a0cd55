//! Platforms other than Linux: what `sysinfo` tells.

use std::sync::Arc;

use bailiwick_core::{
    bytes::ByteCount,
    process::{
        Described, LONGEST_COMMAND_LINE, MOST_PROCESSES, Process, ProcessState, ProcessTable, Way,
    },
    session::ProcessMarks,
    time::{Monotonic, Timestamp},
};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind, Users};

use super::ProcessSource;
use crate::Privileged;

/// There is none on this platform.
#[derive(Debug)]
pub enum TaskIterator {}

impl TaskIterator {
    /// Attaches none.
    ///
    /// # Errors
    /// Always.
    pub fn attach() -> Result<Self, String> {
        Err(format!("there is none on {}", std::env::consts::OS))
    }

    /// Nobody calls it.
    ///
    /// # Errors
    /// Never.
    pub fn tried(self) -> Result<Self, String> {
        Ok(self)
    }

    /// Nobody calls it.
    ///
    /// # Errors
    /// Never.
    pub fn count(&self, _: &mut [u8]) -> Result<usize, String> {
        match *self {}
    }
}

/// Reads the processes, and remembers what `sysinfo` needs between two passes.
pub(super) struct Reader {
    /// None until a pass could open it.
    system: Option<System>,
    /// None where the accounts can't be read; then nobody is named.
    users: Option<Users>,
    source: ProcessSource,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            system: None,
            users: Users::new_with_refreshed_list().ok(),
            source: ProcessSource::new(Way::Sysinfo),
        }
    }

    /// There is nothing else to list them by.
    pub(super) fn list_by(&mut self, _: Result<TaskIterator, String>) {}

    /// How processes are read.
    pub(super) fn source(&self) -> &ProcessSource {
        &self.source
    }

    /// The same: nobody else reads anything here.
    pub(super) fn through(_: Arc<Privileged>) -> Self {
        Self::new()
    }

    /// All processes at `taken_at`.
    pub(super) fn pass(
        &mut self,
        taken_at: Timestamp,
        taken: Monotonic,
    ) -> Result<ProcessTable, String> {
        let what = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .with_disk_usage()
            .with_exe(UpdateKind::OnlyIfNotSet)
            .with_cmd(UpdateKind::OnlyIfNotSet)
            .with_user(UpdateKind::OnlyIfNotSet);
        let system = match &mut self.system {
            Some(system) => system,
            none => none.insert(System::new().map_err(|error| error.to_string())?),
        };
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        let all = system.processes().values();
        let users = self.users.as_ref();
        let mut processes: Vec<Process> = all.map(|process| told(process, users)).collect();
        processes.sort_unstable_by_key(|process| process.pid);
        let cut = processes.len().saturating_sub(MOST_PROCESSES);
        processes.truncate(MOST_PROCESSES);
        Ok(ProcessTable::new(
            taken_at,
            taken,
            Way::Sysinfo,
            processes,
            cut,
        ))
    }
}

/// On Windows a process carries the number of its session, which is 0 for services. What other
/// platforms call a session is a terminal's, and no login.
pub(crate) fn marks(process: &sysinfo::Process) -> ProcessMarks {
    let session = process.session_id().map(sysinfo::Pid::as_u32);
    ProcessMarks {
        audit: session.filter(|number| cfg!(windows) && *number != 0),
        ..ProcessMarks::default()
    }
}

fn told(process: &sysinfo::Process, users: Option<&Users>) -> Process {
    let user = process.user_id().and_then(|id| users?.get_user_by_id(id));
    let words: Vec<_> = process
        .cmd()
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let mut command_line = words.join(" ");
    command_line.truncate(command_line.floor_char_boundary(LONGEST_COMMAND_LINE));
    let described = Described {
        name: process.name().to_string_lossy().into_owned(),
        executable: process
            .exe()
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default(),
        command_line,
        user: user.map(|user| user.name().to_owned()),
        marks: marks(process),
        ..Described::default()
    };
    let moved = process.disk_usage();
    Process {
        pid: process.pid().as_u32(),
        started: Timestamp::from_ms(process.start_time().saturating_mul(1_000)),
        parent: process.parent().map_or(0, sysinfo::Pid::as_u32),
        described: Arc::new(described),
        cpu_ms: process.accumulated_cpu_time(),
        memory: ByteCount::new(process.memory()),
        read: Some(ByteCount::new(moved.total_read_bytes)),
        written: Some(ByteCount::new(moved.total_written_bytes)),
        threads: 1,
        state: ProcessState::Running,
    }
}
