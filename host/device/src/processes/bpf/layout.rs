//! What is read of each task, and where this kernel has it.

use super::btf::{Btf, Field, TypeId};

/// Where each field is in what the program writes, in bytes.
pub(super) mod slot {
    pub(in super::super) const TASK: u16 = 0;
    pub(in super::super) const PROCESS: u16 = 4;
    pub(in super::super) const CPU: u16 = 8;
    pub(in super::super) const READ: u16 = 16;
    pub(in super::super) const WRITTEN: u16 = 24;
    /// So far what is written of every thread.
    pub(in super::super) const SUMMED_BYTES: usize = 32;
    pub(in super::super) const STARTED: u16 = 32;
    pub(in super::super) const EXEC: u16 = 40;
    pub(in super::super) const ENDED_CPU: u16 = 48;
    pub(in super::super) const ENDED_READ: u16 = 56;
    pub(in super::super) const ENDED_WRITTEN: u16 = 64;
    /// Of files, of no file, and shared.
    pub(in super::super) const PAGES: [u16; 3] = [72, 80, 88];
    pub(in super::super) const PARENT: u16 = 96;
    pub(in super::super) const THREADS: u16 = 100;
    pub(in super::super) const USER: u16 = 104;
    pub(in super::super) const SESSION: u16 = 108;
    pub(in super::super) const FLAGS: u16 = 112;
    pub(in super::super) const EXIT_STATE: u16 = 116;
    pub(in super::super) const EXIT_CODE: u16 = 120;
    pub(in super::super) const GROUP_EXIT_CODE: u16 = 124;
    pub(in super::super) const GROUP_FLAGS: u16 = 128;
    pub(in super::super) const NAME: u16 = 136;
    /// `TASK_COMM_LEN` of linux/sched.h.
    pub(in super::super) const NAME_BYTES: usize = 16;
    pub(in super::super) const BYTES: usize = 152;
}

/// The structure in which a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The task itself.
    Task,
    /// What the threads of a process share.
    Signal,
    /// Its memory; the kernel's own threads have none.
    Memory,
    /// Who made it.
    Parent,
    /// As whom it runs.
    Credentials,
}

impl Of {
    /// Those that a task points to: the member that does, and the structure it points to.
    const POINTED: [(Self, &str, &str); 4] = [
        (Self::Signal, "signal", "signal_struct"),
        (Self::Memory, "mm", "mm_struct"),
        (Self::Parent, "real_parent", "task_struct"),
        (Self::Credentials, "real_cred", "cred"),
    ];
}

/// Whether every kernel has a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Had {
    Always,
    /// It is left out where the kernel was built without.
    Perhaps,
}

use Had::{Always, Perhaps};

/// What is read: from which structure, by which of these names, into which place of how many
/// bytes.
const FIELDS: [(Of, &[&str], u16, u32, Had); 23] = [
    (Of::Task, &["pid"], slot::TASK, 4, Always),
    (Of::Task, &["tgid"], slot::PROCESS, 4, Always),
    (Of::Task, &["se.sum_exec_runtime"], slot::CPU, 8, Always),
    (Of::Task, &["ioac.read_bytes"], slot::READ, 8, Perhaps),
    (Of::Task, &["ioac.write_bytes"], slot::WRITTEN, 8, Perhaps),
    (Of::Task, &["start_boottime"], slot::STARTED, 8, Always),
    (Of::Task, &["self_exec_id"], slot::EXEC, 8, Always),
    (Of::Task, &["flags"], slot::FLAGS, 4, Always),
    (Of::Task, &["exit_state"], slot::EXIT_STATE, 4, Always),
    (Of::Task, &["exit_code"], slot::EXIT_CODE, 4, Always),
    (Of::Task, &["sessionid"], slot::SESSION, 4, Perhaps),
    (
        Of::Signal,
        &["sum_sched_runtime"],
        slot::ENDED_CPU,
        8,
        Always,
    ),
    (
        Of::Signal,
        &["ioac.read_bytes"],
        slot::ENDED_READ,
        8,
        Perhaps,
    ),
    (
        Of::Signal,
        &["ioac.write_bytes"],
        slot::ENDED_WRITTEN,
        8,
        Perhaps,
    ),
    (Of::Signal, &["nr_threads"], slot::THREADS, 4, Always),
    (Of::Signal, &["flags"], slot::GROUP_FLAGS, 4, Always),
    (
        Of::Signal,
        &["group_exit_code"],
        slot::GROUP_EXIT_CODE,
        4,
        Always,
    ),
    // MM_FILEPAGES, MM_ANONPAGES and MM_SHMEMPAGES of linux/mm_types_task.h; since Linux 6.2
    // each is counted per processor.
    (
        Of::Memory,
        &["rss_stat[0].count", "rss_stat.count[0].counter"],
        slot::PAGES[0],
        8,
        Always,
    ),
    (
        Of::Memory,
        &["rss_stat[1].count", "rss_stat.count[1].counter"],
        slot::PAGES[1],
        8,
        Always,
    ),
    (
        Of::Memory,
        &["rss_stat[3].count", "rss_stat.count[3].counter"],
        slot::PAGES[2],
        8,
        Always,
    ),
    (Of::Parent, &["tgid"], slot::PARENT, 4, Always),
    (Of::Credentials, &["euid.val"], slot::USER, 4, Always),
    (Of::Task, &["comm"], slot::NAME, 16, Always),
];

/// A field that is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Where the kernel has it.
    pub(super) from: Place,
    /// Where it is written to.
    pub(super) to: u16,
    /// How many bytes are written: 4, 8, or 16 of the name.
    pub(super) bytes: u32,
}

/// Where something is in a structure of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From its start, in bytes.
    pub(super) offset: i16,
    /// How long it is.
    pub(super) bytes: u32,
}

/// Where this kernel has everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The function whose place the program takes.
    pub(super) iterator: u32,
    /// Where `bpf_iter_meta` points to what is written to.
    pub(super) output: Place,
    /// What is copied of the task itself.
    pub(super) task: Vec<Copied>,
    /// Each structure that it points to, and what is copied from there.
    pub(super) pointed: Vec<(Place, Vec<Copied>)>,
    /// Whether the kernel counts what is read and written.
    pub(super) counts_storage: bool,
}

impl Layout {
    /// Finds it.
    ///
    /// # Errors
    /// What this kernel does not have, or has in another shape.
    pub(super) fn find(btf: &Btf<'_>) -> Result<Self, String> {
        let structure = |name: &str| btf.structure(name).ok_or_else(|| name.to_owned());
        let task = structure("task_struct")?;
        let iterator = btf.function("bpf_iter_task").ok_or("bpf_iter_task")?;
        let meta = structure("bpf_iter_meta")?;
        let mut pointed = Vec::new();
        for (of, pointer, name) in Of::POINTED {
            let from = place(btf, task, pointer, 8).ok_or(pointer)?;
            pointed.push((from, copied(btf, of, structure(name)?)?));
        }
        let task = copied(btf, Of::Task, task)?;
        Ok(Self {
            iterator: iterator.0,
            output: place(btf, meta, "seq", 8).ok_or("seq")?,
            counts_storage: task.iter().any(|copied| copied.to == slot::READ),
            task,
            pointed,
        })
    }
}

fn copied(btf: &Btf<'_>, of: Of, structure: TypeId) -> Result<Vec<Copied>, String> {
    let mut all = Vec::new();
    for (_, names, to, bytes, had) in FIELDS.into_iter().filter(|field| field.0 == of) {
        let mut places = names.iter().map(|name| place(btf, structure, name, bytes));
        match places.find_map(|place| place) {
            Some(from) => all.push(Copied { from, to, bytes }),
            None if had == Perhaps => {}
            None => return Err(names[0].to_owned()),
        }
    }
    Ok(all)
}

/// A field that fits into so many bytes and can be read at once; or the name.
fn place(btf: &Btf<'_>, structure: TypeId, path: &str, at_most: u32) -> Option<Place> {
    let Field { offset, bytes } = btf.field(structure, path)?;
    let fits = match bytes {
        4 | 8 => bytes <= at_most,
        16 => at_most == 16,
        _ => false,
    };
    let offset = fits.then(|| i16::try_from(offset).ok())??;
    Some(Place { offset, bytes })
}
