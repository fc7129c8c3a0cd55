//! The repository and the device against other people's implementation of TUF, and against
//! the public conformance suite for clients.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose scene can't be set has failed"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use bailiwick_core::{digest::Sha256, time::Timestamp};
use bailiwick_delivery::Delivery;
use bailiwick_harness::{
    desk::{COMPONENT, Host, component, wait},
    program,
};
use bailiwick_needs::PythonPackages;
use bailiwick_repository::{Init, PublicKey, Repository, RoleChange, TopRole};

const PYTHON_TUF: PythonPackages = PythonPackages {
    folder: "python-tuf-7.0.0",
    packages: &["tuf==7.0.0", "securesystemslib[crypto]==1.4.0"],
    what: "python-tuf",
    why: "python-tuf and our repository",
};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/conformance")
        .join(name)
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_ms(u64::try_from(now.as_millis()).unwrap())
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn python_tuf_follows_what_the_repository_writes() {
    let Some(python) = PYTHON_TUF.python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let vendor = "acme".parse().unwrap();
    let init = Init {
        vendors: vec![vendor],
        server_names: Vec::new(),
        now: now(),
    };
    Repository::init(&folder.path().join("desk"), &init).unwrap();
    let repository = Repository::open(&folder.path().join("desk")).unwrap();
    publish(&repository);
    let read = |targets: &[&str]| {
        let mut command = Command::new(&python);
        command.arg(script("read.py")).arg(repository.public());
        command.arg(folder.path().join("reader")).args(targets);
        run(&mut command)
    };
    let sha256 = Sha256::of(&component(1));
    let outside = "vendor/evil/inventory/0.1.0.wasm";
    assert_eq!(
        read(&[COMPONENT, outside]),
        format!("root 1\n{COMPONENT} {sha256}\n{outside} none\n")
    );

    // Two keys for root and vendor, every top key replaced, the vendor gone.
    for role in ["root", "vendor-acme"] {
        let name = format!("{role}-second");
        bailiwick_repository::Key::generate(&repository.keys(), role, &name).unwrap();
        let public = repository.keys().join(format!("{name}.pub"));
        let change = RoleChange {
            add: vec![PublicKey::load(&public).unwrap()],
            threshold: Some(2),
            ..RoleChange::default()
        };
        repository.change_role(role, &change, now()).unwrap();
    }
    let all = [
        TopRole::Root,
        TopRole::Targets,
        TopRole::Snapshot,
        TopRole::Timestamp,
    ];
    repository.rotate_root(&all, now()).unwrap();
    assert_eq!(
        read(&[COMPONENT]),
        format!("root 3\n{COMPONENT} {sha256}\n")
    );
    repository
        .remove_vendor(&"acme".parse().unwrap(), now())
        .unwrap();
    assert_eq!(read(&[COMPONENT]), format!("root 3\n{COMPONENT} none\n"));
}

fn publish(repository: &Repository) {
    let bytes = component(1);
    let new = bailiwick_repository::Publish {
        vendor: &"acme".parse().unwrap(),
        plugin: &"inventory".parse().unwrap(),
        version: &semver::Version::new(0, 1, 0),
        world: bailiwick_core::release::World::Collector,
        contract: &bailiwick_core::CONTRACT,
        minimum_host: &bailiwick_core::CONTRACT,
        component: &bytes,
    };
    repository.publish(&new, now()).unwrap();
}

#[test]
fn a_device_follows_what_python_tuf_writes() {
    let Some(python) = PYTHON_TUF.python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let public = folder.path().join("public");
    run(Command::new(python).arg(script("write.py")).arg(&public));
    let first = Sha256::of(&fs::read(public.join("1.root.json")).unwrap());
    let mut device = Delivery::open(&folder.path().join("device"), first).unwrap();
    let host = Host {
        public,
        ..Host::default()
    };
    let refreshed = wait(device.refresh(&host, now())).unwrap();
    assert_eq!(refreshed.roles["root"].version, 2);
    assert_eq!(refreshed.assignment, b"format = 1\nserial = 1\n");
    let target = wait(device.target(&host, COMPONENT, now())).unwrap();
    assert_eq!(
        (target.bytes, target.role.as_str()),
        (b"component".to_vec(), "vendor-acme")
    );
}

/// `TUF_CONFORMANCE` names a checkout of theupdateframework/tuf-conformance whose
/// dependencies `python3` has, and `faketime` is installed.
#[test]
#[ignore = "the suite is in no package index: name a checkout in TUF_CONFORMANCE"]
fn the_public_conformance_suite_for_clients() {
    let suite = std::env::var_os("TUF_CONFORMANCE").expect("TUF_CONFORMANCE");
    let client = program::build_example("bailiwick-delivery", "tuf_client");
    let output = Command::new("python3")
        .args(["-m", "pytest", "-q", "tuf_conformance", "--entrypoint"])
        .arg(client)
        .current_dir(suite)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("113 passed") && !told.contains("xfail"),
        "{told}"
    );
}
