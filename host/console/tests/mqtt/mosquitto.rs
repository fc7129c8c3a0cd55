//! An unmodified Mosquitto, on loopback and with TLS.

use std::{fs, path::PathBuf, process::Command};

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

    /// Starts it; clients try until it listens.
    pub(crate) fn start(&self) -> Process {
        let settings = self.folder.path().join("mosquitto.conf");
        Process::start(Command::new(&self.program).arg("-c").arg(settings))
    }
}
