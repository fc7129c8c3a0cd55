//! `bailiwick-audit policy` as people and scripts use it: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What a run printed, and how it ended.
struct Ran {
    code: i32,
    output: String,
    errors: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.output)
            .unwrap_or_else(|error| panic!("{error}: {}", self.output))
    }
}

fn policy(words: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_bailiwick-audit"))
        .arg("policy")
        .args(words)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

fn shipped(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../policies");
    folder.join(name).to_str().unwrap().to_owned()
}

/// The line of the grant in which a shipped policy says `text`.
fn grant_with(name: &str, text: &str) -> usize {
    let policy = fs::read_to_string(shipped(name)).unwrap();
    let before = &policy[..policy.find(text).unwrap()];
    let heading = before.rfind("[[grant]]").unwrap();
    before[..heading].lines().count() + 1
}

/// A file that lives as long as the test.
struct Written {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Written {
    fn new(name: &str, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    /// A shipped policy with something changed.
    fn changed(name: &str, changes: &[(&str, &str)]) -> Self {
        let mut text = fs::read_to_string(shipped(name)).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        Self::new(name, text.as_bytes())
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

#[test]
fn a_wider_policy_ends_with_1_and_names_what_is_wider_with_its_line() {
    let old = shipped("pressure.toml");
    let new = Written::changed(
        "pressure.toml",
        &[
            ("memory = \"4 MiB\"", "memory = \"8 MiB\""),
            ("\"loadavg\"", "\"meminfo\""),
        ],
    );
    let ran = policy(&["diff", &old, new.path()]);
    assert_eq!(ran.code, 1, "{}", ran.errors);
    for line in [
        "wider     limit memory: from 4 MiB to 8 MiB",
        "wider     files: may now also read /proc/meminfo",
        "narrower  files: may no longer read /proc/loadavg",
        "NEW is wider than OLD in some and narrower in other things",
    ] {
        assert!(ran.output.contains(line), "{}", ran.output);
    }
    let line = grant_with("pressure.toml", "\"loadavg\"");
    assert!(
        ran.output.contains(&format!("{}:{line}", new.path())),
        "{}",
        ran.output
    );
    let json = policy(&["diff", "--json", &old, new.path()]);
    assert_eq!(json.code, 1);
    let json = json.json();
    assert_eq!(json["relation"], "both");
    assert_eq!(json["subjects"]["limit memory"], "wider");
    assert_eq!(json["subjects"]["limit deadline"], "same");
    assert_eq!(json["changes"][1]["line"], line);

    assert_eq!(policy(&["diff", &old, &old]).code, 0);
    let narrower = Written::changed("pressure.toml", &[(", \"loadavg\"", "")]);
    let narrower = policy(&["diff", &old, narrower.path()]);
    assert_eq!((narrower.code, narrower.errors.as_str()), (0, ""));
}

#[test]
fn what_can_not_be_judged_ends_with_2_and_says_what_to_do() {
    let old = shipped("pressure.toml");
    let component = Written::new("a.wasm", b"\0asm\x0d\0\x01\0");
    let text = Written::new("a.toml", b"format = 1\nplugn = \"a\"\n");
    let bytes = Written::new("a.bin", b"\xff\xfe");
    for (words, expected) in [
        (["diff", &old, component.path()], "name two of one kind"),
        (
            ["diff", &old, text.path()],
            "a.toml:2:1: `plugn` is not a key",
        ),
        (["diff", &old, bytes.path()], "neither a policy"),
        (["diff", &old, "/nowhere"], "/nowhere can't be read"),
        (
            ["explain", &old, "telepathy"],
            "`telepathy` is no capability; write",
        ),
        (["test", &old, "--at=soon"], "write one such as 2027-12-31"),
    ] {
        let ran = policy(&words);
        assert_eq!(ran.code, 2, "{words:?}");
        assert!(ran.errors.contains(expected), "{words:?}: {}", ran.errors);
    }
    assert_eq!(
        policy(&["diff", component.path(), component.path()]).code,
        0
    );
}

#[test]
fn a_component_that_asks_for_more_is_wider() {
    let component = |functions: &str| {
        let text =
            format!("(component (import \"bailiwick:plugin/log@0.1.0\" (instance {functions})))");
        Written::new("a.wasm", &wat::parse_str(text).unwrap())
    };
    let old = component("(export \"write\" (func))");
    let new = component("(export \"write\" (func)) (export \"erase\" (func))");
    let ran = policy(&["diff", old.path(), new.path()]);
    assert_eq!(ran.code, 1, "{}", ran.errors);
    let line = "wider     bailiwick:plugin/log: may now also call erase";
    assert!(ran.output.contains(line), "{}", ran.output);
    assert_eq!(policy(&["diff", new.path(), old.path()]).code, 0);
}

#[test]
fn a_call_is_explained_with_the_lines_that_decide() {
    let inventory = shipped("inventory.toml");
    let allowed = policy(&["explain", &inventory, "files", "/etc/passwd"]);
    assert_eq!(allowed.code, 0, "{}", allowed.errors);
    let line = grant_with("inventory.toml", "\"passwd\"");
    let line = format!("{inventory}:{line}: allows it");
    assert!(allowed.output.contains(&line), "{}", allowed.output);
    assert!(
        allowed.output.contains("Lists the local users"),
        "{}",
        allowed.output
    );

    let denied = policy(&["explain", "--json", &inventory, "files", "/etc/shadow"]);
    assert_eq!(denied.code, 1, "{}", denied.errors);
    let json = denied.json();
    assert_eq!(json["allowed"], false);
    let grants = json["grants"].as_array().unwrap();
    let denies = grants.iter().find(|grant| grant["bearing"] == "denies");
    assert_eq!(
        denies.unwrap()["line"],
        grant_with("inventory.toml", "shadow*")
    );

    let option = [
        "explain",
        &shipped("run-program.toml"),
        "exec",
        "/usr/bin/df",
        "-h",
    ];
    assert_eq!(policy(&option).code, 0);
    let all = policy(&["explain", &shipped("wake-on-lan.toml")]);
    assert_eq!(all.code, 0);
    for part in [
        "may wake every neighbour on every link that is no virtual one, 60 times a minute",
        "never granted: log, clock",
        ": Any device of the fleet can be asleep.",
    ] {
        assert!(all.output.contains(part), "{}", all.output);
    }
}

#[test]
fn cases_are_tried_and_each_that_does_not_hold_is_named() {
    let (inventory, pressure) = (shipped("inventory.toml"), shipped("pressure.toml"));
    let good = policy(&["test", &inventory, &pressure]);
    assert_eq!(good.code, 0, "{}", good.output);

    let bad = Written::changed(
        "pressure.toml",
        &[
            ("\"pressure/cpu\"", "\"pressure/*\""),
            ("\"loadavg\"", "\"meminfo\""),
        ],
    );
    let ran = policy(&["test", &inventory, bad.path()]);
    assert_eq!(ran.code, 1, "{}", ran.output);
    let text = fs::read_to_string(bad.path()).unwrap();
    let case = text
        .find("[[case]]\ncall = [\"files\", \"/proc/loadavg\"]")
        .unwrap();
    let line = text[..case].lines().count() + 1;
    let expected = format!(
        "{}:{line}: files /proc/loadavg: expected to be allowed, and is refused",
        bad.path()
    );
    assert!(ran.output.contains(&expected), "{}", ran.output);
    let json = policy(&["test", "--json", bad.path()]).json();
    assert_eq!(json["holds"], false);
    assert_eq!(json["files"][0]["failures"][0]["line"], line);

    let none = Written::changed("pressure.toml", &[("[[case]]", "# ")]);
    assert_eq!(policy(&["test", none.path()]).code, 2);
    let text = fs::read_to_string(shipped("pressure.toml")).unwrap();
    let (without, _) = text.split_once("[[case]]").unwrap();
    let without = Written::new("p.toml", without.as_bytes());
    let ran = policy(&["test", without.path()]);
    assert_eq!(ran.code, 2);
    assert!(ran.output.contains("names no case"), "{}", ran.output);
}

#[test]
fn what_others_wrote_is_not_obeyed_by_a_terminal() {
    let old = shipped("run-program.toml");
    let new = Written::changed(
        "run-program.toml",
        &[("[[], [\"-p\"]]", "[[\"\\u001b[2J\"]]")],
    );
    for ran in [
        policy(&["diff", &old, new.path()]),
        policy(&["explain", new.path()]),
        policy(&["explain", &old, "files", "/\u{1b}[2J"]),
    ] {
        assert!(!ran.output.contains('\u{1b}'), "{:?}", ran.output);
        assert!(ran.output.contains("[2J"), "{:?}", ran.output);
    }
}

#[test]
fn what_was_observed_becomes_a_policy_that_allows_no_more() {
    use bailiwick_core::{
        digest::Sha256,
        policy::{
            Call,
            learn::{Observed, Verdict},
        },
        time::Timestamp,
    };

    let folder = tempfile::tempdir().unwrap();
    let digest = Sha256::of(b"inventory");
    let now = Timestamp::from_ms(5);
    let mut observed = Observed::new("inventory".parse().unwrap(), "0.1.0".into(), digest, now);
    for (words, verdict) in [
        (&["files", "/etc/passwd"][..], Verdict::Allowed),
        (&["system"], Verdict::Allowed),
        (&["files", "/etc/shadow"], Verdict::Refused),
    ] {
        observed.note(&Call::from_words(words).unwrap(), verdict, now);
    }
    let observed_in = folder.path().to_str().unwrap();
    fs::write(
        folder.path().join("inventory-0.1.0.observed"),
        observed.to_text(),
    )
    .unwrap();
    let (observed_as, policy_is) = (["--observed", observed_in], shipped("inventory.toml"));
    let learn = |more: &[&str]| {
        let words = [
            &["learn", "inventory"][..],
            &observed_as,
            &["--policy", &policy_is],
            more,
        ];
        policy(&words.concat())
    };
    let proposed = learn(&[]);
    assert_eq!(proposed.code, 0, "{}", proposed.errors);
    assert!(
        proposed
            .output
            .contains("#   files /etc/shadow   refused 1 times")
    );
    assert_eq!(learn(&["--json"]).json()["refused"], 1);

    let written = folder.path().join("proposed.toml");
    fs::write(&written, &proposed.output).unwrap();
    let written = written.to_str().unwrap();
    let diff = policy(&["diff", &policy_is, written]);
    assert_eq!(diff.code, 0, "{}", diff.output);
    for (call, code) in [
        (&["files", "/etc/passwd"][..], 0),
        (&["files", "/etc/group"], 1),
        (&["files", "/etc/shadow"], 1),
        (&["system"], 0),
        (&["network"], 1),
    ] {
        let answer = policy(&[&["explain", written], call].concat());
        assert_eq!(answer.code, code, "{}", answer.output);
    }
    let missing = policy(&[
        "learn",
        "pressure",
        "--observed",
        observed_in,
        "--policy",
        &policy_is,
    ]);
    assert_eq!(missing.code, 2);
    assert!(missing.errors.contains("observe-dir"), "{}", missing.errors);
}
