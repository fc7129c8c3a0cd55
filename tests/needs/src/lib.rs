//! What tests need from the machine beside Rust and a C compiler, and how a test skips
//! where it is missing.
//!
//! `cargo xtask test` installs what [`PROGRAMS`] lists, or prints the command for it. A test
//! asks [`program`] or [`KernelFeature::is_there`] first and returns early where it is told
//! no. Nobody overlooks that: skips are collected and told at the end, and with `CI=true` a
//! missing program fails the test. Kernel features alone may be missing there, since no
//! package brings them.

mod kernel;
mod login;
mod network;
mod nginx;
mod python;
mod skip;

use std::path::PathBuf;

pub use kernel::{
    KernelFeature, no_landlock, no_process_notices, no_task_iterator, own_cgroups, own_mounts,
    own_networks, root,
};
pub use login::{Login, own_uid};
pub use network::Network;
pub use nginx::{NGINX_LISTENS, nginx, nginx_of_fleet};
pub use python::PythonPackages;
pub use skip::SKIPPED;

/// A program that some test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// As it is called.
    pub name: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
    /// What is not tested without it.
    pub why: &'static str,
}

/// Every program that some test runs.
pub const PROGRAMS: &[Program] = &[
    Program {
        name: "chromium",
        package: "chromium",
        why: "the console's page in a browser",
    },
    Program {
        name: "chromedriver",
        package: "chromium-driver",
        why: "the console's page in a browser",
    },
    Program {
        name: "python3",
        package: "python3-venv",
        why: "that another implementation of TUF and ours read each other, that a collector made of \
              OpenTelemetry's own classes reads our metrics, and that our SARIF is SARIF",
    },
    Program {
        name: "dbus-daemon",
        package: "dbus",
        why: "that sessions of logind are seen within 1 s, on a bus of the test's own, and that \
              users are told and devices restarted through services on one",
    },
    Program {
        name: "loginctl",
        package: "systemd",
        why: "that sessions of logind are seen within 1 s: its package brings logind",
    },
    Program {
        name: "mosquitto",
        package: "mosquitto",
        why: "that no report is lost where somebody else's broker is killed",
    },
    Program {
        name: "mosquitto_passwd",
        package: "mosquitto",
        why: "that the rules for somebody else's broker give devices their own alone",
    },
    Program {
        name: "mosquitto_pub",
        package: "mosquitto-clients",
        why: "another client at the console's broker",
    },
    Program {
        name: "mosquitto_sub",
        package: "mosquitto-clients",
        why: "another client at the console's broker",
    },
    Program {
        name: "squid",
        package: "squid",
        why: "MQTT through a proxy that asks for credentials",
    },
    Program {
        name: "nginx",
        package: "nginx-light",
        why: "that any server of files can be the update endpoint, and what a whole agent asks a \
              server for a plugin",
    },
    Program {
        name: "ip",
        package: "iproute2",
        why: "a device whose network is cut, in a namespace of the test's own",
    },
    Program {
        name: "faketime",
        package: "faketime",
        why: "a device whose wall clock jumps",
    },
    Program {
        name: "rpm",
        package: "rpm",
        why: "what `inventory` reads from rpm's databases, compared with what rpm says",
    },
    Program {
        name: "musl-gcc",
        package: "musl-tools",
        why: "the programs as devices get them, which benchmarks measure",
    },
    Program {
        name: "g++",
        package: "g++",
        why: "that nothing which reads bytes from strangers fails on what libFuzzer finds",
    },
    Program {
        name: "x86_64-w64-mingw32-gcc",
        package: "gcc-mingw-w64-x86-64",
        why: "that the host's crates compile for Windows",
    },
];

/// Where the program `name` of [`PROGRAMS`] is. If it is nowhere: with `CI=true` this fails
/// the test, elsewhere it notes the skip and answers none.
///
/// # Panics
///
/// If `name` is not listed, or is missing with `CI=true`.
pub fn program(name: &str) -> Option<PathBuf> {
    let listed = PROGRAMS.iter().find(|program| program.name == name);
    let Some(program) = listed else {
        panic!("a test asks for `{name}`: list it in PROGRAMS, so that it gets installed");
    };
    let found = program.find();
    if found.is_none() {
        let missing = format!("{} (package {})", program.name, program.package);
        skip::skip(&missing, program.why, skip::Rule::OutsideCi);
    }
    found
}

/// Notes that something that comes over the network could not be had, and what is not
/// tested without it; with `CI=true` this fails the test.
///
/// # Panics
///
/// With `CI=true`.
pub fn without(missing: &str, untested: &str) {
    skip::skip(missing, untested, skip::Rule::OutsideCi);
}

impl Program {
    /// Where it is, without any note if it is nowhere.
    pub fn find(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        // Servers are where the path of most users does not lead.
        let servers = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        std::env::split_paths(&path)
            .chain(servers)
            .map(|folder| folder.join(self.name))
            .find(|file| file.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "list it in PROGRAMS"]
    fn a_program_that_is_not_listed_is_a_mistake_of_the_test() {
        program("no-such-program");
    }

    #[test]
    fn a_program_is_found_where_the_shell_finds_it() {
        let cargo = Program {
            name: "cargo",
            package: "cargo",
            why: "",
        };
        assert!(cargo.find().is_some());
        let absent = Program {
            name: "no-such-program",
            ..cargo
        };
        assert_eq!(absent.find(), None);
    }
}
