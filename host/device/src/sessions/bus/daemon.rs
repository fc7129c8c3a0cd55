//! For tests: a real bus of one's own, and a service on it that answers as a test says.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use super::{Bus, Kind, Message, Writer};

/// Without a word about users it lets in the one as whom it runs, and nobody else.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth>
<policy context="default"><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy>POLICY</busconfig>"#;

/// A bus, until it is dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: String,
}

impl Daemon {
    /// One that listens at `socket`, as `uid`. None where it can't be started; the skip is noted.
    pub(crate) fn start(socket: &Path, uid: u32) -> Option<Self> {
        Self::with(socket, uid, "")
    }

    /// The same under more of a policy.
    pub(crate) fn with(socket: &Path, uid: u32, policy: &str) -> Option<Self> {
        let program = bailiwick_needs::program("dbus-daemon")?;
        let settings = socket.with_extension("conf");
        let socket = socket.display().to_string();
        fs::write(
            &settings,
            BUS.replace("SOCKET", &socket).replace("POLICY", policy),
        )
        .unwrap();
        let mut daemon = Command::new(program);
        daemon
            .arg(format!("--config-file={}", settings.display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped());
        if uid != rustix::process::geteuid().as_raw() {
            daemon.uid(uid).gid(uid);
        }
        let mut child = daemon.spawn().unwrap();
        // Its address is printed once it listens.
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert!(line.starts_with("unix:path="), "{line}");
        let address = format!("unix:path={socket}");
        Some(Self { child, address })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a service was asked, in order.
pub(crate) type Asked = Arc<Mutex<Vec<Message>>>;

/// What a service answers: the type of its arguments and them, or the name of an error.
pub(crate) type Answer = Result<(&'static str, Writer), &'static str>;

/// Takes `name` on the bus and answers there until the future is dropped.
pub(crate) async fn serve(
    address: &str,
    name: &str,
    asked: Asked,
    ready: tokio::sync::oneshot::Sender<()>,
    answer: impl Fn(&str) -> Answer,
) {
    let mut bus = Bus::connect(address).await.unwrap();
    let itself = "org.freedesktop.DBus";
    let mut own = Writer::default();
    own.string(name);
    own.u32(0);
    let request = Message::call(itself, "/org/freedesktop/DBus", itself, "RequestName", &[]);
    bus.ask(request.with("su", own)).await.unwrap();
    ready.send(()).unwrap();
    while let Ok(message) = bus.receive().await {
        if message.kind != Kind::Call {
            continue;
        }
        let reply = |kind| Message {
            reply_to: message.serial,
            destination: message.sender.clone(),
            ..Message::new(kind)
        };
        let told = match answer(&message.member) {
            Ok((signature, arguments)) => reply(Kind::Return).with(signature, arguments),
            Err(error) => Message {
                error: error.to_owned(),
                ..reply(Kind::Error)
            },
        };
        asked.lock().unwrap().push(message.clone());
        bus.send(told).await.unwrap();
    }
}
