//! System calls that this program never makes, and whoever breaks out of the sandbox would.
//!
//! They are refused by number (EPERM); everything else is let through. The list is of what is
//! dangerous, and not of what is needed: the program is made of many libraries, and one that
//! found a call refused on some kernel would fail where nobody looks. What the list leaves is
//! held by the other lines.

use seccompiler::{apply_filter, sock_filter};

use super::Drawn;
use crate::processes::bpf::syscall::ITER_CREATE;

/// Programs, other processes, mounts and namespaces, the kernel itself, its clocks and keys,
/// and interfaces that are large and not needed.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_personality,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// `AUDIT_ARCH_…` of linux/audit.h.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// Numbers from here on are those of a second interface of x86-64 (x32), whose calls would
/// pass by their other numbers.
const SECOND_INTERFACE: u32 = 0x4000_0000;

/// Of linux/sched.h: `CLONE_NEWNS`, `…CGROUP`, `…UTS`, `…IPC`, `…USER`, `…PID`, `…NET`.
const NEW_NAMESPACES: u32 = 0x7e02_0000;

/// Families of sockets that are needed. At the other end of one of `AF_UNIX` is some service of
/// this machine that takes who asks for root: the agent listens before, and what it says to
/// logind's bus the privileged process says or connects for.
const FAMILIES: [libc::c_int; 3] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Types of sockets of which there may be a pair. One of datagrams reaches any other, too.
const PAIRS: [libc::c_int; 2] = [libc::SOCK_STREAM, libc::SOCK_SEQPACKET];
/// The type, beside flags (`SOCK_TYPE_MASK` of linux/net.h).
const TYPE: u32 = 0xf;

/// Where the kernel puts what is judged (`seccomp_data` of linux/seccomp.h).
const NUMBER: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
/// The lower halves of arguments, on the architectures above.
const FIRST_ARGUMENT: u32 = 16;
const SECOND_ARGUMENT: u32 = 24;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// Instructions of linux/bpf_common.h.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

pub(super) fn filter() -> Drawn {
    let Some(architecture) = ARCHITECTURE else {
        let reason = format!("there is no list of calls for {}", std::env::consts::ARCH);
        return Drawn::Missing(reason);
    };
    match apply_filter(&program(architecture)) {
        Ok(()) => Drawn::Active,
        Err(error) => Drawn::Missing(error.to_string()),
    }
}

fn program(architecture: u32) -> Vec<sock_filter> {
    let refuse = refusal(libc::EPERM);
    let mut program = vec![
        load(ARCHITECTURE_AT),
        jump(JUMP_IF_EQUAL, architecture, 1, 0),
        refuse.clone(),
        load(NUMBER),
    ];
    let mut when = |test: u16, value: u32, then: &[sock_filter]| {
        let skipped = u8::try_from(then.len()).unwrap_or(u8::MAX);
        program.push(jump(test, value, 0, skipped));
        program.extend_from_slice(then);
    };
    when(
        JUMP_IF_AT_LEAST,
        SECOND_INTERFACE,
        std::slice::from_ref(&refuse),
    );
    for call in REFUSED {
        when(JUMP_IF_EQUAL, number(*call), std::slice::from_ref(&refuse));
    }
    // Its arguments can't be judged; whoever finds it missing uses `clone`.
    when(
        JUMP_IF_EQUAL,
        number(libc::SYS_clone3),
        &[refusal(libc::ENOSYS)],
    );
    let of_clone = [
        load(FIRST_ARGUMENT),
        jump(JUMP_IF_ANY_BIT, NEW_NAMESPACES, 0, 1),
        refuse.clone(),
        give(ALLOW),
    ];
    when(JUMP_IF_EQUAL, number(libc::SYS_clone), &of_clone);
    let mut of_socket = vec![load(FIRST_ARGUMENT)];
    for family in FAMILIES {
        of_socket.push(jump(JUMP_IF_EQUAL, family.unsigned_abs(), 0, 1));
        of_socket.push(give(ALLOW));
    }
    of_socket.push(refuse.clone());
    when(JUMP_IF_EQUAL, number(libc::SYS_socket), &of_socket);
    let mut of_pair = vec![load(SECOND_ARGUMENT), instruction(AND, TYPE, 0, 0)];
    for kind in PAIRS {
        of_pair.push(jump(JUMP_IF_EQUAL, kind.unsigned_abs(), 0, 1));
        of_pair.push(give(ALLOW));
    }
    of_pair.push(refuse.clone());
    when(JUMP_IF_EQUAL, number(libc::SYS_socketpair), &of_pair);
    // A pass over processes, by what was attached before. It takes a descriptor of that.
    let of_bpf = [
        load(FIRST_ARGUMENT),
        jump(JUMP_IF_EQUAL, ITER_CREATE, 0, 1),
        give(ALLOW),
        refuse,
    ];
    when(JUMP_IF_EQUAL, number(libc::SYS_bpf), &of_bpf);
    program.push(give(ALLOW));
    program
}

fn number(call: libc::c_long) -> u32 {
    // No call of a kernel is negative or beyond.
    u32::try_from(call).unwrap_or(u32::MAX)
}

const fn load(at: u32) -> sock_filter {
    instruction(LOAD, at, 0, 0)
}

const fn jump(test: u16, value: u32, then: u8, otherwise: u8) -> sock_filter {
    instruction(test, value, then, otherwise)
}

const fn give(answer: u32) -> sock_filter {
    instruction(RETURN, answer, 0, 0)
}

fn refusal(errno: libc::c_int) -> sock_filter {
    give(libc::SECCOMP_RET_ERRNO | errno.unsigned_abs())
}

const fn instruction(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}
