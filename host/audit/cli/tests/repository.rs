//! A repository that is audited: who signed, what the next version changes, and what an
//! auditor does not believe.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use bailiwick_core::{CONTRACT, refusal::Refused, release::World, time::Timestamp};
use bailiwick_repository::{Assign, Init, Key, Named, Publish, Repository};
use semver::Version;
use serde_json::Value;
use tempfile::TempDir;

const POLICY: &str = include_str!("../../tests/rules/base.toml");
const COMPONENT: &str = include_str!("../../tests/rules/base.wat");

/// As [`COMPONENT`], with one import more.
fn wider() -> String {
    let import = "(import \"bailiwick:plugin/system@0.1.0\" (instance (export \"describe\" (func)))) \
                  (core module";
    COMPONENT.replace("(core module", import)
}

/// A repository with version 1.2.0 of `sample`, assigned to every device.
struct Desk {
    folder: TempDir,
    repository: Repository,
    root: String,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap())
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("repository");
        let init = Init {
            vendors: vec!["acme".parse().unwrap(), "evil".parse().unwrap()],
            server_names: Vec::new(),
            now: now(),
        };
        let root = Repository::init(&path, &init).unwrap().root_sha256;
        let desk = Self {
            repository: Repository::open(&path).unwrap(),
            root: root.to_string(),
            folder,
        };
        desk.publish("acme", "1.2.0", COMPONENT);
        let key = desk.approver();
        desk.sign_policy(&POLICY.replace("policies-2026", &key));
        desk.assign("1.2.0");
        desk
    }

    /// The name of the key of `policies`: it has the year in which it was made.
    fn approver(&self) -> String {
        let keys = fs::read_dir(self.repository.keys()).unwrap();
        keys.map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .find(|name| name.starts_with("policies-"))
        .unwrap()
    }

    fn publish(&self, vendor: &str, version: &str, text: &str) {
        let component = wat::parse_str(text).unwrap();
        let new = Publish {
            vendor: &vendor.parse().unwrap(),
            plugin: &"sample".parse().unwrap(),
            version: &version.parse().unwrap(),
            world: World::Collector,
            contract: &CONTRACT,
            minimum_host: &CONTRACT,
            component: &component,
        };
        self.repository.publish(&new, now()).unwrap();
    }

    fn sign_policy(&self, text: &str) {
        self.repository
            .put_policy("sample.toml", text, now())
            .unwrap();
    }

    fn assign(&self, version: &str) {
        let version: Version = version.parse().unwrap();
        let new = Assign {
            vendor: &"acme".parse().unwrap(),
            plugin: &"sample".parse().unwrap(),
            version: &version,
            policy: "sample.toml",
            groups: None,
            percentage: 100,
        };
        self.repository.assign(&new, now()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn refuse(&self, version: &str, reason: &str) -> Refused {
        let keys = self.repository.keys();
        let key = Key::load(&keys.join(format!("{}.json", self.approver()))).unwrap();
        let named = Named {
            vendor: &"acme".parse().unwrap(),
            plugin: &"sample".parse().unwrap(),
            version: &version.parse().unwrap(),
        };
        self.repository.refuse(named, reason, key, now()).unwrap()
    }

    fn told(&self, format: &str) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_bailiwick-audit"))
            .args(["--format", format, "--repository"])
            .arg(self.repository.public())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    }

    fn audit(&self, more: &[&str]) -> (i32, Value, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_bailiwick-audit"))
            .args(["--format", "json", "--repository"])
            .arg(self.repository.public())
            .args(more)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let told = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), told, errors)
    }
}

fn rules(plugin: &Value) -> Vec<&str> {
    let findings = plugin["findings"].as_array().unwrap();
    let rules = findings
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap());
    rules.collect()
}

#[test]
fn who_signed_is_told_and_what_is_assigned_is_judged() {
    let desk = Desk::new();
    let (code, told, errors) = desk.audit(&["--root-sha256", &desk.root]);
    assert_eq!(code, 0, "{told:#} {errors}");
    let plugins = told["plugins"].as_array().unwrap();
    assert_eq!(plugins.len(), 1, "{told:#}");
    let release = &plugins[0]["release"];
    assert_eq!(release["version"], "1.2.0");
    assert_eq!(release["role"], "vendor-acme");
    assert_eq!(release["assigned"], "to all devices");
    assert!(
        release["signed-by"][0]
            .as_str()
            .unwrap()
            .starts_with("vendor-acme-")
    );
    assert_eq!(told["repository"]["policies-keys"][0], desk.approver());
    assert_eq!(told["repository"]["root-is-named"], true);
    let roles = told["repository"]["roles"].as_array().unwrap();
    let vendor = roles
        .iter()
        .find(|role| role["name"] == "vendor-acme")
        .unwrap();
    assert_eq!(vendor["signed-by"], release["signed-by"]);
}

#[test]
fn the_next_version_is_told_with_what_it_changes() {
    let desk = Desk::new();
    desk.publish("acme", "1.3.0", &wider());
    let (code, told, errors) = desk.audit(&[]);
    assert_eq!(code, 1, "{told:#} {errors}");
    let plugins = told["plugins"].as_array().unwrap();
    assert_eq!(plugins.len(), 2, "{told:#}");
    assert!(rules(&plugins[0]).is_empty(), "{told:#}");
    assert_eq!(rules(&plugins[1]), ["BW001"]);
    let release = &plugins[1]["release"];
    assert_eq!(release["assigned"], Value::Null);
    assert_eq!(release["changes"]["from"], "1.2.0");
    let wider = release["changes"]["wider"].as_array().unwrap();
    assert_eq!(wider.len(), 1, "{told:#}");
    let line = wider[0].as_str().unwrap();
    assert!(
        line.contains("system") && line.contains("describe"),
        "{line}"
    );
    let (_, page) = desk.told("html");
    for part in [
        "1 thing more than 1.2.0",
        "Its policy is the one of <a href=\"#plugin-0\">sample 1.2.0</a>",
        "Not known: no record of a device was read",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn what_an_approver_refused_is_told_with_who_when_why_and_what() {
    let desk = Desk::new();
    desk.publish("acme", "1.3.0", &wider());
    let refused = desk.refuse("1.3.0", "No <need> for it.");
    let (code, told, errors) = desk.audit(&[]);
    assert_eq!(code, 1, "{told:#} {errors}");
    let why = format!(
        "refused by {} on {}: No <need> for it.",
        desk.approver(),
        refused.day()
    );
    let plugins = told["plugins"].as_array().unwrap();
    assert_eq!(plugins[0]["release"]["forbidden"], Value::Null);
    assert_eq!(plugins[1]["release"]["forbidden"], why.as_str());
    let listed = &told["repository"]["refused"][0];
    assert_eq!(listed["by"], desk.approver());
    assert_eq!(
        listed["component-sha256"],
        plugins[1]["component"]["inspection"]["sha256"]
    );
    let (_, text) = desk.told("text");
    assert!(
        text.contains(&format!("  forbidden  no device runs it: {why}")),
        "{text}"
    );
    assert!(
        text.contains("Refused by approvers\n  sample 1.3.0 of acme: refused by"),
        "{text}"
    );
    let (_, html) = desk.told("html");
    for part in [
        "What approvers refused",
        "No &lt;need&gt; for it.",
        "no device runs it",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

#[test]
fn an_older_version_that_nobody_is_assigned_is_not_judged() {
    let desk = Desk::new();
    desk.publish("acme", "1.1.0", &wider());
    let (code, told, _) = desk.audit(&[]);
    assert_eq!(code, 0, "{told:#}");
    assert_eq!(told["plugins"].as_array().unwrap().len(), 1);
}

#[test]
fn an_approver_without_a_key_is_found() {
    let desk = Desk::new();
    desk.sign_policy(&POLICY.replace("policies-2026", "the-boss"));
    let (code, told, _) = desk.audit(&[]);
    assert_eq!(code, 1);
    assert_eq!(rules(&told["plugins"][0]), ["BW008"]);
}

#[test]
fn a_component_of_another_publisher_is_found_and_the_vendors_own_is_told_once() {
    let desk = Desk::new();
    desk.publish("evil", "9.0.0", &COMPONENT.replace("17", "18"));
    let written = |name: &str, text: &str| {
        fs::write(desk.path(name), wat::parse_str(text).unwrap()).unwrap();
    };
    written("sample-1.2.0.wasm", COMPONENT);
    let (code, told, _) = desk.audit(&["sample-1.2.0.wasm"]);
    // Somebody else's plugin of the same name, which no policy means, is not told at all.
    assert_eq!(code, 0, "{told:#}");
    assert_eq!(told["plugins"].as_array().unwrap().len(), 1, "{told:#}");
    for (file, text, part) in [
        (
            "sample-9.0.0.wasm",
            COMPONENT.replace("17", "18"),
            "vendor-evil",
        ),
        (
            "sample-1.2.1.wasm",
            COMPONENT.replace("17", "19"),
            "no role of the repository",
        ),
    ] {
        written(file, &text);
        let (_, told, _) = desk.audit(&[file]);
        let findings = told["plugins"].as_array().unwrap().iter();
        let findings = findings.flat_map(|plugin| plugin["findings"].as_array().unwrap());
        let found = findings.filter(|finding| finding["rule"] == "BW011");
        let texts: Vec<_> = found
            .map(|finding| finding["text"].as_str().unwrap())
            .collect();
        assert!(
            texts.iter().any(|text| text.contains(part)),
            "{file}: {texts:?}"
        );
    }
}

#[test]
fn a_policy_that_is_not_signed_yet_counts_in_place_of_the_signed_one() {
    let desk = Desk::new();
    fs::create_dir(desk.path("policies")).unwrap();
    let key = desk.approver();
    let draft = POLICY.replace("policies-2026", &key).replace("^1.2", "^2");
    fs::write(desk.path("policies/sample.toml"), draft).unwrap();
    let (code, told, _) = desk.audit(&["--policy", "policies"]);
    assert_eq!(code, 1);
    assert_eq!(rules(&told["plugins"][0]), ["BW016"]);
    assert_eq!(told["plugins"][0]["policy"]["file"], "policies/sample.toml");
}

#[test]
fn a_repository_that_devices_refuse_is_not_judged() {
    let desk = Desk::new();
    let (code, _, errors) = desk.audit(&["--root-sha256", &"0".repeat(64)]);
    assert_eq!(code, 2);
    assert!(errors.contains("is not accepted"), "{errors}");
    let component = found(&desk.repository.public().join("vendor/acme/sample"));
    let mut bytes = fs::read(&component).unwrap();
    bytes.push(0);
    fs::write(&component, bytes).unwrap();
    let (code, told, _) = desk.audit(&[]);
    assert_eq!(code, 2, "{told:#}");
    let place = &told["not-judged"][0]["place"]["file"];
    assert_eq!(place, "vendor/acme/sample/1.2.0.wasm", "{told:#}");
}

fn found(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .find(|path| path.extension().is_some_and(|end| end == "wasm"))
        .unwrap()
}
