//! An unmodified Mosquitto, on loopback and with TLS.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    desk::Desk,
    process::{Process, free_port},
};

pub(crate) struct Mosquitto {
    program: PathBuf,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Mosquitto {
    /// With the certificate of `desk`.
    pub(crate) fn new(program: PathBuf, desk: &Desk) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        // It would become the user `mosquitto`, who can't read what a test made.
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n\
             cafile {ca}\ncertfile {certificate}\nkeyfile {key}\n\
             persistence true\npersistence_location {folder}/\nlog_dest none\n",
            ca = desk.tls("ca.pem").display(),
            certificate = desk.tls("server.pem").display(),
            key = desk.tls("server-key.pem").display(),
            folder = folder.path().display(),
        );
        fs::write(folder.path().join("mosquitto.conf"), text).unwrap();
        Self {
            program,
            folder,
            port,
        }
    }

    /// Nobody gets in but these users, each within the rules that the console comes with.
    pub(crate) fn guarded(self, passwd: &Path, users: &[(&str, &str)]) -> Self {
        let at = |name| self.folder.path().join(name);
        fs::write(at("passwords"), "").unwrap();
        for (user, password) in users {
            let mut command = Command::new(passwd);
            command
                .arg("-b")
                .arg(at("passwords"))
                .args([user, password]);
            assert!(command.output().unwrap().status.success());
        }
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/mosquitto.acl");
        fs::copy(rules, at("rules")).unwrap();
        let text = fs::read_to_string(at("mosquitto.conf")).unwrap();
        let guard = format!(
            "allow_anonymous false\npassword_file {}\nacl_file {}",
            at("passwords").display(),
            at("rules").display()
        );
        fs::write(
            at("mosquitto.conf"),
            text.replace("allow_anonymous true", &guard),
        )
        .unwrap();
        self
    }

    /// Starts it; clients try until it listens.
    pub(crate) fn start(&self) -> Process {
        let settings = self.folder.path().join("mosquitto.conf");
        Process::start(Command::new(&self.program).arg("-c").arg(settings))
    }
}
