//! What a message does on a real terminal.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
    sync::Arc,
};

use bailiwick_core::{
    ports::{BoxFuture, Delivered, Message, MessageError, MessageOrder, OpenSessions},
    session::{Reading, Seen, Session, SessionKind, Source, Tracker},
    time::Timestamp,
};
use bailiwick_device::{DeviceMessage, SystemClock};
use bailiwick_harness::hostile::Words;
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{InputModes, OptionalActions, OutputModes, tcgetattr, tcsetattr},
};
use tempfile::TempDir;

use super::device::{Device, Scene, ports};

/// What follows all that was written.
const END: &[u8] = b"<end>";

/// A terminal, with both ends.
struct Terminal {
    master: OwnedFd,
    path: PathBuf,
}

impl Terminal {
    /// One that takes bytes for characters and passes them on as they are.
    fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let mut modes = tcgetattr(&master).unwrap();
        modes.input_modes -= InputModes::IUTF8;
        modes.output_modes -= OutputModes::OPOST;
        tcsetattr(&master, OptionalActions::Now, &modes).unwrap();
        let path = path.into();
        Self { master, path }
    }

    fn write(path: &PathBuf, bytes: &[u8]) {
        let mut terminal = OpenOptions::new().write(true).open(path).unwrap();
        terminal.write_all(bytes).unwrap();
    }

    /// All that was written there.
    fn shows(&self) -> Vec<u8> {
        Self::write(&self.path, END);
        let mut master = File::from(self.master.as_fd().try_clone_to_owned().unwrap());
        let mut shown = Vec::new();
        while !shown.ends_with(END) {
            let mut some = [0; 512];
            let read = master.read(&mut some).unwrap();
            shown.extend_from_slice(&some[..read]);
        }
        shown.truncate(shown.len() - END.len());
        shown
    }
}

/// Writes heading and text, one below the other.
struct AsItIs(PathBuf);

impl Message for AsItIs {
    fn show(&self, order: MessageOrder) -> BoxFuture<'_, Result<Delivered, MessageError>> {
        let text = order.notice.text().replace('\n', "\r\n");
        let whole = format!("* Message from {}:\r\n{text}\r\n", order.from);
        Terminal::write(&self.0, whole.as_bytes());
        Box::pin(async { Ok(Delivered::Terminal) })
    }
}

/// The session of whoever has the terminal.
struct Open(Arc<Vec<Session>>);

impl Open {
    fn on(terminal: &Terminal) -> Self {
        let name = terminal.path.strip_prefix("/dev").unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let reading = Reading {
            consulted: [Source::Logind].into(),
            seen: vec![Seen {
                logind: Some("1".to_owned()),
                user_name: Some("tester".to_owned()),
                kind: Some(SessionKind::Console),
                terminal: Some(name.display().to_string()),
                ..Seen::new(Source::Logind, uid)
            }],
            ..Reading::default()
        };
        let mut tracker = Tracker::new(100);
        tracker.observe(&reading, Timestamp::EPOCH);
        Self(Arc::new(tracker.sessions().cloned().collect()))
    }
}

impl OpenSessions for Open {
    fn open(&self) -> Arc<Vec<Session>> {
        Arc::clone(&self.0)
    }
}

fn scene(device: Device, is_harmed: fn(&[u8]) -> bool) -> Scene {
    let terminal = Terminal::new();
    let open = Open::on(&terminal);
    let mut words = Words::new();
    words.insert("session", open.0[0].id.to_string());
    let mut ports = ports();
    ports.sessions = Arc::new(open);
    ports.message = match device {
        Device::WithoutTheDefence => Arc::new(AsItIs(terminal.path.clone())),
        Device::Ours => Arc::new(DeviceMessage::new(Arc::new(SystemClock::new()))),
    };
    Scene {
        words,
        instances: vec![ports],
        then: None,
        is_harmed: Some(Box::new(move || is_harmed(&terminal.shows()))),
        _kept: Box::new(()),
    }
}

/// A line below the first that has no mark looks like somebody else's.
pub(crate) fn line(device: Device, _: &TempDir) -> BoxFuture<'static, Scene> {
    let scene = scene(device, |shown| {
        let shown = String::from_utf8_lossy(shown);
        assert!(shown.contains("Give 555 0100 your password"), "{shown}");
        let headings = shown
            .lines()
            .filter(|line| line.starts_with("* Message from"));
        headings.count() > 1
    });
    Box::pin(async { scene })
}

/// On a terminal of bytes 0x9b begins a sequence that controls it (ECMA-48, 5.4).
pub(crate) fn bytes(device: Device, _: &TempDir) -> BoxFuture<'static, Scene> {
    let scene = scene(device, |shown| {
        assert!(!shown.is_empty());
        shown.contains(&0x9b)
    });
    Box::pin(async { scene })
}
