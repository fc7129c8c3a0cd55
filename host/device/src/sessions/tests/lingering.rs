//! A user's services that linger, in a real logind on a bus of its own.

use std::sync::atomic::Ordering;

use bailiwick_core::session::{Change, SessionKind, SessionState, Source};
use bailiwick_needs::{Login, own_uid};

use super::{
    super::{
        bus::{Bus, Message, Writer},
        linux::Places,
        rest::Teller,
    },
    Watch,
    logind::{Opened, manager, until_source},
    private_bus::PrivateBus,
};

const UNTESTED: &str =
    "that services which linger are sessions, whether their user is there or not";

#[tokio::test]
async fn services_that_linger_are_a_session_until_they_end_and_through_logins() {
    if !Login::is_possible(UNTESTED) {
        return;
    }
    let trent = own_uid(6);
    let accounts = format!("root:x:0:0::/root:/bin/sh\ntrent:x:{trent}:1::/:/bin/sh\n");
    let Some(bus) = PrivateBus::start(&accounts, UNTESTED).await else {
        return;
    };
    let mut watch = Watch::begin(Places {
        proc: "/proc".into(),
        utmp: bus.path().join("utmp"),
        accounts: bus.path().join("passwd"),
        bus: bus.address(),
        teller: Teller::Kernel(None),
    })
    .await;
    until_source(&mut watch, Source::Logind).await;

    bus.lingering.store(true, Ordering::SeqCst);
    linger(&bus, trent, true).await;
    let (services, _) = watch.opened(trent).await;
    bus.lingering.store(false, Ordering::SeqCst);
    linger(&bus, trent, false).await;
    watch.closed(&services).await;

    bus.lingering.store(true, Ordering::SeqCst);
    linger(&bus, trent, true).await;
    let (services, _) = watch.opened(trent).await;
    let facts = &services.facts;
    assert_eq!(facts.kind.as_ref().unwrap().value, SessionKind::Service);
    assert_eq!(facts.user_name.as_ref().unwrap().value, "trent");
    assert!(facts.since.is_some());
    assert_eq!(services.id.number(), format!("u{trent}"));

    let login = Opened::new(&bus, trent, "sshd", "tty", "192.0.2.7").await;
    let (session, _) = watch.opened(trent).await;
    assert_ne!(session.id, services.id);
    drop(login);
    let logged_out = |change: &Change| match change {
        Change::Changed { session: of, .. } if of.id == session.id => {
            let state = of.facts.state.as_ref().unwrap().value;
            (state == SessionState::Closing).then_some(())
        }
        _ => None,
    };
    watch.until(logged_out).await;
    let still = watch.tracker.sessions().any(|open| open.id == services.id);
    assert!(still, "{:?}", watch.changes);
}

/// Has logind keep a user's services, or no longer.
async fn linger(bus: &PrivateBus, uid: u32, keep: bool) {
    let mut body = Writer::default();
    // Whose, whether, and that nobody is asked.
    for value in [uid, u32::from(keep), 0] {
        body.u32(value);
    }
    let call = Message {
        signature: "ubb".to_owned(),
        body: body.into_bytes(),
        ..manager("SetUserLinger")
    };
    let mut connection = Bus::connect(&bus.address()).await.unwrap();
    connection.ask(call).await.unwrap();
}
