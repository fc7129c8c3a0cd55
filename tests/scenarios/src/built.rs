//! The programs under test, built once by whichever test needs them first.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// Folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Names a folder of programs that are built already, to be tested as they are.
const PROGRAMS: &str = "SCENARIO_PROGRAMS";

/// Path of a program. Each is built by itself: cargo unifies features over one build, and
/// the agent must not get the compiler that `bailiwick-compile` links.
pub(crate) fn program(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let package = match name {
        "bailiwick" => "bailiwick-agent",
        "bailiwick-compile" => "bailiwick-compile",
        "bailiwick-console" => "bailiwick-console",
        "cargo-bailiwick" => "cargo-bailiwick",
        other => panic!("`{other}` is no program of ours"),
    };
    if let Some(folder) = std::env::var_os(PROGRAMS) {
        return PathBuf::from(folder).join(name);
    }
    // Others wait here: they need it too.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if built.insert(package) {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", package])
            .current_dir(root())
            .status();
        assert!(
            status.as_ref().is_ok_and(std::process::ExitStatus::success),
            "{package} was not built: {status:?}"
        );
    }
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target
        .map_or_else(|| root().join("target"), PathBuf::from)
        .join("debug")
        .join(name)
}

/// What a command prints; it must succeed.
pub(crate) fn output(command: &mut Command) -> String {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("can't start {command:?}: {error}"),
    };
    assert!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
