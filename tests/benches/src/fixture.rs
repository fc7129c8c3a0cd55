//! The fixture's packages as the database of dpkg.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context as _;
use serde_json::Value;

const FIXTURE: &str = include_str!("../fixtures/inventory.json");

/// What a stanza holds beside the fields of the fixture. Debian's have about 900 bytes
/// each: dependencies, a description of some lines, checksums of settings files.
const REST: &str = "Priority: optional\nSection: libs\nInstalled-Size: 1234\n\
    Maintainer: Debian Maintainers <maintainers@example.org>\n\
    Multi-Arch: same\nDepends: libc6 (>= 2.34), libgcc-s1 (>= 3.0), libstdc++6 (>= 11)\n\
    Description: part of a Debian desktop\n";

/// A line of a description.
const LINE: &str = " This line stands for one of the description, which the plugin skips.\n";

/// Writes the file `status` into `folder`, and tells of how many packages.
pub(crate) fn lay_down(folder: &Path) -> anyhow::Result<usize> {
    let fixture: Value = serde_json::from_str(FIXTURE)?;
    let packages = fixture["rows"]["package"]
        .as_array()
        .context("the fixture has no packages")?;
    let mut text = String::new();
    for package in packages {
        let of = |key: &str| package[key].as_str().unwrap_or_default();
        let (name, architecture, version) = (of("name"), of("architecture"), of("version"));
        writeln!(
            text,
            "Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\n\
             Version: {version}\n{REST}{}",
            LINE.repeat(8)
        )?;
    }
    fs::write(folder.join("status"), text)?;
    Ok(packages.len())
}
