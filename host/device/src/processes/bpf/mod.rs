//! Tasks as the kernel itself lists them: a program of ours runs in the kernel once for each
//! (a BPF task iterator, Linux 5.8 and newer), so that a pass takes a few system calls,
//! however many processes there are.
//!
//! Loading takes CAP_BPF and CAP_PERFMON, or root; what is attached goes on without. The program
//! is made at run time for the layout of the running kernel, so nothing is compiled for a
//! kernel in advance.

mod btf;
mod layout;
mod program;
mod record;
pub(crate) mod syscall;

use std::{fs, os::fd::OwnedFd};

use rustix::io::Errno;

pub(super) use self::record::{First, Identity, Record, Used};
use self::{btf::Btf, layout::Layout};

const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// Kinds of namespaces, and the link to the first of each (`PROC_…_INIT_INO` of
/// linux/proc_ns.h).
const NAMESPACES: [(&str, &str); 3] = [
    ("pid", "pid:[4026531836]"),
    ("user", "user:[4026531837]"),
    ("time", "time:[4026531834]"),
];

/// An iterator over tasks that is attached.
#[derive(Debug)]
pub struct TaskIterator {
    link: OwnedFd,
    counts_storage: bool,
}

impl TaskIterator {
    /// Attaches one. Takes some 15 ms and 10 MB for as long as it lasts.
    ///
    /// # Errors
    /// Why it can't be: the kernel has none, this process may not, or it is in a container.
    pub fn attach() -> Result<Self, String> {
        if cfg!(not(all(
            target_endian = "little",
            target_pointer_width = "64"
        ))) {
            return Err(format!("it is not made for {}", std::env::consts::ARCH));
        }
        own_namespaces()?;
        let types = fs::read(TYPES).map_err(|error| format!("{TYPES} can't be read: {error}"))?;
        let btf = Btf::parse(&types).ok_or_else(|| format!("{TYPES} is not understood"))?;
        let layout = Layout::find(&btf)
            .map_err(|missing| format!("this kernel has no `{missing}` as it is known here"))?;
        let refused = |what: &str, error: Errno| match error {
            Errno::PERM | Errno::ACCESS => format!(
                "{what} is not allowed: it takes CAP_BPF and CAP_PERFMON, and a kernel that is \
                 not locked down"
            ),
            error => format!("{what} failed: {error}"),
        };
        let program = syscall::load(&program::assemble(&layout), layout.iterator)
            .map_err(|error| refused("loading a BPF program", error))?;
        let link =
            syscall::attach(&program).map_err(|error| refused("attaching a BPF program", error))?;
        Ok(Self {
            link,
            counts_storage: layout.counts_storage,
        })
    }

    /// Begins a pass and ends it. Kernels before Linux 5.19 refuse one to who has given up the
    /// right to attach, if others may not use BPF either.
    ///
    /// # Errors
    /// Why no pass can begin.
    pub fn tried(self) -> Result<Self, String> {
        syscall::begin(&self.link).map_err(failed)?;
        Ok(self)
    }

    /// Makes a pass and tells how many processes it told of: what a pass costs, without what
    /// is made of it. `buffer` has room for one task at least, which 16 KiB are on any kernel.
    ///
    /// # Errors
    /// Why the pass failed.
    pub fn count(&self, buffer: &mut [u8]) -> Result<usize, String> {
        let mut processes = 0;
        self.pass(buffer, |record| {
            processes += usize::from(record.first.is_some());
        })?;
        Ok(processes)
    }

    /// Whether the kernel counts what is read and written.
    pub(super) fn counts_storage(&self) -> bool {
        self.counts_storage
    }

    /// Tells `each` of every task, in order of ids; `buffer` has room for one at least.
    pub(super) fn pass(
        &self,
        buffer: &mut [u8],
        mut each: impl FnMut(Record),
    ) -> Result<(), String> {
        let pass = syscall::begin(&self.link).map_err(failed)?;
        let mut kept = 0;
        loop {
            let read = rustix::io::read(&pass, &mut buffer[kept..]).map_err(failed)?;
            if read == 0 {
                // The kernel writes whole records, so this is not one.
                return match kept {
                    0 => Ok(()),
                    _ => Err("the BPF iterator told of a task in part".to_owned()),
                };
            }
            let told = kept + read;
            let mut rest = &buffer[..told];
            while let Some(record) = record::take(&mut rest) {
                each(record);
            }
            kept = rest.len();
            buffer.copy_within(told - kept..told, 0);
        }
    }
}

fn failed(error: Errno) -> String {
    format!("a pass of the BPF iterator failed: {error}")
}

/// The kernel numbers processes and users, and counts time, as its first namespaces do. Whoever
/// is in others knows them by other numbers.
fn own_namespaces() -> Result<(), String> {
    for (name, first) in NAMESPACES {
        let path = format!("/proc/self/ns/{name}");
        match fs::read_link(&path) {
            Ok(own) if own.as_os_str() == first => {}
            // The kernel has none of this kind, and so nobody is in another.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name != "pid" => {}
            Ok(_) => return Err(format!("this process is in a {name} namespace of its own")),
            Err(error) => return Err(format!("{path} can't be read: {error}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
