//! `bailiwick-audit` as people and scripts use it: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

const POLICY: &str = include_str!("../../tests/rules/base.toml");
const COMPONENT: &str = include_str!("../../tests/rules/base.wat");

/// A folder with policies and components.
struct Desk(TempDir);

/// What a run printed, and how it ended.
struct Ran {
    code: i32,
    output: String,
    errors: String,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn policy(&self, content: &str) {
        self.write("policies/sample.toml", content);
    }

    fn component(&self, name: &str, text: &str) {
        self.write(name, wat::parse_str(text).unwrap());
    }

    fn audit(&self, words: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_bailiwick-audit"))
            .args(words)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn nothing_found_ends_with_0_and_something_with_1() {
    let desk = Desk::new();
    desk.policy(POLICY);
    desk.component("sample-1.2.0.wasm", COMPONENT);
    for words in [
        &["--policy", "policies", "sample-1.2.0.wasm"][..],
        &[
            "check",
            "--policy",
            "policies/sample.toml",
            "sample-1.2.0.wasm",
        ],
        &["--policy", "policies"],
    ] {
        let clean = desk.audit(words);
        assert_eq!(clean.code, 0, "{}{}", clean.output, clean.errors);
        assert!(
            clean.output.contains("sample: nothing found"),
            "{}",
            clean.output
        );
    }
    desk.policy(&POLICY.replace("^1.2", "<3"));
    let found = desk.audit(&["--policy", "policies", "sample-1.2.0.wasm"]);
    assert_eq!(found.code, 1);
    assert!(
        found.output.contains(
            "  BW010 warning policies/sample.toml:5:12: `<3` holds for 0.0.0 and for 0.0.1"
        ),
        "{}",
        found.output
    );
}

#[test]
fn what_cant_be_judged_ends_with_2_and_the_rest_is_judged() {
    let desk = Desk::new();
    desk.policy(&POLICY.replace("^1.2", "<3"));
    desk.write("policies/broken.toml", "format = 1\nplugin = 7\n");
    desk.write("policies/latin.toml", b"format = 1 # \xe9");
    desk.write("policies/assignment.toml", "serial = 1");
    desk.component("stray.wasm", COMPONENT);
    desk.write("text.wasm", "(component)");
    let ran = desk.audit(&[
        "--policy",
        "policies",
        "stray.wasm",
        "text.wasm",
        "absent.wasm",
    ]);
    assert_eq!(ran.code, 2, "{}", ran.output);
    for line in [
        "BW010",
        "5 not judged",
        "  absent.wasm: it can't be read: ",
        "  policies/broken.toml:2:10: it is no policy: `plugin` can't be `7`; write",
        "  policies/latin.toml: it is no policy: it is not UTF-8",
        "  stray.wasm: no policy is known for the plugin `stray`: name one with --policy",
        "  text.wasm: not a component: it is not WebAssembly in its binary form",
    ] {
        assert!(ran.output.contains(line), "{line}\n{}", ran.output);
    }
    assert!(!ran.output.contains("assignment"), "{}", ran.output);
}

#[test]
fn wrong_command_lines_end_with_2_and_say_why() {
    let desk = Desk::new();
    for (words, part) in [
        (&[][..], "nothing is named that could be judged"),
        (
            &["--policy", "absent"],
            "the policies in absent can't be read",
        ),
        (&["--policy", "policies", "--at", "2026-02-30"], "is no day"),
        (
            &["--policy", "policies", "--format", "pdf"],
            "possible values",
        ),
        (&["--policy", "policies", "--root-sha256", "00"], "64"),
        (
            &["--repository", "absent"],
            "the repository absent is not accepted",
        ),
        (&["--repository", "policies"], "1.root.json is missing"),
    ] {
        let ran = desk.audit(words);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.output);
        assert!(ran.errors.contains(part), "{words:?}: {}", ran.errors);
        assert!(ran.output.is_empty(), "{words:?}: {}", ran.output);
    }
}

#[test]
fn the_day_decides_whether_a_grant_has_expired() {
    let desk = Desk::new();
    desk.policy(&format!("{POLICY}expires = 2026-06-30\n"));
    for (at, rule, code) in [
        ("2026-05-31", None, 0),
        ("2026-06-30", Some("BW007"), 1),
        ("2026-07-01", Some("BW006"), 1),
    ] {
        let ran = desk.audit(&["--policy", "policies", "--at", at]);
        assert_eq!(ran.code, code, "{}", ran.output);
        let found = ["BW006", "BW007"]
            .into_iter()
            .find(|rule| ran.output.contains(rule));
        assert_eq!(found, rule, "{at}");
    }
}

#[test]
fn every_format_tells_the_same_findings() {
    let desk = Desk::new();
    desk.policy(&POLICY.replace("^1.2", "<3"));
    desk.component("1.wasm", COMPONENT);
    let run = |format| {
        let ran = desk.audit(&["--policy", "policies", "--format", format, "sample=1.wasm"]);
        assert_eq!(ran.code, 1, "{}", ran.errors);
        ran.output
    };
    let json: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(json["outcome"], "findings");
    let finding = &json["plugins"][0]["findings"][0];
    assert_eq!(finding["rule"], "BW010");
    assert_eq!(finding["place"]["line"], 5);
    let sarif: Value = serde_json::from_str(&run("sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "BW010");
    assert_eq!(
        sarif["runs"][0]["invocations"][0]["executionSuccessful"],
        true
    );
    let page = run("html");
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("BW010") && !page.contains("BW001"), "{page}");
}
