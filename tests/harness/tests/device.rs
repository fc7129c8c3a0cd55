//! The refused components, policies, manifests, assignments and revocations of `tests/cases`
//! before the real programs: signed by whoever may sign them, assigned to a device, fetched,
//! and refused before anything of them is compiled.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test whose scene can't be set has failed"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use bailiwick_core::{
    CONTRACT,
    bytes::ByteCount,
    digest::Sha256,
    ids::VendorName,
    release::{Release, World, component_target, manifest_target},
    time::Timestamp,
};
use bailiwick_harness::{
    forge::{Forger, Targets},
    program::{self, Program},
};
use bailiwick_repository::{Init, Repository};
use semver::Version;
use serde_json::Value;

const VERSION: Version = Version::new(1, 2, 0);
/// A component that every check lets through: it shows that a compilation would be seen.
const CONTROL: &str = "control";

fn vendor() -> VendorName {
    "acme".parse().unwrap()
}

/// A case and the text that its refusal holds.
struct Case {
    name: String,
    folder: PathBuf,
    words: Vec<String>,
}

impl Case {
    fn all(kinds: &[&str]) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases");
        let mut cases = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let folder = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            if kinds.contains(&name.split('-').next().unwrap()) {
                let text = fs::read_to_string(folder.join("error.txt")).unwrap();
                let words = text.lines().map(|line| line.replace("input.toml:", ":"));
                let words = words.collect();
                cases.push(Self {
                    name,
                    folder,
                    words,
                });
            }
        }
        assert!(!cases.is_empty());
        cases
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }

    fn is_in(&self, reason: &Value) -> bool {
        let reason = reason.as_str().unwrap_or_default();
        self.words.iter().all(|words| reason.contains(words))
    }
}

/// Adds a plugin called `name` to what `acme` and the policies sign.
fn add(
    name: &str,
    component: &[u8],
    manifest: Option<String>,
    policy: &str,
    to: &mut [Targets; 2],
) {
    let plugin = name.parse().unwrap();
    let release = Release {
        plugin,
        vendor: vendor(),
        version: VERSION,
        world: World::Collector,
        contract: CONTRACT,
        minimum_host: Version::new(0, 1, 0),
        component_sha256: Sha256::of(component),
        component_length: ByteCount::new(component.len() as u64),
    };
    let manifest = manifest.unwrap_or_else(|| release.to_toml());
    let [by_vendor, by_policies] = to;
    let path = component_target(&vendor(), &release.plugin, &VERSION);
    by_vendor.insert(path, component.to_vec());
    let path = manifest_target(&vendor(), &release.plugin, &VERSION);
    by_vendor.insert(path, manifest.into_bytes());
    by_policies.insert(format!("policies/{name}.toml"), policy.as_bytes().to_vec());
}

fn assignment(serial: u64, names: &BTreeSet<&str>) -> Vec<u8> {
    let mut text = format!("format = 1\nserial = {serial}\n");
    for name in names {
        text.push_str(&format!(
            "\n[[plugin]]\nname = \"{name}\"\nvendor = \"acme\"\nversion = \"{VERSION}\"\npolicy = \"{name}.toml\"\n"
        ));
    }
    text.into_bytes()
}

/// A compiler that notes that it was started, and does its work.
fn noting_compiler(folder: &Path) -> (PathBuf, PathBuf) {
    let real = program::build("bailiwick-compile", "bailiwick-compile");
    let (script, notes) = (folder.join("compiler"), folder.join("compilations"));
    let text = format!(
        "#!/bin/sh\necho \"$*\" >> {}\nexec {} \"$@\"\n",
        notes.display(),
        real.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&notes, "").unwrap();
    (script, notes)
}

/// Everything that is assigned at once: cases of one plugin each, and the control.
fn plugins(cases: &[Case]) -> [Targets; 2] {
    let good = &Case::all(&["component"]);
    let good = good
        .iter()
        .find(|case| case.name == "component-not-granted");
    let good = good.unwrap();
    let policy = good.read("policy.toml").unwrap();
    let named = |text: &str, name: &str| text.replace("\"sample\"", &format!("\"{name}\""));
    let asks_for_less: String = good
        .read("input.wat")
        .unwrap()
        .lines()
        .filter(|line| !line.contains("network"))
        .collect();
    let asks_for_less = wat::parse_str(asks_for_less).unwrap();
    let mut targets = [Targets::new(), Targets::new()];
    add(
        CONTROL,
        &asks_for_less,
        None,
        &named(&policy, CONTROL),
        &mut targets,
    );
    for case in cases {
        let name = &case.name;
        let (mut component, mut manifest) = (asks_for_less.clone(), None);
        let mut policy = named(&policy, name);
        match name.split('-').next().unwrap() {
            "component" => {
                component = wat::parse_str(case.read("input.wat").unwrap()).unwrap();
                policy = named(&case.read("policy.toml").unwrap(), name);
            }
            "policy" => policy = case.read("input.toml").unwrap(),
            _ => manifest = case.read("input.toml"),
        }
        add(name, &component, manifest, &policy, &mut targets);
    }
    targets
}

#[test]
fn what_must_be_refused_is_never_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let init = Init {
        vendors: vec![vendor()],
        server_names: Vec::new(),
        now: Timestamp::from_ms(u64::try_from(now.as_millis()).unwrap()),
    };
    let made = Repository::init(&folder.path().join("desk"), &init).unwrap();
    let repository = Repository::open(&folder.path().join("desk")).unwrap();
    let mut forger = Forger::new(&repository);
    let cases = Case::all(&["component", "policy", "release"]);
    let [by_vendor, mut by_policies] = plugins(&cases);
    let mut names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.insert(CONTROL);
    let target = "policies/assignment.toml".to_owned();
    by_policies.insert(target.clone(), assignment(2, &names));
    forger.publish(&[("vendor-acme", by_vendor), ("policies", by_policies)]);

    let console = program::build("bailiwick-console", "bailiwick-console");
    let agent = program::build("bailiwick-agent", "bailiwick");
    let (compiler, notes) = noting_compiler(folder.path());
    let served = Program::start(Command::new(console).args([
        "serve",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--data",
        &path("desk"),
    ]));
    let address = served.until("the address", |line| line["console"].is_string());
    let address = address.last().unwrap()["console"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut command = Command::new(&agent);
    command.args(["run", "--json", "--data", &path("device")]);
    for (name, value) in [
        ("update-url", format!("{address}updates/")),
        ("root-sha256", made.root_sha256.to_string()),
        ("ca-file", made.ca.display().to_string()),
        ("compiler", compiler.display().to_string()),
    ] {
        command.arg("--set").arg(format!("{name}={value}"));
    }
    let device = Program::start(&mut command);

    let mut refused = BTreeMap::new();
    let events = device.until("a refusal of each", |event| {
        if event["event"] == "refused" {
            let plugin = event["plugin"].as_str().unwrap().to_owned();
            refused.insert(plugin, event["reason"].clone());
        }
        refused.len() > cases.len()
    });
    for case in &cases {
        let reason = &refused[&case.name];
        assert!(case.is_in(reason), "{}: {reason}", case.name);
    }
    let started = |event: &&Value| {
        let started = [
            "granted",
            "limits-proven",
            "plugin-started",
            "swapped",
            "kept",
        ];
        started.iter().any(|name| event["event"] == *name) && event["plugin"] != CONTROL
    };
    assert_eq!(events.iter().find(started), None);
    let compilations = fs::read_to_string(&notes).unwrap();
    let of_components = compilations
        .lines()
        .filter(|line| !line.contains("--probe"));
    assert_eq!(of_components.count(), 1, "only the control: {compilations}");

    // Documents that hold for the whole device: nothing of the refresh counts.
    let accepted = || {
        let state = format!("tuf-{}", &made.root_sha256.to_string()[..16]);
        let file = folder.path().join("device/delivery").join(state);
        Sha256::of(&fs::read(file.join("accepted.json")).unwrap())
    };
    let refresh = || {
        // It fails where the refresh does: the device tells why.
        Command::new(&agent)
            .args(["update", "refresh", "--data", &path("device")])
            .output()
            .unwrap();
    };
    let before = accepted();
    for case in Case::all(&["assignment", "revocation"]) {
        let document = match case.name.starts_with("assignment") {
            true => target.clone(),
            false => "policies/revoked.toml".to_owned(),
        };
        let text = case.read("input.toml").unwrap().into_bytes();
        let bad = Targets::from([(document.clone(), text)]);
        forger.publish(&[("policies", bad)]);
        refresh();
        let events = device.until(&case.name, |event| event["event"] == "refresh-failed");
        let reason = &events.last().unwrap()["reason"];
        assert!(case.is_in(reason), "{}: {reason}", case.name);
        let good = match document == target {
            true => assignment(3, &names),
            false => b"format = 1\n".to_vec(),
        };
        forger.publish(&[("policies", Targets::from([(document, good)]))]);
    }
    assert_eq!(fs::read_to_string(&notes).unwrap(), compilations);
    assert_eq!(accepted(), before);
}
