//! What /proc tells of one process.

use std::path::{Path, PathBuf};

use bailiwick_core::session::ProcessMarks;
use rustix::{
    fs::{Mode, OFlags, open},
    io::read,
};

/// "Not set", in `sessionid` and in `loginuid`.
const UNSET: u32 = u32::MAX;
/// Longest path of a control group is `PATH_MAX`; hierarchies of version 1 have a line each.
const LONGEST_CGROUP: usize = 16 * 1024;

/// The kernel's number of a login, and who logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) audit: u32,
    pub(super) uid: u32,
}

/// What `stat` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Birth {
    /// The name, at most 15 bytes.
    pub(super) name: String,
    /// Who made it, or took it on since.
    pub(super) parent: u32,
    /// It is of the kernel itself, which logs nobody in.
    pub(super) is_kernels: bool,
    /// Since the machine started, in hundredths of a second.
    pub(super) ticks: u64,
    /// The terminal by which it can be interrupted.
    pub(super) terminal: Option<String>,
}

/// There is no such process, or this one may not look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// The login from which process `pid` descends; none if it is of the system.
pub(super) fn login(proc: &Path, pid: u32) -> Result<Option<Login>, Gone> {
    let Some(audit) = number(proc, pid, "sessionid")? else {
        return Ok(None);
    };
    let uid = number(proc, pid, "loginuid")?;
    Ok(uid.map(|uid| Login { audit, uid }))
}

/// Whether `pid` is the id of a process, or of a thread.
pub(super) fn exists(proc: &Path, pid: u32) -> bool {
    proc.join(pid.to_string()).exists()
}

/// Name, parent and birth of process `pid`.
pub(super) fn birth(proc: &Path, pid: u32) -> Option<Birth> {
    parse_stat(&text(&file(proc, pid, "stat"), 1_024).ok()?)
}

/// Everything that shows whose process `pid` is; none if it is gone.
pub(crate) fn marks(proc: &Path, pid: u32) -> Option<ProcessMarks> {
    let cgroup = text(&file(proc, pid, "cgroup"), LONGEST_CGROUP).ok()?;
    Some(ProcessMarks {
        audit: number(proc, pid, "sessionid").unwrap_or_default(),
        login_uid: number(proc, pid, "loginuid").unwrap_or_default(),
        cgroup: systemd_path(&cgroup).to_owned(),
    })
}

/// Ids of all processes, in order.
pub(super) fn all(proc: &Path) -> std::io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    Ok(pids)
}

fn file(proc: &Path, pid: u32, name: &str) -> PathBuf {
    proc.join(format!("{pid}/{name}"))
}

fn number(proc: &Path, pid: u32, name: &str) -> Result<Option<u32>, Gone> {
    let text = text(&file(proc, pid, name), 16)?;
    let number = text.trim().parse().ok();
    Ok(number.filter(|number| *number != UNSET))
}

/// The first `at_most` bytes. A process may choose its name, so it need not be UTF-8.
///
/// By the system's own calls: these files are read by the hundred, and what the standard
/// library adds on some platforms is a fourth call for each.
fn text(path: &Path, at_most: usize) -> Result<String, Gone> {
    let mut bytes = vec![0; at_most];
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|_| Gone)?;
    let length = read(&file, &mut *bytes).map_err(|_| Gone)?;
    bytes.truncate(length);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `PF_KTHREAD` of linux/sched.h, in the flags of proc_pid_stat(5).
const KERNEL_THREAD: u32 = 0x0020_0000;

/// The name is in parentheses, may hold any character, and is followed by fields 3 to 52;
/// the parent is field 4, the terminal field 7, the birth field 22 (proc_pid_stat(5)).
fn parse_stat(text: &str) -> Option<Birth> {
    let (before, after) = text.rsplit_once(") ")?;
    let (_, name) = before.split_once(" (")?;
    let mut fields = after.split(' ');
    Some(Birth {
        name: name.to_owned(),
        parent: fields.nth(1)?.parse().ok()?,
        terminal: terminal(fields.nth(2)?.parse().ok()?),
        is_kernels: fields.nth(1)?.parse::<u32>().ok()? & KERNEL_THREAD != 0,
        ticks: fields.nth(12)?.parse().ok()?,
    })
}

/// Its name without `/dev/`, from its number: the minor one is in bits 0 to 7 and 20 to 31, the
/// major one between them (Documentation/admin-guide/devices.txt has what they mean). None for
/// none, and for what is neither a virtual console, a serial line nor a pseudo-terminal.
fn terminal(number: i32) -> Option<String> {
    let number = number.cast_unsigned();
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xf_ff00);
    match (major, minor) {
        (4, 1..64) => Some(format!("tty{minor}")),
        (4, 64..) => Some(format!("ttyS{}", minor - 64)),
        (136, _) => Some(format!("pts/{minor}")),
        _ => None,
    }
}

/// The path in systemd's hierarchy: its own one of version 1, or the one of version 2.
fn systemd_path(cgroup: &str) -> &str {
    let line = |mark: &str| {
        cgroup
            .lines()
            .find_map(|line| Some(line.split_once(mark)?.1))
    };
    line(":name=systemd:")
        .or_else(|| line("0::"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let fields = "S 1 2 3 1028 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for name in ["sshd", "a) b (c", ") S 1 1", ""] {
            let birth = parse_stat(&format!("12 ({name}) {fields}")).unwrap();
            let expected = Birth {
                name: name.to_owned(),
                parent: 1,
                is_kernels: false,
                ticks: 4711,
                terminal: Some("tty4".to_owned()),
            };
            assert_eq!(birth, expected);
        }
        assert_eq!(parse_stat("12 (a) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn terminals_are_named_by_their_numbers() {
        for (number, name) in [
            (0, None),
            (0x0401, Some("tty1")),
            (0x0440, Some("ttyS0")),
            (0x8803, Some("pts/3")),
            (0x0010_882c, Some("pts/300")),
            (0x0500, None),
            (-1, None),
        ] {
            assert_eq!(terminal(number).as_deref(), name, "{number:#x}");
        }
    }

    #[test]
    fn a_real_terminal_is_named() {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        use std::{
            io::{BufRead as _, BufReader},
            process::{Command, Stdio},
        };

        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&name)
            .unwrap();
        let mut child = Command::new("setsid")
            .args(["--ctty", "sh", "-c", "echo ready >&2; read line"])
            .stdin(theirs)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let told = child.stderr.take().unwrap();
        BufReader::new(told).read_line(&mut line).unwrap();
        let birth = birth(Path::new("/proc"), child.id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(birth.terminal.as_deref(), name.strip_prefix("/dev/"));
    }

    #[test]
    fn the_hierarchy_is_systemds() {
        let hybrid = "9:name=systemd:/user.slice/a\n8:pids:/b\n0::/c\n";
        assert_eq!(systemd_path(hybrid), "/user.slice/a");
        assert_eq!(systemd_path("0::/user.slice/c\n"), "/user.slice/c");
        assert_eq!(systemd_path("8:pids:/b\n"), "");
    }

    #[test]
    fn this_process_is_among_all() {
        let pid = std::process::id();
        let proc = Path::new("/proc");
        assert!(all(proc).unwrap().binary_search(&pid).is_ok());
        assert!(birth(proc, pid).unwrap().ticks > 0);
        assert!(marks(proc, pid).is_some());
        let parent = std::os::unix::process::parent_id();
        assert_eq!(birth(proc, pid).unwrap().parent, parent);
        assert!(exists(proc, pid) && !exists(proc, u32::MAX));
    }
}
