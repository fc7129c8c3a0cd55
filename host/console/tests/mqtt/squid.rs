//! An unmodified squid that asks for credentials.

use std::{
    fs::{self, Permissions},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bailiwick_transport::ProxySettings;

use crate::process::{Process, free_port};

/// A name that only this squid knows. Loopback itself is never reached through a proxy.
pub(crate) const SERVER: &str = "broker.example";

/// For squid to listen.
const START: Duration = Duration::from_secs(60);

pub(crate) struct Squid {
    _process: Process,
    _folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Squid {
    pub(crate) fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let at = folder.path().display();
        // As root it becomes the user `proxy`, which must get in here.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let asks = "while read -r user password; do\n\
                    if [ \"$user $password\" = 'user secret' ]; then echo OK; else echo ERR; fi\n\
                    done\n";
        fs::write(folder.path().join("asks.sh"), asks).unwrap();
        fs::write(folder.path().join("hosts"), format!("127.0.0.1 {SERVER}\n")).unwrap();
        let text = format!(
            "http_port 127.0.0.1:{port}\nhosts_file {at}/hosts\n\
             auth_param basic program /bin/sh {at}/asks.sh\nauth_param basic children 1\n\
             acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n\
             cache deny all\naccess_log none\ncache_log {at}/cache.log\n\
             pid_filename none\nnetdb_filename none\ncoredump_dir {at}\n\
             shutdown_lifetime 0 seconds\npinger_enable off\n"
        );
        let settings = folder.path().join("squid.conf");
        fs::write(&settings, text).unwrap();
        let process = Process::start(
            Command::new(program)
                .args(["-N", "-f"])
                .arg(settings)
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        // It says nowhere that it listens.
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < START, "squid does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            _process: process,
            _folder: folder,
            port,
        }
    }

    /// The way through it, with `user:password`.
    pub(crate) fn with(&self, credentials: &str) -> ProxySettings {
        let url = format!("http://{credentials}@127.0.0.1:{}", self.port);
        ProxySettings::new(Some(&url), |_| None)
    }
}
