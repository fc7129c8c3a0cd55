//! A real bus with a service that notes what it shall show, and a real terminal.

use std::{io::Read as _, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use bailiwick_core::{
    notice::Notice,
    ports::Message as _,
    session::{Reading, Seen, Source, Tracker},
    time::Timestamp,
};
use rustix::{
    process::geteuid,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{InputModes, OptionalActions, tcgetattr, tcsetattr},
};

use super::super::DeviceMessage;
use super::*;
use crate::{
    Privileged, SystemClock,
    sessions::bus::{
        Writer,
        daemon::{Answer, Asked, Daemon, serve},
    },
};

/// An account that every machine has and that nobody uses.
const NOBODY: u32 = 65_534;

fn order(uid: u32, kind: SessionKind, terminal: Option<&str>, text: &str) -> MessageOrder {
    let mut tracker = Tracker::new(100);
    let reading = Reading {
        consulted: [Source::Logind].into(),
        seen: vec![Seen {
            logind: Some("1".to_owned()),
            kind: Some(kind),
            terminal: terminal.map(str::to_owned),
            ..Seen::new(Source::Logind, uid)
        }],
        ..Reading::default()
    };
    tracker.observe(&reading, Timestamp::EPOCH);
    MessageOrder {
        plugin: "tell".parse().unwrap(),
        session: tracker.sessions().next().unwrap().clone(),
        from: "IT desk".to_owned(),
        notice: Notice::new(text).unwrap(),
        per_minute: Some(3),
    }
}

fn teller(buses: &Path) -> DeviceMessage {
    DeviceMessage {
        places: (buses.to_owned(), "/dev".into()),
        ..DeviceMessage::new(Arc::new(SystemClock::new()))
    }
}

/// One that tells itself, and one that has it done by a process of its own.
fn tellers(buses: &Path) -> [DeviceMessage; 2] {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/keeper");
    let built = "build it first: cargo build -p bailiwick-device --examples";
    assert!(program.exists(), "{built}");
    let privileged =
        Privileged::start(&program, Path::new("/nowhere"), &["/nowhere".as_ref()]).unwrap();
    let through = DeviceMessage {
        privileged: Some(Arc::new(privileged)),
        ..teller(buses)
    };
    [teller(buses), through]
}

fn desktop(member: &str) -> Answer {
    let mut body = Writer::default();
    if member == "GetCapabilities" {
        let mut texts = Writer::default();
        for capability in ["body", "body-markup"] {
            texts.string(capability);
        }
        let texts = texts.into_bytes();
        body.u32(u32::try_from(texts.len()).unwrap());
        body.append(&texts);
        return Ok(("as", body));
    }
    body.u32(7);
    Ok(("u", body))
}

/// Serves as `uid` on a thread of its own, until the bus ends.
fn serve_as(uid: u32, address: String, asked: Asked) {
    let (ready, taken) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        super::notification::become_user(uid, uid).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(serve(
            &address,
            "org.freedesktop.Notifications",
            asked,
            ready,
            desktop,
        ));
    });
    taken.blocking_recv().unwrap();
}

#[tokio::test]
async fn a_desktop_shows_it_with_whose_word_it_is_and_without_markup() {
    // Who is not root can only be told as who they are.
    let own = geteuid();
    let uid = if own.is_root() { NOBODY } else { own.as_raw() };
    let buses = tempfile::tempdir().unwrap();
    std::fs::set_permissions(buses.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let folder = buses.path().join(uid.to_string());
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(uid), Some(uid)).unwrap();
    let Some(daemon) = Daemon::start(&folder.join("bus"), uid) else {
        return;
    };
    let asked = Asked::default();
    let (address, heard) = (daemon.address.clone(), Arc::clone(&asked));
    tokio::task::spawn_blocking(move || serve_as(uid, address, heard))
        .await
        .unwrap();
    let order = order(
        uid,
        SessionKind::Graphical,
        Some("tty2"),
        "Save <b>now</b> & go",
    );
    let tellers = tellers(buses.path());
    for teller in &tellers {
        let shown = teller.show(order.clone()).await;
        assert_eq!(shown, Ok(Delivered::Notification));
        let heard = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(heard[1].member, "Notify");
        let mut arguments = heard[1].arguments();
        assert_eq!(arguments.string(), Ok("Bailiwick"));
        assert_eq!(arguments.u32(), Ok(0));
        assert_eq!(arguments.string(), Ok(""));
        assert_eq!(arguments.string(), Ok("IT desk (plugin tell)"));
        let text = "Save &lt;b&gt;now&lt;/b&gt; &amp; go";
        assert_eq!(arguments.string(), Ok(text));
        // This thread is who it was.
        assert_eq!(geteuid(), own);
    }
    // The folder of somebody else is not looked into.
    std::os::unix::fs::chown(&folder, Some(own.as_raw()), None).unwrap();
    for teller in &tellers {
        let refused = teller.show(order.clone()).await;
        if own.is_root() {
            let nobody = matches!(&refused, Err(MessageError::Nobody(why)) if why.contains("own"));
            assert!(nobody, "{refused:?}");
        }
    }
    drop(daemon);
    for teller in &tellers {
        let nobody = teller.show(order.clone()).await;
        assert!(matches!(nobody, Err(MessageError::Nobody(_))), "{nobody:?}");
        let often = teller.show(order.clone()).await;
        assert!(matches!(often, Err(MessageError::TooOften(_))), "{often:?}");
    }
}

#[tokio::test]
async fn who_has_no_desktop_is_nobody() {
    let buses = tempfile::tempdir().unwrap();
    let teller = teller(buses.path());
    for kind in [SessionKind::Graphical, SessionKind::Background] {
        let told = teller.show(order(NOBODY, kind, None, "Hello")).await;
        assert!(matches!(told, Err(MessageError::Nobody(_))), "{told:?}");
    }
}

/// A terminal, and what it shows.
fn pty(unicode: bool) -> (std::fs::File, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let mut modes = tcgetattr(&master).unwrap();
    modes.input_modes.set(InputModes::IUTF8, unicode);
    tcsetattr(&master, OptionalActions::Now, &modes).unwrap();
    let name = name.to_str().unwrap().strip_prefix("/dev/").unwrap();
    (master.into(), name.to_owned())
}

#[tokio::test]
async fn a_terminal_shows_it_with_each_line_marked() {
    let own = geteuid();
    let [itself, through] = tellers(Path::new("/nowhere"));
    let other = if own.is_root() { NOBODY } else { own.as_raw() };
    for (teller, uid, unicode, line) in [
        (&itself, own.as_raw(), true, "> Grüße\r\n"),
        (&itself, own.as_raw(), false, "> Gr??e\r\n"),
        (&through, other, true, "> Grüße\r\n"),
    ] {
        let (mut master, name) = pty(unicode);
        // As a login does.
        let path = Path::new("/dev").join(&name);
        std::os::unix::fs::chown(path, Some(uid), None).unwrap();
        let text = "Grüße\n* Message from root:";
        let order = order(uid, SessionKind::Console, Some(&name), text);
        let shown = teller.show(order).await;
        assert_eq!(shown, Ok(Delivered::Terminal), "{name}");
        let mut shown = vec![0; 4_096];
        let length = master.read(&mut shown).unwrap();
        let shown = String::from_utf8(shown[..length].to_vec()).unwrap();
        // The terminal's own discipline writes a return before each end of a line.
        let shown = shown.replace("\r\r\n", "\r\n");
        let begin = "\u{7}\r\n* Message from IT desk (plugin tell):\r\n";
        assert_eq!(shown, format!("{begin}{line}> * Message from root:\r\n"));
    }
    let gone = order(other, SessionKind::Console, Some("pts/99999"), "Hello");
    for teller in [itself, through] {
        let told = teller.show(gone.clone()).await;
        assert!(matches!(told, Err(MessageError::Nobody(_))), "{told:?}");
    }
}

/// Reasons go to plugins and into the log, which has no grant of them.
#[test]
fn why_nobody_was_told_does_not_name_them() {
    const UID: u32 = 3_141_592;
    let buses = tempfile::tempdir().unwrap();
    let folder = buses.path().join(UID.to_string());
    let own = geteuid().as_raw();
    let tell = |uid| super::notification::as_user(&folder, uid, "IT", "text").unwrap_err();
    let mut reasons = vec![tell(UID)];
    std::fs::create_dir(&folder).unwrap();
    reasons.extend([tell(UID), tell(own)]);
    std::fs::write(folder.join("bus"), "").unwrap();
    reasons.push(tell(own));
    for reason in reasons {
        assert!(!reason.contains(&UID.to_string()), "{reason}");
    }
}
