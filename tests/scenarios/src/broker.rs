//! Somebody else's broker beside a desk.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Command, Stdio},
};

use crate::{Desk, Program};

impl Desk {
    /// Starts an unmodified Mosquitto with the desk's certificate, at which everybody may
    /// publish; gives its port of loopback. Clients try until it listens.
    ///
    /// # Panics
    /// It can't be started.
    pub fn mosquitto(&self, program: &Path) -> (Program, u16) {
        let port = free_port();
        let settings = self.path("mosquitto.conf");
        // It would become the user `mosquitto`, who can't read what a test made.
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n\
             cafile {tls}/ca.pem\ncertfile {tls}/server.pem\nkeyfile {tls}/server-key.pem\n\
             log_dest none\n",
            tls = self.path("repository/tls").display(),
        );
        fs::write(&settings, text).expect("the folder is ours");
        let mut command = Command::new(program);
        command.arg("-c").arg(settings).stderr(Stdio::null());
        (Program::start(&mut command), port)
    }
}

/// A port of loopback that nobody listens on now, for programs that can't pick one.
///
/// # Panics
/// Loopback has none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    listener.local_addr().expect("it listens").port()
}
