//! A device from its token to its renewed certificate, with the real programs.

#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use bailiwick_core::{digest::Sha256, enrolment::Token};
use bailiwick_scenarios::{Desk, Program};
use serde_json::Value;

const PLUGIN: &str = "pressure";

/// A desk whose devices report every second.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.publish(PLUGIN, "0.2.0");
    desk.policy(PLUGIN, |line| match line.split_once(" = ") {
        Some(("every", _)) => "every = \"1 s\"".to_owned(),
        Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
        _ => line.to_owned(),
    });
    desk.assign(PLUGIN, "0.2.0");
    desk
}

fn printed(ended: &Output) -> Value {
    assert!(ended.status.success(), "{ended:?}");
    serde_json::from_slice(&ended.stdout).expect("JSON")
}

/// What a command that failed said.
fn refused(ended: &Output) -> String {
    assert!(!ended.status.success(), "{ended:?}");
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

fn enrolled(desk: &Desk, device: &str) -> String {
    let told = printed(&desk.enrol(device, &desk.invite(&[])));
    told["device"].as_str().expect("an id").to_owned()
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join("enrolment.toml")).expect("it is enrolled")
}

#[test]
fn a_token_is_all_that_a_device_needs() {
    let mut desk = desk();
    let console = desk.console_for_enrolled("90 d");
    let token = desk.invite(&["--group", "pilot"]);
    let told = printed(&desk.enrol("device", &token));
    let id = told["device"].as_str().expect("an id");
    let folder = desk.path("device");
    let mode = fs::metadata(folder.join("enrolment.toml")).map(|file| file.permissions().mode());
    assert_eq!(mode.expect("it is there") & 0o777, 0o600);
    assert!(!folder.join("enrolment-key.pem").exists());

    // Whoever asks twice has what was asked for.
    let before = text(&folder);
    assert_eq!(printed(&desk.enrol("device", &token)), told);
    assert_eq!(text(&folder), before);
    // Another device does not, and it is known.
    let words = refused(&desk.enrol("other", &token));
    assert!(words.contains("used already"), "{words}");
    assert!(!desk.path("other").join("enrolment.toml").exists());
    let listed = desk.devices(&["list"]);
    assert_eq!(listed[0]["device"], id);
    assert_eq!(listed[1]["alarm"], true);
    let events = desk.reports(&["--events", "--device", id]);
    let told = |event: &&Value| event["event"]["event"] == "token-refused";
    assert!(events.iter().any(|event| told(&event)), "{events:?}");

    let mut agent = desk.enrolled_agent("device");
    let started = agent.event("started");
    assert_eq!(started["device"], id);
    agent.event("delivered");
    let settings = desk.ask(&["status", "--settings"]);
    let settings = settings.to_string();
    assert!(
        settings.contains("pilot") && settings.contains("mqtts://127.0.0.1:"),
        "{settings}"
    );
    assert!(settings.contains("enrolment"), "{settings}");
    assert!(!desk.reports(&["--device", id]).is_empty());
    let words = refused(&desk.enrol("device", &desk.invite(&["--device", id])));
    assert!(words.contains("must be stopped"), "{words}");
    agent.stop();
    console.stop();
}

#[test]
fn a_token_for_something_else_changes_nothing() {
    let mut desk = desk();
    let _console = desk.console_for_enrolled("90 d");
    let good: Token = desk.invite(&[]).parse().expect("a token");
    let with = |authority, root| {
        let addresses = good.addresses().to_vec();
        Token::new(addresses, good.secret.clone(), authority, root, None)
            .expect("a token")
            .to_string()
    };
    let other = Sha256::of(b"something else");
    let words = refused(&desk.enrol("device", &with(other, good.root)));
    assert!(
        words.contains("not the console that the token is for"),
        "{words}"
    );
    let words = refused(&desk.enrol("device", &with(good.authority, other)));
    assert!(
        words.contains("is not the one that the token names"),
        "{words}"
    );
    let words = refused(&desk.enrol("device", "bailiwick1.AAAA"));
    assert!(words.contains("damaged"), "{words}");
    // None of this used the token up.
    assert_eq!(desk.devices(&["tokens"])[0]["state"], "waits");
    assert_eq!(desk.devices(&["list"]).len(), 0);
    assert!(!desk.path("device").join("enrolment.toml").exists());

    // The first address leads nowhere: the second one is asked.
    let addresses = [&["https://127.0.0.1:1/".to_owned()][..], good.addresses()].concat();
    let token = Token::new(
        addresses,
        good.secret.clone(),
        good.authority,
        good.root,
        None,
    );
    printed(&desk.enrol("device", &token.expect("a token").to_string()));
    assert_eq!(desk.devices(&["tokens"])[0]["state"], "used");
}

#[test]
fn an_answer_that_was_lost_is_asked_for_again_with_the_same_key() {
    let mut desk = desk();
    let _console = desk.console_for_enrolled("90 d");
    let token = desk.invite(&[]);
    printed(&desk.enrol("device", &token));
    let folder = desk.path("device");
    // As it was between the console's commit and the device's: the key waits, nothing else is
    // there.
    let record = text(&folder);
    let read: toml::Table = record.parse().expect("TOML");
    let key = read["key"].as_str().expect("a key");
    fs::write(folder.join("enrolment-key.pem"), key).expect("ours");
    fs::remove_file(folder.join("enrolment.toml")).expect("ours");
    printed(&desk.enrol("device", &token));
    assert_eq!(text(&folder), record);
    assert_eq!(desk.devices(&["list"]).len(), 1);
}

#[test]
fn certificates_are_renewed_while_reports_go_on_and_the_agent_is_killed() {
    let mut desk = desk();
    let _console = desk.console_for_enrolled("8 s");
    let id = enrolled(&desk, "device");
    let folder = desk.path("device");
    let mut agent = desk.enrolled_agent("device");
    agent.event("certificate-renewed");
    let first = text(&folder);
    agent.event("delivered");
    // Dropped, it is killed.
    for _ in 0..3 {
        drop(agent);
        agent = desk.enrolled_agent("device");
        agent.event("certificate-renewed");
        agent.event("delivered");
    }
    assert_ne!(text(&folder), first);
    assert_eq!(agent.count("certificate-expired"), 0);
    let listed = desk.devices(&["list"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["device"], id.as_str());
    assert_eq!(listed[0]["state"], "enrolled");
    for left in ["renewal-key.pem", "enrolment-next.toml"] {
        assert!(!folder.join(left).exists(), "{left}");
    }
}

#[test]
fn a_certificate_that_came_before_a_kill_is_tried_at_the_next_start() {
    let mut desk = desk();
    let _console = desk.console_for_enrolled("90 d");
    let id = enrolled(&desk, "device");
    let folder = desk.path("device");
    let record = text(&folder);
    let next = folder.join("enrolment-next.toml");
    // Far from the end of its life, so that nothing but this file is a reason.
    fs::write(&next, &record).expect("ours");
    let mut agent = desk.enrolled_agent("device");
    agent.event("certificate-renewed");
    agent.stop();
    assert!(!next.exists());
    assert_eq!(text(&folder), record);

    // One that was revoked meanwhile is not taken, and the last one stays.
    fs::write(&next, &record).expect("ours");
    desk.devices(&["revoke", &id]);
    let mut agent = desk.enrolled_agent("device");
    let reason = agent.event("certificate-not-renewed")["reason"].to_string();
    assert!(reason.contains("was revoked"), "{reason}");
    agent.stop();
    assert!(!next.exists());
    assert_eq!(text(&folder), record);
}

#[test]
fn a_revoked_device_keeps_its_reports_until_it_is_enrolled_anew() {
    let mut desk = desk();
    let _console = desk.console_for_enrolled("90 d");
    let id = enrolled(&desk, "device");
    let mut agent = desk.enrolled_agent("device");
    agent.event("delivered");
    desk.devices(&["revoke", &id]);
    // Its connection is closed, and it is not let in again.
    agent.event("not-delivered");
    let made = agent.event("reported")["counter"].as_u64();
    agent.stop();

    printed(&desk.enrol("device", &desk.invite(&["--device", &id])));
    let mut agent: Program = desk.enrolled_agent("device");
    let ends = format!("-{}", made.expect("a number"));
    agent.until("what was made while it was revoked", |line| {
        line["event"] == "delivered" && line["key"].as_str().is_some_and(|key| key.ends_with(&ends))
    });
    let reported = desk.reports(&["--device", &id]);
    assert_eq!(
        reported.len(),
        desk.reports(&[]).len(),
        "it is the same device"
    );
}

#[test]
fn an_expired_certificate_says_what_to_do_and_what_runs_goes_on() {
    let mut desk = desk();
    let console = desk.console_for_enrolled("5 s");
    let id = enrolled(&desk, "device");
    let mut agent = desk.enrolled_agent("device");
    agent.event("delivered");
    // Nobody is there to renew it.
    console.stop();
    let expired = agent.event("certificate-expired");
    assert_eq!(expired["device"], id.as_str());
    agent.event("reported");
    agent.stop();
    let _console = desk.console_for_enrolled("90 d");
    printed(&desk.enrol("device", &desk.invite(&["--device", &id])));
    desk.enrolled_agent("device").event("delivered");
}
