//! utmp, from a file that is written here.

use std::{fs, path::Path};

use bailiwick_core::session::{SessionKind, Source};

use super::{
    super::{
        rest::Teller,
        utmp::{Layout, tests::written},
    },
    Watch,
    kernel::{Proc, UNSET},
    without_bus,
};

const LOGIN: u16 = 7;
const ENDED: u16 = 8;

fn record(kind: u16, pid: u32, host: &str) -> Vec<u8> {
    written(
        Layout::NATIVE,
        kind,
        pid,
        "pts/77",
        "mallory",
        host,
        1_800_000_000,
    )
}

fn write(file: &Path, records: &[Vec<u8>]) {
    fs::write(file, records.concat()).unwrap();
}

#[tokio::test]
async fn a_login_in_utmp_is_a_session_until_its_record_or_its_process_ends() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("passwd"),
        "mallory:x:54322:1::/:/bin/sh\n",
    )
    .unwrap();
    let proc = Proc::new();
    proc.process(4242, "sshd", UNSET, UNSET, 1);
    let mut places = without_bus(&folder);
    places.proc = proc.path().to_owned();
    places.teller = Teller::Nobody;
    let file = places.utmp.clone();
    let mut watch = Watch::begin(places).await;
    assert_eq!(watch.last.source(), Source::None);
    assert!(
        watch.last.remark.contains("CONFIG_AUDIT"),
        "{}",
        watch.last.remark
    );
    // The record of a process that was killed stays in the file.
    let killed = record(LOGIN, 4241, "192.0.2.1");
    write(&file, &[killed, record(LOGIN, 4242, "192.0.2.7")]);
    // Whoever writes it was made, or made another.
    proc.load("1/101 2");
    let (session, _) = watch.opened(54_322).await;
    assert_eq!(watch.last.source(), Source::Utmp);
    assert_eq!(
        session.facts.client_address.as_ref().unwrap().value,
        std::net::IpAddr::from([192, 0, 2, 7])
    );
    assert_eq!(session.facts.terminal.as_ref().unwrap().value, "pts/77");
    assert!(matches!(
        session.facts.kind.as_ref().unwrap().value,
        SessionKind::Remote(_)
    ));
    write(&file, &[record(ENDED, 4242, ""), record(ENDED, 4242, "")]);
    // The folder is no kernel's: nothing there says that the login's process still runs.
    proc.end(4242);
    proc.load("1/100 2");
    watch.closed(&session).await;
    assert!(!watch.heard_of(54_322), "{:?}", watch.changes);
}

#[tokio::test]
async fn a_torn_file_is_said_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let places = without_bus(&folder);
    fs::write(&places.utmp, [1; 100]).unwrap();
    let watch = Watch::begin(places).await;
    assert!(!watch.last.consulted.contains(&Source::Utmp));
    assert!(
        watch.last.remark.contains("records of"),
        "{}",
        watch.last.remark
    );
}
