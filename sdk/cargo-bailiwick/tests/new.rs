//! What `cargo bailiwick new` makes is a plugin that builds, passes its test and runs.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-bailiwick");

/// A vendor's own workspace, in cargo's folder for tests. Lock file and profile are ours, so
/// that nothing is resolved or compiled but what is there already.
fn workspace(name: &str, members: &str) -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(fs::remove_dir_all(folder.join("plugins")));
    drop(fs::remove_dir_all(folder.join("policies")));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(ours.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let sdk = ours.join("sdk/guest").canonicalize().unwrap();
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\
         [workspace.dependencies]\nbailiwick-sdk = {{ path = {sdk:?} }}\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n\
         [profile.dev.build-override]\ndebug = false\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    folder
}

/// Cargo's build folder, where the SDK is compiled already.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn bailiwick(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(PROGRAM)
        .arg("bailiwick")
        .args(arguments)
        .env("CARGO_TARGET_DIR", target())
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(text + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_new_plugin_builds_passes_its_test_and_runs_under_its_policy() {
    let folder = workspace("new-plugin", "\"plugins/*\"");
    let made = bailiwick(&folder, &["new", "load", "--vendor", "acme"]).unwrap();
    assert!(
        made.contains("cargo bailiwick test --package load"),
        "{made}"
    );
    let compiler = Path::new(PROGRAM).with_file_name("bailiwick-compile");
    let compiler = compiler.to_str().unwrap();
    let tried = bailiwick(
        &folder,
        &["test", "--package", "load", "--compiler", compiler],
    )
    .unwrap();
    assert!(tried.contains("1 rows"), "{tried}");
    let again = bailiwick(&folder, &["new", "load", "--vendor", "acme"]).unwrap_err();
    assert!(again.contains("is there already"), "{again}");

    let world = ["--world", "session-collector"];
    let new = [["new", "use", "--vendor", "acme"].as_slice(), &world].concat();
    bailiwick(&folder, &new).unwrap();
    let test = ["test", "--package", "use", "--compiler", compiler];
    let tried = bailiwick(&folder, &test).unwrap();
    // A trial is of no session, whose processes are none.
    assert!(tried.contains("0 rows"), "{tried}");
}

#[test]
fn where_the_workspace_does_not_take_it_nothing_is_left() {
    let folder = workspace("new-nowhere", "\"other\"");
    let other = folder.join("other");
    fs::create_dir_all(other.join("src")).unwrap();
    fs::write(other.join("src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"other\"\nedition = \"2024\"\n";
    fs::write(other.join("Cargo.toml"), manifest).unwrap();
    let refused = bailiwick(&folder, &["new", "load", "--vendor", "acme"]).unwrap_err();
    assert!(refused.contains("plugins/*"), "{refused}");
    assert!(!folder.join("plugins/load").exists());
    assert!(!folder.join("policies/load.toml").exists());
}

/// What the README shows is what the template holds.
#[test]
fn the_readme_shows_the_template() {
    let template = include_str!("../../templates/collector/lib.rs");
    let (shown, _) = template.split_once("\n#[cfg(test)]").unwrap();
    assert!(include_str!("../../../README.md").contains(shown));
}
