//! `bailiwick-audit --record`: what plugins really did, in every form, and logs that are not
//! believed.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{fs, path::Path, process::Command};

use bailiwick_core::chain::Link;
use serde_json::{Value, json};
use tempfile::TempDir;

const POLICY: &str = include_str!("../../tests/rules/base.toml");
const DEVICE: &str = "07070707070707070707070707070707";
const DAY: u64 = 86_400_000;

/// The log of a device, as `bailiwick log export` writes it, and its head.
fn log(events: &[(u64, Value)]) -> (String, String) {
    let header = json!({
        "format": "bailiwick-log-1", "device": DEVICE, "exported-ms": 9 * DAY, "after": null,
    });
    let (mut text, mut link, mut head) = (format!("{header}\n"), Link::BEGINNING, String::new());
    for (number, (day, event)) in (0..).zip(events) {
        let line = json!({ "device": DEVICE, "at": day * DAY, "words": "", "event": event });
        let line = line.to_string();
        link = link.next(number, line.as_bytes());
        text.push_str(&json!({ "number": number, "link": link, "line": line }).to_string());
        text.push('\n');
        let digest = serde_json::to_value(link).unwrap();
        head = format!("{number}:{}", digest.as_str().unwrap());
    }
    (text, head)
}

fn week() -> Vec<(u64, Value)> {
    let status = |day, calls| {
        let figures = json!({ "calls": calls, "memory-high-bytes": 4096, "capabilities": [] });
        let status = json!({ "event": "plugin-status", "plugin": "sample", "version": "1.2.0",
            "generation": 1, "since": 1, "figures": figures });
        (day, status)
    };
    let denied = json!({ "event": "denied", "plugin": "sample", "version": "1.2.0", "count": 12,
        "call": "files /etc/<b>shadow", "outcome": "no grant covers it" });
    let effect = json!({ "event": "effect", "plugin": "sample", "version": "1.2.0", "count": 1,
        "call": "wake 52:54:00:01:02:03 eth0", "outcome": "done",
        "allowed-by": ["line 30 of the policy, approved by alice"] });
    vec![status(1, 3), (2, denied), (3, effect), status(8, 200)]
}

fn desk(log: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sample.toml"), POLICY).unwrap();
    fs::create_dir(folder.path().join("logs")).unwrap();
    fs::write(folder.path().join(format!("logs/{DEVICE}.log")), log).unwrap();
    folder
}

fn audit(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bailiwick-audit"))
        .args(["--policy", "sample.toml"])
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap();
    let (told, failed) = (output.stdout, output.stderr);
    let told = String::from_utf8([told, failed].concat()).unwrap();
    (output.status.code(), told)
}

#[test]
fn what_plugins_really_did_is_told_in_every_form() {
    let (log, head) = log(&week());
    let folder = desk(&log);
    let record = ["--record", "logs"];
    let (code, text) = audit(folder.path(), &record);
    assert_eq!(code, Some(1), "{text}");
    for told in [
        "0 of them agree with a head",
        "1 device, from 1970-01-02 00:00 UTC to 1970-01-09 00:00 UTC, in version 1.2.0: 200 calls",
        "refused 12×, last 1970-01-03 00:00 UTC: files /etc/<b>shadow (no grant covers it)",
        "did 1×, last 1970-01-04 00:00 UTC: wake 52:54:00:01:02:03 eth0 (done)",
        "`log` was not called once in 200 calls",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
    let (_, json) = audit(
        folder.path(),
        &[&record[..], &["--format", "json"]].concat(),
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["record"]["devices"][0]["head"], head.as_str());
    let deeds = &json["record"]["plugins"]["sample"];
    assert_eq!(deeds["denials"][0]["count"], 12);
    assert_eq!(
        deeds["effects"][0]["allowed-by"][0],
        "line 30 of the policy, approved by alice"
    );
    let (_, sarif) = audit(
        folder.path(),
        &[&record[..], &["--format", "sarif"]].concat(),
    );
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{sarif}");
    let (_, html) = audit(
        folder.path(),
        &[&record[..], &["--format", "html"]].concat(),
    );
    assert!(html.contains("What it really did"));
    // At the top, in short.
    let (top, _) = html.split_once("<h2").unwrap();
    assert!(top.contains("changed something 1×"), "{top}");
    assert!(top.contains("refused 12×"), "{top}");
    assert!(top.contains("Write lines to the device's log"), "{top}");
    assert!(html.contains("files /etc/&lt;b&gt;shadow"));
    assert!(html.contains("allowed by line 30 of the policy, approved by alice"));
    // And without a record nobody takes silence for an answer.
    let (_, html) = audit(folder.path(), &["--format", "html"]);
    assert!(html.contains("Not known: no record of a device was read"));
}

#[test]
fn a_plugin_that_devices_only_refused_is_not_said_to_have_run() {
    let refused = json!({ "event": "refused", "plugin": "stranger", "version": "2.0.0",
        "reason": "it asks for <more>" });
    let ran = json!({ "event": "plugin-started", "plugin": "stranger", "version": "1.0.0" });
    let page = |events: &[(u64, Value)]| {
        let (log, _) = log(events);
        let words = ["--record", "logs", "--format", "html"];
        let (_, page) = audit(desk(&log).path(), &words);
        page.split_once("<h2>stranger</h2>").unwrap().1.to_owned()
    };
    let told = page(&[(1, refused.clone())]);
    assert!(told.contains("No device of the record ran it"), "{told}");
    assert!(told.contains("it asks for &lt;more&gt;"), "{told}");
    assert!(!told.contains("Devices ran it"), "{told}");
    let told = page(&[(1, ran), (2, refused)]);
    assert!(told.contains("Devices ran it"), "{told}");
    assert!(told.contains("it asks for &lt;more&gt;"), "{told}");
}

#[test]
fn a_log_that_was_changed_is_not_believed() {
    let (log, head) = log(&week());
    let folder = desk(&log.replace("\\\"count\\\":12", "\\\"count\\\":1"));
    let (code, text) = audit(folder.path(), &["--record", "logs"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("entry 1 was changed"), "{text}");
    assert!(!text.contains("refused 1×"), "{text}");

    let folder = desk(&log);
    let heads = folder.path().join("logs/heads");
    fs::write(&heads, format!("{DEVICE} {head}\n")).unwrap();
    let (code, text) = audit(folder.path(), &["--record", "logs"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("1 of them agree with a head"), "{text}");
    // Written anew as a whole, without what was refused.
    let anew: Vec<_> = week().into_iter().filter(|(day, _)| *day != 2).collect();
    let (anew, _) = self::log(&anew);
    fs::write(folder.path().join(format!("logs/{DEVICE}.log")), anew).unwrap();
    let (code, text) = audit(folder.path(), &["--record", "logs"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("the log ends before it"), "{text}");

    fs::write(&heads, "x\n").unwrap();
    let (code, text) = audit(folder.path(), &["--record", "logs"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("line 1"), "{text}");
    let (code, text) = audit(folder.path(), &["--record", "nowhere"]);
    assert_eq!(code, Some(2), "{text}");
}
