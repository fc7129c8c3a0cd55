//! What the program in the kernel writes of each task, and how it is read.
//!
//! Of a thread that is not the first of its process only the part that is summed is written.

use super::layout::slot;

/// What is summed over the threads of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Used {
    /// Processor time, in nanoseconds.
    pub(in super::super) cpu_ns: u64,
    /// Bytes that it had read from storage.
    pub(in super::super) read: u64,
    /// Bytes that it had written to storage.
    pub(in super::super) written: u64,
}

impl Used {
    /// Both together.
    pub(in super::super) fn and(self, other: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_add(other.cpu_ns),
            read: self.read.saturating_add(other.read),
            written: self.written.saturating_add(other.written),
        }
    }
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Record {
    /// The process that it is of.
    pub(in super::super) process: u32,
    /// What it has used; of the first thread with what those had used that have ended.
    pub(in super::super) used: Used,
    /// Told of the first thread of a process.
    pub(in super::super) first: Option<First>,
}

/// What is of the whole process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct First {
    /// Since the machine was started, sleep included, in nanoseconds.
    pub(in super::super) started_ns: u64,
    pub(in super::super) parent: u32,
    pub(in super::super) threads: u32,
    pub(in super::super) identity: Identity,
    /// Resident pages.
    pub(in super::super) pages: u64,
    /// If it has ended: how, as wait(2) tells it.
    pub(in super::super) ended: Option<u32>,
}

/// What changes when a process becomes another program, or another user's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Identity {
    /// Rises with every program that it runs.
    pub(in super::super) exec: u64,
    /// The user as whom it runs.
    pub(in super::super) user: u32,
    /// The login from which it descends.
    pub(in super::super) session: u32,
    /// The name ends with a zero.
    pub(in super::super) name: [u8; slot::NAME_BYTES],
}

impl Identity {
    /// At most 15 bytes, of any value.
    pub(in super::super) fn name(&self) -> &[u8] {
        self.name
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default()
    }
}

/// `PF_KTHREAD` of linux/sched.h: memory that it uses is another's.
const OF_THE_KERNEL: u32 = 0x0020_0000;
/// `EXIT_DEAD` and `EXIT_ZOMBIE`.
const EXITED: u32 = 0x10 | 0x20;
/// `SIGNAL_STOP_STOPPED` and `SIGNAL_GROUP_EXIT` of linux/sched/signal.h: how it ended is told
/// of the group.
const OF_GROUP: u32 = 0x1 | 0x4;

/// Takes the next record; none if it is not there whole.
pub(super) fn take(bytes: &mut &[u8]) -> Option<Record> {
    let short = bytes.get(..slot::SUMMED_BYTES)?;
    let (task, process) = (four(short, slot::TASK), four(short, slot::PROCESS));
    let used = Used {
        cpu_ns: eight(short, slot::CPU),
        read: eight(short, slot::READ),
        written: eight(short, slot::WRITTEN),
    };
    if task != process {
        *bytes = bytes.get(slot::SUMMED_BYTES..)?;
        return Some(Record {
            process,
            used,
            first: None,
        });
    }
    let (whole, rest) = bytes.split_at_checked(slot::BYTES)?;
    *bytes = rest;
    Some(Record {
        process,
        used: used.and(Used {
            cpu_ns: eight(whole, slot::ENDED_CPU),
            read: eight(whole, slot::ENDED_READ),
            written: eight(whole, slot::ENDED_WRITTEN),
        }),
        first: Some(first(whole)),
    })
}

fn first(whole: &[u8]) -> First {
    let has_ended = four(whole, slot::EXIT_STATE) & EXITED != 0;
    let exit = if four(whole, slot::GROUP_FLAGS) & OF_GROUP == 0 {
        slot::EXIT_CODE
    } else {
        slot::GROUP_EXIT_CODE
    };
    let is_kernels = four(whole, slot::FLAGS) & OF_THE_KERNEL != 0;
    let pages = slot::PAGES.into_iter().map(|at| {
        // Counted per processor, so that it may be below zero for a while.
        u64::try_from(eight(whole, at).cast_signed()).unwrap_or_default()
    });
    let mut name = [0; slot::NAME_BYTES];
    let told = whole.get(usize::from(slot::NAME)..).unwrap_or_default();
    name.iter_mut().zip(told).for_each(|(to, from)| *to = *from);
    First {
        started_ns: eight(whole, slot::STARTED),
        parent: four(whole, slot::PARENT),
        threads: four(whole, slot::THREADS),
        identity: Identity {
            exec: eight(whole, slot::EXEC),
            user: four(whole, slot::USER),
            session: four(whole, slot::SESSION),
            name,
        },
        pages: if is_kernels {
            0
        } else {
            pages.fold(0, u64::saturating_add)
        },
        ended: has_ended.then(|| four(whole, exit)),
    }
}

fn four(bytes: &[u8], at: u16) -> u32 {
    let found = bytes.get(usize::from(at)..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

fn eight(bytes: &[u8], at: u16) -> u64 {
    let found = bytes.get(usize::from(at)..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}
