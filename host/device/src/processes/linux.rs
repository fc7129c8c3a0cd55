//! The pass over /proc, and what is read there of a process whoever lists it.
//!
//! What it costs is mostly system calls, so it makes few: a descriptor of each process's `stat`
//! stays open and is read again in place, and other files are read only of processes that are
//! new or whose processor time moved. A descriptor also proves identity: it reads nothing once
//! its process is gone, whoever has the number then. In the steady state nothing is
//! allocated per process but its place in the table.

use std::{fs, io::Write as _, os::fd::OwnedFd, path::PathBuf, sync::Arc};

use bailiwick_core::{
    bytes::ByteCount,
    process::{Described, LONGEST_COMMAND_LINE, MOST_PROCESSES, Process, ProcessTable, Way},
    time::{Monotonic, Timestamp},
};
use rustix::{
    fs::{Mode, OFlags},
    process::Resource,
};

use super::{ProcessSource, bpf::TaskIterator, known::Known, machine, stat};
use crate::{
    Privileged,
    privileged::{Wanted, closely},
    sessions::{process::marks, users::Users},
};

/// So long after its start a process is described again in each pass: between fork and exec it
/// shows its parent's program, and logind moves what logs a user in.
pub(super) const YOUNG_MS: u64 = 30_000;
/// Descriptors of `stat` that stay open, whatever the limit allows.
const MOST_OPEN: u64 = 4_096;
/// `stat` has at most 52 numbers and a short name.
const LONGEST_STAT: usize = 2_048;
/// The kernel counts memory at each processor, and adds 32 pages or more at a time to what it
/// lists: with more processors than these, that is off by more than 1 MiB of each kind.
const MOST_PROCESSORS: u32 = 8;

/// Reads the processes, and remembers what it need not read again.
pub(super) struct Reader {
    proc: PathBuf,
    folder: Option<OwnedFd>,
    users: Users,
    /// When the machine was started, as said at the first pass: a clock that is set must not
    /// change which process is which.
    boot: Option<Timestamp>,
    pub(super) page: u64,
    /// Descriptors that may stay open.
    budget: usize,
    descriptors: usize,
    /// In order of ids.
    pub(super) known: Vec<Known>,
    pub(super) next: Vec<Known>,
    pids: Vec<u32>,
    pub(super) buffer: Vec<u8>,
    /// Reads what this process may not; then it is asked once a pass.
    privileged: Option<Arc<Privileged>>,
    /// What it is asked for in this pass.
    pub(super) wanted: Vec<Wanted>,
    /// What is listed of memory is too far off, so that it is read where it may have changed.
    pub(super) adds_up: bool,
    /// Lists processes instead of /proc, as long as it does.
    tasks: Option<TaskIterator>,
    source: ProcessSource,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self::at(PathBuf::from("/proc"), PathBuf::from("/etc/passwd"))
    }

    pub(super) fn through(privileged: Arc<Privileged>) -> Self {
        Self {
            privileged: Some(privileged),
            ..Self::new()
        }
    }

    fn at(proc: PathBuf, accounts: PathBuf) -> Self {
        let allowed = rustix::process::getrlimit(Resource::Nofile).current;
        // The other half is for everything else that this program opens.
        let budget = allowed.map_or(MOST_OPEN, |allowed| (allowed / 2).min(MOST_OPEN));
        Self {
            proc,
            folder: None,
            users: Users::new(accounts),
            boot: None,
            page: machine::page_size(),
            budget: usize::try_from(budget).unwrap_or_default(),
            descriptors: 0,
            known: Vec::new(),
            next: Vec::new(),
            pids: Vec::new(),
            buffer: vec![0; 16 * 1_024],
            privileged: None,
            wanted: Vec::new(),
            adds_up: machine::processors() > MOST_PROCESSORS,
            tasks: None,
            source: ProcessSource::new(Way::Proc),
        }
    }

    /// Lists processes by `tasks`, if there is such a thing, or says why it does not.
    pub(super) fn list_by(&mut self, tasks: Result<TaskIterator, String>) {
        match tasks {
            Ok(tasks) => {
                self.tasks = Some(tasks);
                self.source = ProcessSource::new(Way::Bpf);
            }
            Err(remark) => {
                self.tasks = None;
                self.source = ProcessSource {
                    way: Way::Proc,
                    remark,
                };
            }
        }
    }

    /// How processes are read.
    pub(super) fn source(&self) -> &ProcessSource {
        &self.source
    }

    /// All processes at `taken_at`.
    pub(super) fn pass(
        &mut self,
        taken_at: Timestamp,
        taken: Monotonic,
    ) -> Result<ProcessTable, String> {
        let boot = self.boot()?;
        self.users.refresh();
        self.folder()?;
        let cut = match self.tasks.take() {
            Some(tasks) => match self.iterate(&tasks, boot, taken_at) {
                Ok(cut) => {
                    self.tasks = Some(tasks);
                    cut
                }
                // It would fail again.
                Err(reason) => {
                    self.list_by(Err(reason));
                    self.read_all(boot, taken_at)?
                }
            },
            None => self.read_all(boot, taken_at)?,
        };
        let mut found = std::mem::take(&mut self.known);
        self.look_closely(&mut found);
        let processes = found.iter().map(|known| known.process.clone()).collect();
        self.known = found;
        Ok(ProcessTable::new(
            taken_at,
            taken,
            self.source.way,
            processes,
            cut,
        ))
    }

    /// All processes, into `known`; how many are beyond the bound.
    fn read_all(&mut self, boot: Timestamp, taken_at: Timestamp) -> Result<usize, String> {
        let cut = self.list()?;
        let pids = std::mem::take(&mut self.pids);
        let mut before = std::mem::take(&mut self.known).into_iter().peekable();
        let mut next = std::mem::take(&mut self.next);
        for pid in &pids {
            while let Some(gone) = before.next_if(|known| known.process.pid < *pid) {
                self.forget(gone);
            }
            let known = before.next_if(|known| known.process.pid == *pid);
            let now = match known {
                Some(known) => self.again(known, boot, taken_at),
                None => self.fresh(*pid, boot),
            };
            next.extend(now);
        }
        before.for_each(|gone| self.forget(gone));
        self.known = next;
        self.pids = pids;
        Ok(cut)
    }

    /// One process as it is now, whatever a pass knew of it; none if it is not there.
    pub(super) fn look(&mut self, pid: u32) -> Result<Option<Process>, String> {
        let boot = self.boot()?;
        self.users.refresh();
        self.folder()?;
        let Some(mut known) = self.fresh(pid, boot) else {
            return Ok(None);
        };
        self.look_closely(std::slice::from_mut(&mut known));
        let process = known.process.clone();
        self.forget(known);
        Ok(Some(process))
    }

    fn boot(&mut self) -> Result<Timestamp, String> {
        Ok(match self.boot {
            Some(boot) => boot,
            None => *self.boot.insert(self.boot_time()?),
        })
    }

    fn forget(&mut self, known: Known) {
        if known.stat.is_some() {
            self.descriptors -= 1;
        }
    }

    fn boot_time(&self) -> Result<Timestamp, String> {
        let path = self.proc.join("stat");
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("{} can't be read: {error}", path.display()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("btime "));
        let seconds = line.and_then(|line| line.trim().parse::<u64>().ok());
        seconds
            .map(|seconds| Timestamp::from_ms(seconds.saturating_mul(1_000)))
            .ok_or_else(|| {
                format!(
                    "{} does not say when the machine was started",
                    path.display()
                )
            })
    }

    /// Ids of all processes, in order; how many are beyond the bound.
    fn list(&mut self) -> Result<usize, String> {
        let mut entries = rustix::fs::Dir::read_from(self.folder()?).map_err(not_listed)?;
        self.pids.clear();
        while let Some(entry) = entries.read() {
            let entry = entry.map_err(not_listed)?;
            let name = entry.file_name().to_str().unwrap_or_default();
            if let Ok(pid) = name.parse() {
                self.pids.push(pid);
            }
        }
        self.pids.sort_unstable();
        let cut = self.pids.len().saturating_sub(MOST_PROCESSES);
        self.pids.truncate(MOST_PROCESSES);
        Ok(cut)
    }

    fn folder(&mut self) -> Result<&OwnedFd, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(match self.folder.take() {
            Some(folder) => self.folder.insert(folder),
            None => {
                let folder = rustix::fs::open(&self.proc, flags, Mode::empty());
                self.folder.insert(folder.map_err(not_listed)?)
            }
        })
    }

    /// A process that was there in the last pass, if it still is; or the one that has its
    /// number now.
    pub(super) fn again(
        &mut self,
        mut known: Known,
        boot: Timestamp,
        now: Timestamp,
    ) -> Option<Known> {
        let pid = known.process.pid;
        let length = match &known.stat {
            Some(file) => rustix::io::pread(file, &mut self.buffer[..LONGEST_STAT], 0).ok(),
            None => self.read(pid, "stat", LONGEST_STAT),
        };
        let buffer = std::mem::take(&mut self.buffer);
        let read = length.and_then(|length| stat::parse(&buffer[..length]));
        let result = match read.filter(|stat| stat.started_ticks == known.started_ticks) {
            Some(stat) => {
                let moved = stat.cpu_ticks != known.cpu_ticks;
                let renamed = stat.name != known.process.described.name.as_bytes()
                    && String::from_utf8_lossy(stat.name) != known.process.described.name;
                let young = now.as_ms().saturating_sub(known.process.started.as_ms()) < YOUNG_MS;
                known.follow(&stat);
                Ok((moved, renamed || young))
            }
            None => Err(()),
        };
        self.buffer = buffer;
        match result {
            Ok((moved, may_differ)) => {
                if moved || may_differ {
                    self.figures(&mut known.process);
                }
                if may_differ {
                    self.describe(&mut known.process);
                }
                Some(known)
            }
            Err(()) => {
                self.forget(known);
                self.fresh(pid, boot)
            }
        }
    }

    /// A process that was not there in the last pass; none if it is gone already.
    pub(super) fn fresh(&mut self, pid: u32, boot: Timestamp) -> Option<Known> {
        let file = self.open(pid, "stat")?;
        let length = rustix::io::pread(&file, &mut self.buffer[..LONGEST_STAT], 0).ok()?;
        let buffer = std::mem::take(&mut self.buffer);
        let known = stat::parse(&buffer[..length]).map(|stat| {
            let mut known = Known::new(pid, stat.started_ticks, boot);
            known.follow(&stat);
            known
        });
        self.buffer = buffer;
        let mut known = known?;
        if self.descriptors < self.budget {
            self.descriptors += 1;
            known.stat = Some(file);
        }
        self.figures(&mut known.process);
        self.describe(&mut known.process);
        Some(known)
    }

    /// Reads what moves with processor time. What can't be read stays as it was: of a process
    /// that ended, or of another user where this program may not see it.
    fn figures(&mut self, process: &mut Process) {
        self.resident(process);
        if self.privileged.is_some() {
            self.wanted.push(Wanted {
                pid: process.pid,
                program: false,
            });
        } else if let Some(length) = self.read(process.pid, "io", 512)
            && let Some(moved) = stat::moved(&self.buffer[..length])
        {
            set_moved(process, moved);
        }
    }

    /// Reads its memory, as the kernel adds it up.
    pub(super) fn resident(&mut self, process: &mut Process) {
        if let Some(length) = self.read(process.pid, "statm", 256)
            && let Some(pages) = stat::resident_pages(&self.buffer[..length])
        {
            process.memory = ByteCount::new(pages.saturating_mul(self.page));
        }
    }

    /// Has read what this process may not read. Of whom it can't be had now, what is known
    /// stays.
    fn look_closely(&mut self, found: &mut [Known]) {
        let Some(privileged) = &self.privileged else {
            return;
        };
        let wanted = &self.wanted;
        closely::look(privileged, wanted, |index, seen| {
            let Some(Wanted { pid, program }) = wanted.get(index) else {
                return;
            };
            let Ok(at) = found.binary_search_by_key(pid, |known| known.process.pid) else {
                return;
            };
            let process = &mut found[at].process;
            if let Some(moved) = seen.moved {
                set_moved(process, moved);
            }
            let told = String::from_utf8_lossy(&seen.program);
            if *program && process.described.executable != told {
                Arc::make_mut(&mut process.described).executable = told.into_owned();
            }
        });
        self.wanted.clear();
    }

    /// Reads what changes with the program that it runs.
    pub(super) fn describe(&mut self, process: &mut Process) {
        let mut described = Described {
            name: process.described.name.clone(),
            ..Described::default()
        };
        if self.privileged.is_some() {
            // Until it is known, as it was.
            described.executable = process.described.executable.clone();
            if let Some(wanted) = self.wanted.last_mut()
                && wanted.pid == process.pid
            {
                wanted.program = true;
            }
        } else if let Some(folder) = &self.folder {
            let path = Path::new(process.pid, "exe");
            if let Ok(target) = rustix::fs::readlinkat(folder, path.text(), Vec::new()) {
                described.executable = target.to_string_lossy().into_owned();
            }
        }
        if let Some(length) = self.read(process.pid, "cmdline", LONGEST_COMMAND_LINE) {
            described.command_line = words(&self.buffer[..length]);
        }
        if let Some(length) = self.read(process.pid, "status", 2_048) {
            described.uid = stat::user(&self.buffer[..length]);
        }
        described.user = described
            .uid
            .and_then(|uid| self.users.name(uid))
            .map(str::to_owned);
        described.marks = marks(&self.proc, process.pid).unwrap_or_default();
        // The same again is the rule: then the old one stays, which others share.
        if *process.described != described {
            process.described = Arc::new(described);
        }
    }

    /// Whether another process reads what this one may not.
    pub(super) fn is_behind_another(&self) -> bool {
        self.privileged.is_some()
    }

    fn open(&self, pid: u32, name: &'static str) -> Option<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let path = Path::new(pid, name);
        rustix::fs::openat(self.folder.as_ref()?, path.text(), flags, Mode::empty()).ok()
    }

    /// Reads up to `at_most` bytes into the buffer.
    fn read(&mut self, pid: u32, name: &'static str, at_most: usize) -> Option<usize> {
        let file = self.open(pid, name)?;
        rustix::io::read(&file, &mut self.buffer[..at_most]).ok()
    }
}

fn not_listed(error: rustix::io::Errno) -> String {
    format!("the processes can't be listed: {error}")
}

fn set_moved(process: &mut Process, (read, written): (u64, u64)) {
    process.read = Some(ByteCount::new(read));
    process.written = Some(ByteCount::new(written));
}

/// Arguments end with a NUL each; what is cut in the middle of a character loses it.
fn words(arguments: &[u8]) -> String {
    let end = arguments.iter().rposition(|byte| *byte != 0);
    let arguments = &arguments[..end.map_or(0, |end| end + 1)];
    let text = String::from_utf8_lossy(arguments);
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    text.replace('\0', " ")
}

/// `PID/name`, written where nothing is allocated.
struct Path {
    bytes: [u8; 24],
    length: usize,
}

impl Path {
    fn new(pid: u32, name: &'static str) -> Self {
        let mut bytes = [0; 24];
        let room = bytes.len();
        let mut rest = &mut bytes[..];
        // The longest id has ten digits, and the longest name is `cmdline`.
        let written = write!(rest, "{pid}/{name}").map(|()| room - rest.len());
        Self {
            bytes,
            length: written.unwrap_or_default(),
        }
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
#[path = "linux_tests.rs"]
mod tests;
