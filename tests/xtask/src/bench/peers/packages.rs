//! Other people's programs, as the distribution has them: its packages, unpacked in the build
//! folder. Nothing is installed, so no service starts, no user is made, and whoever measured
//! something has no other machine afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::step::quiet;

/// Packages beneath a folder.
#[derive(Debug)]
pub(super) struct Unpacked {
    root: PathBuf,
}

impl Unpacked {
    /// Fetches those of `packages` that the distribution has, with what they need that is not on
    /// this machine. If `fresh` is false, what was unpacked before is taken.
    pub(super) fn fetch(folder: &Path, packages: &[&str], fresh: bool) -> anyhow::Result<Self> {
        let root = folder.join("unpacked");
        let unpacked = Self { root };
        if !fresh && unpacked.root.exists() {
            return Ok(unpacked);
        }
        let archives = folder.join("archives");
        for made in [&archives, &unpacked.root] {
            if made.exists() {
                fs::remove_dir_all(made)?;
            }
        }
        fs::create_dir_all(archives.join("partial"))?;
        quiet("package lists", apt().args(["update", "--quiet"]))?;
        let there = packages.iter().filter(|package| version(package).is_some());
        quiet(
            "other people's programs",
            apt()
                .args(["install", "--yes", "--quiet", "--download-only"])
                // Also of what is installed: all are taken from one place.
                .args(["--reinstall", "--no-install-recommends", "-o"])
                .arg(format!("Dir::Cache::archives={}", archives.display()))
                .args(there),
        )?;
        for entry in fs::read_dir(&archives)? {
            let archive = entry?.path();
            if archive.extension().is_some_and(|kind| kind == "deb") {
                let mut unpack = Command::new("dpkg-deb");
                unpack.arg("--extract").arg(&archive).arg(&unpacked.root);
                let output = unpack.output().context("dpkg-deb")?;
                anyhow::ensure!(output.status.success(), "{unpack:?} failed");
            }
        }
        Ok(unpacked)
    }

    /// Where they are.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A file of theirs; none if they have none such.
    pub(super) fn file(&self, path: &str) -> Option<PathBuf> {
        Some(self.root.join(path)).filter(|file| file.is_file())
    }

    /// Where their libraries are, for the variable that the loader reads.
    pub(super) fn libraries(&self) -> String {
        let folder = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
        self.root.join(folder).display().to_string()
    }
}

/// The version of `package` that the distribution has, if it has one.
pub(super) fn version(package: &str) -> Option<String> {
    let mut command = Command::new("apt-cache");
    let output = command.args(["policy", package]).output().ok()?;
    candidate(&String::from_utf8_lossy(&output.stdout))
}

/// What `apt-cache policy` would install.
fn candidate(policy: &str) -> Option<String> {
    let mut lines = policy.lines().map(str::trim);
    let version = lines.find_map(|line| line.strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_owned())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_there_if_it_has_a_candidate() {
        let policy = "atop:\n  Installed: (none)\n  Candidate: 2.8.1-1\n  Version table:\n";
        assert_eq!(candidate(policy).as_deref(), Some("2.8.1-1"));
        assert_eq!(
            candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"),
            None
        );
        assert_eq!(candidate(""), None);
    }
}
