//! Processes: one pass over them serves all who ask about the same moment.
//!
//! On Linux the kernel's own list of tasks is read where this program may (see `bpf`), and
//! /proc where it may not (see `linux`). Elsewhere `sysinfo` makes the pass.

#[cfg(target_os = "linux")]
pub(crate) mod bpf;
#[cfg(not(target_os = "linux"))]
pub(crate) mod elsewhere;
#[cfg(target_os = "linux")]
mod iterated;
#[cfg(target_os = "linux")]
mod known;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod machine;
mod source;
#[cfg(target_os = "linux")]
pub(crate) mod stat;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

#[cfg(target_os = "linux")]
use bailiwick_core::process::Process;
use bailiwick_core::{
    ports::{BoxFuture, Clock, Processes, UnavailableError},
    process::ProcessTable,
};

#[cfg(target_os = "linux")]
pub use self::bpf::TaskIterator;
#[cfg(not(target_os = "linux"))]
pub use self::elsewhere::TaskIterator;
pub use self::source::ProcessSource;

#[cfg(not(target_os = "linux"))]
use self::elsewhere::Reader;
#[cfg(target_os = "linux")]
use self::linux::Reader;
use crate::{Privileged, blocking::ask};

/// The processes of this machine.
pub struct DeviceProcesses {
    clock: Arc<dyn Clock>,
    reader: Arc<Mutex<Reader>>,
    last: Arc<Mutex<Option<Arc<ProcessTable>>>>,
    source: Arc<Mutex<ProcessSource>>,
}

impl DeviceProcesses {
    /// Nothing is read yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with(clock, Reader::new())
    }

    /// The same, where `privileged` reads what this process may not.
    pub fn through(clock: Arc<dyn Clock>, privileged: Arc<Privileged>) -> Self {
        Self::with(clock, Reader::through(privileged))
    }

    /// The same, where processes are listed by `tasks`; or why they can't be, which is told as
    /// [`ProcessSource::remark`].
    #[must_use]
    pub fn listed_by(self, tasks: Result<TaskIterator, String>) -> Self {
        let mut reader = lock(&self.reader);
        reader.list_by(tasks);
        lock(&self.source).clone_from(reader.source());
        drop(reader);
        self
    }

    /// How processes are read: as of the last pass, for an iterator that fails is not used
    /// again. Waits for nothing.
    pub fn source(&self) -> ProcessSource {
        lock(&self.source).clone()
    }

    fn with(clock: Arc<dyn Clock>, reader: Reader) -> Self {
        Self {
            clock,
            source: Arc::new(Mutex::new(reader.source().clone())),
            reader: Arc::new(Mutex::new(reader)),
            last: Arc::default(),
        }
    }
}

#[cfg(target_os = "linux")]
impl DeviceProcesses {
    /// One process as it is now, its start told as in the table; none if it is not there. Blocks
    /// for as long as it takes to read five files, or for a pass that is being made.
    pub(crate) fn look(&self, pid: u32) -> Result<Option<Process>, String> {
        lock(&self.reader).look(pid)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The table that was made last, if it is not older than asked for.
fn young(
    last: &Mutex<Option<Arc<ProcessTable>>>,
    clock: &dyn Clock,
    no_older_than: Duration,
) -> Option<Arc<ProcessTable>> {
    let now = clock.monotonic();
    let last = lock(last);
    let table = last.as_ref()?;
    (now.since(table.taken) <= no_older_than).then(|| Arc::clone(table))
}

impl Processes for DeviceProcesses {
    fn table(
        &self,
        no_older_than: Duration,
    ) -> BoxFuture<'_, Result<Arc<ProcessTable>, UnavailableError>> {
        if let Some(table) = young(&self.last, &*self.clock, no_older_than) {
            return Box::pin(std::future::ready(Ok(table)));
        }
        let (clock, reader) = (Arc::clone(&self.clock), Arc::clone(&self.reader));
        let (last, source) = (Arc::clone(&self.last), Arc::clone(&self.source));
        Box::pin(ask("the processes", move || {
            let mut reader = lock(&reader);
            // Whoever waited for a pass of another is served by it.
            if let Some(table) = young(&last, &*clock, no_older_than) {
                return Ok(table);
            }
            let (taken_at, taken) = (clock.now(), clock.monotonic());
            let table = Arc::new(reader.pass(taken_at, taken)?);
            *lock(&last) = Some(Arc::clone(&table));
            let mut source = lock(&source);
            if *source != *reader.source() {
                source.clone_from(reader.source());
            }
            Ok(table)
        }))
    }
}
