//! A bus of one's own with a real logind on it, away from those of the machine.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use bailiwick_needs::{own_mounts, program, root, without};

use super::systemd;

/// Where packages put logind, which is on nobody's PATH.
const LOGIND: [&str; 2] = [
    "/usr/lib/systemd/systemd-logind",
    "/lib/systemd/systemd-logind",
];

/// The bus lets everybody do everything: it is for one test.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_requested_reply="false" send_type="method_return"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>"#;

/// In a mount namespace of its own this logind has accounts, settings and records of its
/// own, and leaves the machine's keys, terminals and users alone.
const IN_NAMESPACE: &str = r#"set -e
mount --make-rprivate /
mount --bind "$FOLDER/run" /run/systemd
mount -t tmpfs none /etc/systemd
mount -t tmpfs none /var/lib/systemd
printf '[Login]\nNAutoVTs=0\nReserveVT=0\nKillUserProcesses=no\nRemoveIPC=no\nHandlePowerKey=ignore\nHandleRebootKey=ignore\nHandleSuspendKey=ignore\nHandleHibernateKey=ignore\nHandleLidSwitch=ignore\nIdleAction=ignore\n' > /etc/systemd/logind.conf
mount --bind "$FOLDER/passwd" /etc/passwd
exec "$LOGIND"
"#;

/// Folder, bus and logind.
pub(super) struct PrivateBus {
    folder: tempfile::TempDir,
    daemon: PathBuf,
    logind: PathBuf,
    running: Vec<Child>,
    pub(super) lingering: systemd::Lingering,
    systemd: Option<tokio::task::JoinHandle<()>>,
}

impl PrivateBus {
    /// None where it can't be made; the skip is noted.
    pub(super) async fn start(accounts: &str, untested: &str) -> Option<Self> {
        let (daemon, _) = (program("dbus-daemon")?, program("loginctl")?);
        if !root(untested) || !own_mounts(untested) {
            return None;
        }
        let mut found = LOGIND.map(PathBuf::from).into_iter();
        let Some(logind) = found.find(|file| file.exists()) else {
            without("systemd-logind (package systemd)", untested);
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        // Whoever may connect to it reaches it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        for name in ["seats", "sessions", "users", "machines"] {
            fs::create_dir_all(folder.path().join("run").join(name)).unwrap();
        }
        fs::write(folder.path().join("passwd"), accounts).unwrap();
        let mut bus = Self {
            folder,
            daemon,
            logind,
            running: Vec::new(),
            lingering: systemd::Lingering::default(),
            systemd: None,
        };
        bus.run().await;
        Some(bus)
    }

    pub(super) fn address(&self) -> String {
        format!("unix:path={}", self.path().join("bus").display())
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the bus, what stands in for systemd, and logind.
    pub(super) async fn run(&mut self) {
        let settings = self.path().join("bus.conf");
        let socket = self.path().join("bus").display().to_string();
        fs::write(&settings, BUS.replace("SOCKET", &socket)).unwrap();
        let mut daemon = Command::new(&self.daemon)
            .arg(format!("--config-file={}", settings.display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.path().join("bus.log")).unwrap())
            .spawn()
            .unwrap();
        // Its address is printed once it listens.
        let mut line = String::new();
        let stdout = daemon.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert!(line.starts_with("unix:path="), "{line}");
        self.running.push(daemon);
        self.systemd = Some(systemd::stand_in(&self.address(), Arc::clone(&self.lingering)).await);
        self.start_logind();
    }

    /// Kills logind and starts it again at once.
    pub(super) fn restart_logind(&mut self) {
        if let Some(mut logind) = self.running.pop() {
            logind.kill().unwrap();
            logind.wait().unwrap();
        }
        self.start_logind();
    }

    fn start_logind(&mut self) {
        let logind = Command::new("unshare")
            .args(["--mount", "sh", "-c", IN_NAMESPACE])
            .env("FOLDER", self.path())
            .env("LOGIND", &self.logind)
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.address())
            .stderr(fs::File::create(self.path().join("logind.log")).unwrap())
            .spawn()
            .unwrap();
        self.running.push(logind);
    }

    /// Kills all of it, the bus first.
    pub(super) fn kill(&mut self) {
        for child in &mut self.running {
            // logind may have ended with its bus.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.running.clear();
        if let Some(systemd) = self.systemd.take() {
            systemd.abort();
        }
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        self.kill();
    }
}
