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

/// Adds [`DEVICE`], if there is one.
pub(crate) fn add_device_target() -> Option<Command> {
    let mut command = Command::new("rustup");
    command.args(["target", "add", DEVICE?]);
    Some(command)
}

/// The programs, each built by itself: cargo unifies features over one build, and the
/// agent must not get the compiler that `bailiwick-compile` links.
pub(crate) const PROGRAMS: [&str; 5] = [
    "bailiwick-compile",
    "bailiwick-agent",
    "bailiwick-audit-cli",
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
    /// As devices get them: see `[profile.device]` and [`DEVICE`].
    Device,
    /// As a desk gets its console.
    Release,
}

/// The target of devices like this machine, where they get static programs: these run on
/// any Linux, and neither map nor relocate a C library of a few megabytes. None: as the
/// machine's own programs.
pub(crate) const DEVICE: Option<&str> = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    Some("x86_64-unknown-linux-musl")
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    Some("aarch64-unknown-linux-musl")
} else {
    None
};

/// Compiles C for [`DEVICE`]; the linker stays the machine's own.
const MUSL_COMPILER: &str = "musl-gcc";

/// What devices do without in zstd: searches of levels that the agent does not write with (9 and
/// 19 are all), and second copies of what reads, for processors and bodies that gain from them.
const MUSL_FLAGS: &str = "-DZSTD_EXCLUDE_DFAST_BLOCK_COMPRESSOR \
    -DZSTD_EXCLUDE_GREEDY_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_LAZY_BLOCK_COMPRESSOR \
    -DHUF_FORCE_DECOMPRESS_X1=1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT=1 -DDYNAMIC_BMI2=0";

impl Profile {
    /// Builds the program `program` of `package`.
    pub(crate) fn build(self, package: &str, program: &str) -> Command {
        self.build_kind(package, "--bin", program)
    }

    /// Builds an example of `package`; it is in a folder `examples` beside programs.
    pub(crate) fn build_example(self, package: &str, example: &str) -> Command {
        self.build_kind(package, "--example", example)
    }

    fn build_kind(self, package: &str, kind: &str, program: &str) -> Command {
        let mut command = cargo(&["rustc", "--package", package, kind, program]);
        match self {
            Self::Dev => {}
            Self::Device => drop(command.args(["--profile", "device"])),
            Self::Release => drop(command.arg("--release")),
        }
        if let Some(target) = self.target() {
            let of_target = target.replace('-', "_");
            command.env(format!("CC_{of_target}"), MUSL_COMPILER);
            command.env(format!("CFLAGS_{of_target}"), MUSL_FLAGS);
            // Not in a build script: it can't see whether a panic unwinds, and where it
            // does, a program without tables could not.
            command.args(["--target", target, "--"]).args(slim());
            // What compiles components has room, and whoever waits for it does not.
            if package != COMPILER {
                command.args(["-C", OUTLINED]);
            }
        }
        command
    }

    /// Where a built program is.
    pub(crate) fn built(self, program: &str) -> PathBuf {
        let folder = match self {
            Self::Dev => "debug",
            Self::Device => "device",
            Self::Release => "release",
        };
        let of_target = target().join(self.target().unwrap_or_default());
        of_target.join(folder).join(program)
    }

    /// How the console beside devices with such programs is built: for people as they are.
    pub(crate) const fn of_console(self) -> Self {
        match self {
            Self::Dev => Self::Dev,
            Self::Device | Self::Release => Self::Release,
        }
    }

    fn target(self) -> Option<&'static str> {
        DEVICE.filter(|_| self == Self::Device)
    }
}

const COMPILER: &str = "bailiwick-compile";

/// Sequences of instructions that occur often become functions, where that saves 100 bytes: 0.10
/// of 9.1 MB of the agent. Where it saves any, it is 0.36, and an empty call of a plugin takes a
/// tenth longer.
const OUTLINED: &str = "llvm-args=-enable-machine-outliner=always -outliner-benefit-threshold=100";

/// What the linker leaves out of programs for devices: tables for unwinding, and 23 of 24
/// bytes of most relocations (a static program has to apply them itself, so what they are
/// packed into need not be known to the machine's loader).
fn slim() -> Vec<String> {
    let script = root().join("host/agent/device.ld");
    let arguments = [
        "-Wl,-z,pack-relative-relocs".to_owned(),
        "-Wl,--no-eh-frame-hdr".to_owned(),
        format!("-Wl,-T,{}", script.display()),
    ];
    arguments
        .into_iter()
        .flat_map(|argument| ["-C".to_owned(), format!("link-arg={argument}")])
        .collect()
}

/// Cargo's build folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
