//! Builds of what the demo and the tests run.

use std::{path::PathBuf, process::Command};

use crate::step::{cargo, root};

/// Targets that the plugins and the check for Windows need.
const TARGETS: [&str; 3] = [
    "wasm32-unknown-unknown",
    "wasm32-wasip2",
    "x86_64-pc-windows-gnu",
];

/// Adds [`TARGETS`]. The toolchain file can't be relied on for this:
/// automatic installation may be switched off.
pub(crate) fn add_targets() -> Command {
    let mut command = Command::new("rustup");
    command.args(["target", "add"]).args(TARGETS);
    command
}

/// The programs, each built by itself: cargo unifies features over one build, and the
/// agent must not get the compiler that `bailiwick-compile` links.
pub(crate) const PROGRAMS: [&str; 4] = [
    "bailiwick-compile",
    "bailiwick-agent",
    "bailiwick-console",
    "cargo-bailiwick",
];

/// Builds one package of [`PROGRAMS`] in the dev profile.
pub(crate) fn program(package: &str) -> Command {
    cargo(&["build", "--package", package])
}

/// Where a built program of the dev profile is.
pub(crate) fn built(program: &str) -> PathBuf {
    Profile::Dev.built(program)
}

/// How programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For tests and the demo.
    Dev,
    /// As devices get them: see `[profile.device]`.
    Device,
}

impl Profile {
    /// Builds one package.
    pub(crate) fn build(self, package: &str) -> Command {
        let mut command = program(package);
        if self == Self::Device {
            command.args(["--profile", "device"]);
        }
        command
    }

    /// Where a built program is.
    pub(crate) fn built(self, program: &str) -> PathBuf {
        let folder = match self {
            Self::Dev => "debug",
            Self::Device => "device",
        };
        target().join(folder).join(program)
    }
}

/// Cargo's build folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
