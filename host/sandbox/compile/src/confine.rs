//! The program gives up its rights, for good, before it reads anything.
//!
//! What is left, on Linux: to read and write descriptors that are open already, to have
//! memory that is not executable, and to end. Every other system call fails with EPERM.
//! Below that filter stand two more lines, for the day on which it has a hole: no capability
//! is left, and where the kernel has Landlock no file can be opened, no port bound or
//! connected to, and no process outside signalled. Elsewhere nothing is given up here, and
//! the limits are those that the parent holds: the time on the clock, and the sizes of what
//! goes in and comes out.

use crate::{arguments::Limits, exit::Failure};

/// Confines the calling thread, and with it the program, which has no other.
///
/// # Errors
///
/// [`Failure::NotConfined`], naming what the operating system refused;
/// [`Failure::Usage`] if standard output or error is a file, which could no longer be
/// written.
#[cfg(target_os = "linux")]
pub fn confine(limits: &Limits) -> Result<(), Failure> {
    linux::refuse_file_as_output()?;
    for line in Line::ALL {
        // A kernel without Landlock is none that can't be trusted: the filter holds alone.
        let _: Drawn = draw(line, limits)?;
    }
    Ok(())
}

/// Draws one line around the calling thread. [`confine`] draws all of them, in their order;
/// apart, they show what each holds by itself.
///
/// # Errors
///
/// [`Failure::NotConfined`], naming what the operating system refused.
#[cfg(target_os = "linux")]
pub fn draw(line: Line, limits: &Limits) -> Result<Drawn, Failure> {
    match line {
        Line::Capabilities => linux::drop_capabilities()?,
        Line::Landlock => return linux::close_files_and_ports(),
        Line::Resources => linux::limit_resources(limits)?,
        Line::SystemCalls => linux::filter_system_calls()?,
    }
    Ok(Drawn::InForce)
}

/// What came of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// It holds.
    InForce,
    /// The kernel can't draw it.
    KernelLacksIt,
}

/// What holds the program on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// No capability, and none to be had by starting a program.
    Capabilities,
    /// No file, no TCP port, no signal to others. Not drawn by a kernel without Landlock: it
    /// stands behind the filter, which is.
    Landlock,
    /// Bounds of memory, processor time, files and core dumps.
    Resources,
    /// The filter of system calls.
    SystemCalls,
}

impl Line {
    /// In the order in which they are drawn.
    ///
    /// Landlock takes a descriptor for a moment, which the bounds would not leave.
    pub const ALL: [Self; 4] = [
        Self::Capabilities,
        Self::Landlock,
        Self::Resources,
        Self::SystemCalls,
    ];
}

/// Nothing to give up on this operating system: see the module's documentation.
///
/// # Errors
///
/// None.
#[cfg(not(target_os = "linux"))]
pub fn confine(_limits: &Limits) -> Result<(), Failure> {
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError,
        RulesetStatus, Scope,
    };
    use rustix::{
        fs::FileType,
        process::{Resource, Rlimit, setrlimit},
        thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs},
    };
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    use super::{Drawn, Failure, Limits};

    /// What reading a pipe, compiling on one thread and ending take.
    const ALLOWED: &[libc::c_long] = &[
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        // To end, by `abort` too.
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// Their third argument is the protection, which must not include execution: the
    /// artifact is written, never run here.
    const ALLOWED_WITHOUT_EXECUTION: &[libc::c_long] = &[libc::SYS_mmap, libc::SYS_mprotect];

    fn refused(what: &str) -> impl FnOnce(rustix::io::Errno) -> Failure {
        move |error| Failure::NotConfined(format!("{what}: {error}"))
    }

    /// With no right to write files left, a redirection would yield a signal in place of
    /// an artifact or a reason.
    pub(super) fn refuse_file_as_output() -> Result<(), Failure> {
        for (what, status) in [
            ("standard output", rustix::fs::fstat(std::io::stdout())),
            ("standard error", rustix::fs::fstat(std::io::stderr())),
        ] {
            let mode = status.map_err(refused(what))?.st_mode;
            if FileType::from_raw_mode(mode) == FileType::RegularFile {
                let text = format!("{what} is a file, which could not be written: use a pipe");
                return Err(Failure::Usage(text));
            }
        }
        Ok(())
    }

    pub(super) fn limit_resources(limits: &Limits) -> Result<(), Failure> {
        for (what, resource, bound) in [
            ("core dumps", Resource::Core, 0),
            ("size of files", Resource::Fsize, 0),
            ("open files", Resource::Nofile, 3),
            ("processor time", Resource::Cpu, limits.cpu_seconds),
            ("address space", Resource::As, limits.memory.get()),
        ] {
            let bound = Rlimit {
                current: Some(bound),
                maximum: Some(bound),
            };
            setrlimit(resource, bound).map_err(refused(what))?;
        }
        Ok(())
    }

    pub(super) fn drop_capabilities() -> Result<(), Failure> {
        set_no_new_privs(true).map_err(refused("no_new_privs"))?;
        let none = CapabilitySet::empty();
        let sets = CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        };
        set_capabilities(None, sets).map_err(refused("capabilities"))
    }

    /// Everything that the kernel's Landlock knows, with no exception. What it does not know
    /// is left out.
    pub(super) fn close_files_and_ports() -> Result<Drawn, Failure> {
        let refused = |error: RulesetError| Failure::NotConfined(format!("Landlock: {error}"));
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))
            .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V4)))
            .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
            .and_then(Ruleset::create)
            .and_then(|rules| rules.restrict_self())
            .map_err(refused)?;
        Ok(match status.ruleset {
            RulesetStatus::NotEnforced => Drawn::KernelLacksIt,
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Drawn::InForce,
        })
    }

    pub(super) fn filter_system_calls() -> Result<(), Failure> {
        let refused =
            |error: &dyn std::fmt::Display| Failure::NotConfined(format!("seccomp: {error}"));
        let program = filter().map_err(|error| refused(&error))?;
        // Also sets no_new_privs.
        seccompiler::apply_filter(&program).map_err(|error| refused(&error))
    }

    fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
        let protection = SeccompCondition::new(
            2,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(u64::from(libc::PROT_EXEC.unsigned_abs())),
            0,
        )?;
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        for call in ALLOWED_WITHOUT_EXECUTION {
            rules.insert(*call, vec![SeccompRule::new(vec![protection.clone()])?]);
        }
        SeccompFilter::new(
            rules,
            SeccompAction::Errno(libc::EPERM.unsigned_abs()),
            SeccompAction::Allow,
            std::env::consts::ARCH.try_into()?,
        )?
        .try_into()
    }
}
