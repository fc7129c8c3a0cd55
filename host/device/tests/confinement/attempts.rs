//! What somebody who broke out of the sandbox would try.

use std::{
    fs::{self, File, OpenOptions},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::{
        fs::{PermissionsExt as _, chown, symlink},
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::Path,
    process::Command,
    time::Duration,
};

use bailiwick_core::{ports::Processes as _, process::Way};
use bailiwick_device::{DeviceProcesses, TaskIterator, confine::Line};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    sys::{
        ptrace,
        socket::{AddressFamily, SockFlag, SockType, socket},
    },
    unistd::Pid,
};
use rustix::{
    fs::{Mode, OFlags},
    process::{Signal, kill_process},
    thread::{CapabilitySet, capabilities, set_capabilities},
};

/// What is tried with.
pub(crate) struct Around<'a> {
    /// The agent's folder, in which is `kept`.
    pub(crate) data: &'a Path,
    /// Its control socket, to which somebody has connected.
    pub(crate) listener: &'a UnixListener,
    /// Where that listens.
    pub(crate) socket: &'a Path,
    /// Where somebody else takes datagrams.
    pub(crate) datagrams: &'a Path,
    /// Another folder, in which is `there`.
    pub(crate) outside: &'a Path,
    /// Another process, of another user where this is root, that sleeps.
    pub(crate) other: u32,
    /// Lists processes by what was attached before.
    pub(crate) processes: Option<DeviceProcesses>,
}

/// What it takes to try, besides Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Root,
    /// Root of a container need not have it.
    Mounts,
    /// Root of a container may not give the kernel programs.
    Bpf,
    /// Landlock of Linux 6.12 (ABI 6).
    Scopes,
}

/// What is tried.
pub(crate) struct Attempt {
    pub(crate) name: &'static str,
    /// Each of these holds it alone.
    pub(crate) lines: &'static [Line],
    pub(crate) takes: Takes,
    pub(crate) works: fn(&Around<'_>) -> bool,
}

const fn attempt(
    name: &'static str,
    lines: &'static [Line],
    takes: Takes,
    works: fn(&Around<'_>) -> bool,
) -> Attempt {
    Attempt {
        name,
        lines,
        takes,
        works,
    }
}

/// What no confined process can do.
pub(crate) const REFUSED: &[Attempt] = &[
    attempt(
        "write a new file outside",
        &[Line::Landlock],
        Takes::Nothing,
        |around| File::create(around.outside.join("made")).is_ok(),
    ),
    attempt(
        "write a file that is there",
        &[Line::Landlock],
        Takes::Nothing,
        |around| {
            OpenOptions::new()
                .append(true)
                .open(around.outside.join("there"))
                .is_ok()
        },
    ),
    attempt(
        "cut a file short",
        &[Line::Landlock],
        Takes::Nothing,
        |around| {
            let there = around.outside.join("there");
            rustix::fs::open(there, OFlags::RDONLY | OFlags::TRUNC, Mode::empty()).is_ok()
        },
    ),
    attempt(
        "remove a file",
        &[Line::Landlock],
        Takes::Nothing,
        |around| fs::remove_file(around.outside.join("there")).is_ok(),
    ),
    attempt(
        "make a folder, a link and a name",
        &[Line::Landlock],
        Takes::Nothing,
        |around| {
            let there = around.outside.join("there");
            fs::create_dir(around.outside.join("folder")).is_ok()
                || symlink(&there, around.outside.join("link")).is_ok()
                || fs::hard_link(&there, around.outside.join("name")).is_ok()
        },
    ),
    attempt(
        "move a file out of its own folder",
        &[Line::Landlock],
        Takes::Nothing,
        |around| fs::rename(around.data.join("kept"), around.outside.join("kept")).is_ok(),
    ),
    attempt(
        "write through a link in its own folder",
        &[Line::Landlock],
        Takes::Nothing,
        |around| {
            let link = around.data.join("link");
            let there = symlink(around.outside.join("there"), &link);
            there.is_ok() && OpenOptions::new().append(true).open(link).is_ok()
        },
    ),
    attempt(
        "change the machine's settings",
        &[Line::Landlock],
        Takes::Root,
        |_| {
            OpenOptions::new()
                .write(true)
                .open("/proc/sys/kernel/domainname")
                .is_ok()
        },
    ),
    attempt(
        "listen at a socket in a folder",
        &[Line::Landlock, Line::SystemCalls],
        Takes::Nothing,
        |around| {
            let own = UnixListener::bind(around.data.join("own"));
            own.is_ok() || UnixListener::bind(around.outside.join("made")).is_ok()
        },
    ),
    // As the bus, by which root starts programs.
    attempt(
        "connect to a service at a Unix socket",
        &[Line::SystemCalls],
        Takes::Nothing,
        |around| UnixStream::connect(around.socket).is_ok(),
    ),
    attempt(
        "send to a service at a Unix socket",
        &[Line::SystemCalls],
        Takes::Nothing,
        |around| {
            let own = UnixDatagram::unbound();
            own.is_ok_and(|own| own.send_to(b"x", around.datagrams).is_ok())
        },
    ),
    attempt(
        "send to a service by one of a pair",
        &[Line::SystemCalls],
        Takes::Nothing,
        |around| {
            let pair = UnixDatagram::pair();
            pair.is_ok_and(|(own, _)| own.send_to(b"x", around.datagrams).is_ok())
        },
    ),
    attempt("listen for TCP", &[Line::Landlock], Takes::Nothing, |_| {
        TcpListener::bind("127.0.0.1:0").is_ok()
    }),
    attempt(
        "start a program",
        &[Line::Landlock, Line::SystemCalls],
        Takes::Nothing,
        |_| {
            Command::new("/bin/true")
                .status()
                .is_ok_and(|status| status.success())
        },
    ),
    attempt(
        "start a program of its own",
        &[Line::Landlock, Line::SystemCalls],
        Takes::Nothing,
        |around| {
            let own = around.data.join("program");
            fs::copy("/bin/true", &own).is_ok()
                && Command::new(own)
                    .status()
                    .is_ok_and(|status| status.success())
        },
    ),
    attempt(
        "trace a process",
        &[Line::Landlock, Line::SystemCalls],
        Takes::Root,
        |around| {
            let other = other(around);
            ptrace::seize(other, ptrace::Options::empty()).is_ok()
        },
    ),
    attempt(
        "learn which program another runs",
        &[Line::Landlock],
        Takes::Root,
        |around| fs::read_link(format!("/proc/{}/exe", around.other)).is_ok(),
    ),
    attempt(
        "read another's memory",
        &[Line::Capabilities],
        Takes::Root,
        |around| File::open(format!("/proc/{}/mem", around.other)).is_ok(),
    ),
    attempt(
        "write another's memory",
        &[Line::Landlock, Line::Capabilities],
        Takes::Root,
        |around| {
            OpenOptions::new()
                .write(true)
                .open(format!("/proc/{}/mem", around.other))
                .is_ok()
        },
    ),
    attempt(
        "give a file away",
        &[Line::Capabilities],
        Takes::Root,
        |around| chown(around.data.join("kept"), Some(1), Some(1)).is_ok(),
    ),
    attempt(
        "become another user",
        &[Line::Capabilities],
        Takes::Root,
        |_| rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(1)).is_ok(),
    ),
    attempt(
        "send frames of its own making",
        &[Line::Capabilities, Line::SystemCalls],
        Takes::Root,
        |_| {
            let (family, kind) = (AddressFamily::Packet, SockType::Raw);
            socket(family, kind, SockFlag::SOCK_CLOEXEC, None).is_ok()
        },
    ),
    attempt(
        "signal another user's process",
        &[Line::Capabilities],
        Takes::Root,
        |around| {
            let other = rustix::process::Pid::from_raw(other(around).as_raw()).unwrap();
            kill_process(other, Signal::URG).is_ok()
        },
    ),
    attempt(
        "signal a process of its own user",
        &[Line::Landlock],
        Takes::Scopes,
        |_| kill_process(rustix::process::getppid().unwrap(), Signal::URG).is_ok(),
    ),
    attempt(
        "give the kernel a program",
        &[Line::Capabilities, Line::SystemCalls],
        Takes::Bpf,
        |_| TaskIterator::attach().is_ok(),
    ),
    attempt(
        "take a capability back",
        &[Line::Capabilities],
        Takes::Root,
        |_| {
            let Ok(mut sets) = capabilities(None) else {
                return false;
            };
            let wanted = CapabilitySet::SYS_ADMIN | CapabilitySet::CHOWN;
            sets.effective |= wanted;
            sets.permitted |= wanted;
            set_capabilities(None, sets).is_ok()
        },
    ),
    attempt(
        "mount",
        &[Line::Landlock, Line::Capabilities, Line::SystemCalls],
        Takes::Mounts,
        |around| {
            let none = None::<&str>;
            let mounted = mount(
                Some(around.outside),
                around.outside,
                none,
                MsFlags::MS_BIND,
                none,
            );
            // On the machine of whoever runs the test nothing stays.
            let _ = umount2(around.outside, MntFlags::MNT_DETACH);
            mounted.is_ok()
        },
    ),
    attempt(
        "have a namespace of its own",
        &[Line::Capabilities, Line::SystemCalls],
        Takes::Mounts,
        |_| unshare(CloneFlags::CLONE_NEWUTS).is_ok(),
    ),
    attempt(
        "give a program more rights",
        &[Line::NoNewPrivileges],
        Takes::Nothing,
        |_| {
            !rustix::thread::no_new_privs().unwrap()
                || rustix::thread::set_no_new_privs(false).is_ok()
        },
    ),
];

/// Takes what was attached before.
pub(crate) const LISTING: &str = "list processes by what was attached";

/// What the agent goes on doing, and what no line holds.
pub(crate) const LEFT: &[Attempt] = &[
    attempt("write in its own folder", &[], Takes::Nothing, |around| {
        let (part, whole) = (around.data.join("part"), around.data.join("whole"));
        fs::create_dir(around.data.join("folder")).is_ok()
            && fs::write(&part, "x").is_ok()
            && fs::rename(&part, around.data.join("folder/moved")).is_ok()
            && fs::write(&whole, "x").is_ok()
            && fs::remove_file(&whole).is_ok()
    }),
    attempt(
        "answer at its control socket",
        &[],
        Takes::Nothing,
        |around| around.listener.accept().is_ok(),
    ),
    attempt("have a pair of sockets", &[], Takes::Nothing, |_| {
        UnixStream::pair().is_ok()
    }),
    attempt("read what a grant may name", &[], Takes::Root, |around| {
        // Another user's, and closed to all others.
        fs::read(around.outside.join("secret")).is_ok()
            && fs::read(format!("/proc/{}/stat", around.other)).is_ok()
            && fs::read_dir("/").is_ok()
    }),
    attempt(LISTING, &[], Takes::Bpf, |around| {
        let Some(processes) = &around.processes else {
            return false;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let table = runtime.map(|runtime| runtime.block_on(processes.table(Duration::ZERO)));
        let is_listed = |pid| matches!(&table, Ok(Ok(table)) if table.processes.iter().any(|process| process.pid == pid));
        is_listed(around.other) && processes.source().way == Way::Bpf
    }),
    attempt("connect", &[], Takes::Nothing, |_| {
        // Nobody listens there, which is another answer than that it may not ask.
        let refused = TcpStream::connect("127.0.0.1:1");
        refused.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    }),
    // Landlock has no right for modes, and who owns a file needs no capability: what is root's,
    // an agent of root's can open to others.
    attempt(
        "open a file of its own user to others",
        &[],
        Takes::Nothing,
        |around| {
            let there = around.outside.join("there");
            fs::set_permissions(there, fs::Permissions::from_mode(0o666)).is_ok()
        },
    ),
    attempt("listen for UDP", &[], Takes::Nothing, |_| {
        UdpSocket::bind("127.0.0.1:0").is_ok()
    }),
    attempt("start a thread", &[], Takes::Nothing, |_| {
        std::thread::spawn(|| 7)
            .join()
            .is_ok_and(|seven| seven == 7)
    }),
];

fn other(around: &Around<'_>) -> Pid {
    Pid::from_raw(i32::try_from(around.other).unwrap())
}
