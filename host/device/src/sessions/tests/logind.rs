//! A real logind on a bus of its own, with logins that the kernel numbers.

use std::{
    io::{IoSliceMut, Write as _},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::atomic::Ordering,
    time::Duration,
};

use bailiwick_core::{
    ports::Sessions as _,
    session::{Aspect, Change, Remote, SessionKind, SessionState, Source},
};
use bailiwick_needs::{Login, own_uid};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::{
    super::{
        bus::{Bus, Kind, Message, Writer},
        linux::Places,
        rest::Teller,
    },
    PATIENCE, Watch,
    private_bus::PrivateBus,
    privileged_on,
};

const LOGIND: &str = "org.freedesktop.login1";
const UNTESTED: &str = "that sessions of logind are seen within 1 s, and survive its loss";
/// The promise where there is logind.
const WITHIN: Duration = Duration::from_secs(1);
/// The promise where there is none.
const WITHOUT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn logind_is_believed_at_once_and_its_loss_loses_no_session() {
    if !Login::is_possible(UNTESTED) {
        return;
    }
    let (mallory, peggy) = (own_uid(1), own_uid(2));
    let accounts = format!(
        "root:x:0:0::/root:/bin/sh\nmallory:x:{mallory}:1::/:/bin/sh\n\
         peggy:x:{peggy}:1::/:/bin/sh\n"
    );
    let Some(mut bus) = PrivateBus::start(&accounts, UNTESTED).await else {
        return;
    };
    let mut watch = Watch::begin(Places {
        proc: "/proc".into(),
        utmp: bus.path().join("utmp"),
        accounts: bus.path().join("passwd"),
        bus: bus.address(),
        // As in a confined agent: another process connects, as nobody.
        teller: Teller::Kernel(Some(privileged_on(&bus.address()))),
    })
    .await;
    until_source(&mut watch, Source::Logind).await;
    assert_eq!(watch.last.remark, "");

    // Two of one user and one of another, by ssh, at a screen and at a terminal.
    let one = Opened::new(&bus, mallory, "sshd", "tty", "192.0.2.7").await;
    let (first, took) = watch.opened(mallory).await;
    assert!(took < WITHIN, "{took:?}");
    let facts = &first.facts;
    assert_eq!(facts.audit, Some(one.login.audit().unwrap()));
    assert_eq!(first.id.number(), one.login.audit().unwrap().to_string());
    assert_eq!(
        facts.kind.as_ref().unwrap().value,
        SessionKind::Remote(Remote::Ssh)
    );
    let client = facts.client_address.as_ref().unwrap().value;
    assert_eq!(client.to_string(), "192.0.2.7");
    assert_eq!(facts.user_name.as_ref().unwrap().value, "mallory");
    assert_eq!(facts.state.as_ref().unwrap().by, Source::Logind);
    let two = Opened::new(&bus, mallory, "gdm-password", "x11", "").await;
    let (second, took) = watch.opened(mallory).await;
    assert!(took < WITHIN, "{took:?}");
    assert_eq!(
        second.facts.kind.as_ref().unwrap().value,
        SessionKind::Graphical
    );
    let three = Opened::new(&bus, peggy, "login", "tty", "").await;
    let (third, _) = watch.opened(peggy).await;
    assert_eq!(
        third.facts.kind.as_ref().unwrap().value,
        SessionKind::Console
    );

    two.set(&bus, "SetLockedHint").await;
    let became = |expected: SessionState| {
        let id = second.id.clone();
        move |change: &Change| match change {
            Change::Changed { session, aspects } if session.id == id => {
                let state = session.facts.state.as_ref().unwrap().value;
                (aspects == &[Aspect::State] && state == expected).then_some(())
            }
            _ => None,
        }
    };
    let ((), took) = watch.until(became(SessionState::Locked)).await;
    assert!(took < WITHIN, "{took:?}");

    // logind is restarted as an upgrade does it, and forgets that one was locked. The kernel
    // is not asked meanwhile.
    watch.changes.clear();
    bus.restart_logind();
    let ((), took) = watch.until(became(SessionState::Active)).await;
    // Unless the machine is too busy to start it within the second that it is waited for.
    if took < Duration::from_millis(1_400) {
        assert_eq!(watch.changes, []);
    }
    assert!(!watch.heard_of(mallory) && !watch.heard_of(peggy));

    // The bus is killed: the kernel is asked, and nothing has closed.
    bus.kill();
    until_source(&mut watch, Source::Kernel).await;
    let remark = watch.last.remark.clone();
    // Whichever noticed first: what was being asked, or the next attempt to connect.
    assert!(remark.contains("the bus"), "{remark}");
    assert!(
        !watch.heard_of(mallory) && !watch.heard_of(peggy),
        "{:?}",
        watch.changes
    );
    // What closes meanwhile is seen.
    drop(three);
    let took = watch.closed(&third).await;
    assert!(took < WITHOUT, "{took:?}");

    // It comes back and remembers its sessions, if not that one was locked.
    bus.run().await;
    until_source(&mut watch, Source::Logind).await;
    assert!(!watch.heard_of(mallory), "{:?}", watch.changes);
    let state = watch.tracker.sessions().find(|open| open.id == second.id);
    let state = state.unwrap().facts.state.clone().unwrap();
    assert_eq!(
        (state.value, state.by),
        (SessionState::Active, Source::Logind)
    );
    drop(one);
    let took = watch.closed(&first).await;
    assert!(took < WITHIN, "{took:?}");
    // The user logs out, and a program stays behind: logind gives no signal of that.
    bus.lingering.store(true, Ordering::SeqCst);
    drop(two);
    let ((), took) = watch.until(became(SessionState::Closing)).await;
    assert!(took < WITHIN, "{took:?}");
    assert!(!watch.heard_of(mallory), "{:?}", watch.changes);
}

pub(super) async fn until_source(watch: &mut Watch, source: Source) {
    let wait = async {
        while watch.last.source() != source {
            watch.port.changed().await;
            watch.look().await;
        }
    };
    let came = tokio::time::timeout(PATIENCE, wait).await;
    assert!(came.is_ok(), "{source} does not answer: {:?}", watch.last);
}

/// A session that was opened as a PAM module opens it: it lasts while the pipe is held that
/// logind hands out. Messages with descriptors are beyond what the product's client takes,
/// so this one speaks for itself.
pub(super) struct Opened {
    login: Login,
    number: String,
    _pipe: OwnedFd,
}

impl Opened {
    pub(super) async fn new(
        bus: &PrivateBus,
        uid: u32,
        service: &str,
        kind: &str,
        host: &str,
    ) -> Self {
        let login = Login::of(uid).unwrap();
        let mut body = Writer::default();
        body.u32(uid);
        body.u32(login.pid());
        // service, type, class, desktop, seat
        for text in [service, kind, "user", "", ""] {
            body.string(text);
        }
        // vtnr
        body.u32(0);
        // terminal, display
        body.string("");
        body.string("");
        body.u32(u32::from(!host.is_empty()));
        // remote user, remote host
        body.string("");
        body.string(host);
        // No properties: their count, and the alignment of a structure.
        body.u32(0);
        body.align(8);
        let call = Message {
            serial: 2,
            signature: "uusssssussbssa(sv)".to_owned(),
            body: body.into_bytes(),
            ..manager("CreateSession")
        };
        let address = bus.address();
        let asked = tokio::task::spawn_blocking(move || ask_for_pipe(&address, &call));
        let (number, pipe) = asked.await.unwrap();
        Self {
            login,
            number,
            _pipe: pipe,
        }
    }

    /// Calls a method of the session that takes a truth value.
    async fn set(&self, bus: &PrivateBus, member: &str) {
        let mut connection = Bus::connect(&bus.address()).await.unwrap();
        let call = Message::call(
            LOGIND,
            "/org/freedesktop/login1",
            MANAGER,
            "GetSession",
            &[&self.number],
        );
        let answer = connection.ask(call).await.unwrap();
        let path = answer.arguments().string().unwrap().to_owned();
        let mut body = Writer::default();
        body.u32(1);
        let call = Message {
            signature: "b".to_owned(),
            body: body.into_bytes(),
            ..Message::call(LOGIND, &path, "org.freedesktop.login1.Session", member, &[])
        };
        connection.ask(call).await.unwrap();
    }
}

const MANAGER: &str = "org.freedesktop.login1.Manager";

pub(super) fn manager(member: &str) -> Message {
    Message::call(LOGIND, "/org/freedesktop/login1", MANAGER, member, &[])
}

/// Sends `call`, whose serial is 2, and waits for its answer's first text and descriptor.
fn ask_for_pipe(address: &str, call: &Message) -> (String, OwnedFd) {
    let mut stream = UnixStream::connect(address.strip_prefix("unix:path=").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut received = Vec::new();
    let mut pipe = None;
    stream
        .write_all(b"\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        .unwrap();
    let bus = "org.freedesktop.DBus";
    let hello = Message {
        serial: 1,
        ..Message::call(bus, "/org/freedesktop/DBus", bus, "Hello", &[])
    };
    stream.write_all(&hello.encode()).unwrap();
    stream.write_all(&call.encode()).unwrap();
    let agreed = b"AGREE_UNIX_FD\r\n";
    while !received.windows(agreed.len()).any(|text| text == agreed) {
        receive(&stream, &mut received, &mut pipe);
    }
    let end = received
        .windows(agreed.len())
        .position(|text| text == agreed)
        .unwrap();
    received.drain(..end + agreed.len());
    loop {
        while let Some((message, length)) = Message::decode(&received).unwrap() {
            received.drain(..length);
            if message.reply_to == 2 {
                let text = message.arguments().string().unwrap().to_owned();
                assert_eq!(message.kind, Kind::Return, "{text}");
                return (text, pipe.unwrap());
            }
        }
        receive(&stream, &mut received, &mut pipe);
    }
}

fn receive(stream: &UnixStream, received: &mut Vec<u8>, pipe: &mut Option<OwnedFd>) {
    let mut bytes = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let got = recvmsg(stream, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC).unwrap();
    assert!(got.bytes > 0, "the bus closed the connection");
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            pipe.get_or_insert_with(|| descriptors.into_iter().next().unwrap());
        }
    }
    received.extend_from_slice(&bytes[..got.bytes]);
}
