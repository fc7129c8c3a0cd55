//! What is audited: the project's own plugins under a hundred names, each with a policy, in
//! folders and in a repository, and one of them enlarged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::larger;
use crate::{desk::Desk, step::root};

/// The plugins that devices get.
const SHIPPED: [&str; 4] = [
    "inventory",
    "session-analyzer",
    "run-program",
    "wake-on-lan",
];

pub(super) const PLUGINS: usize = 100;

/// Bytes of a component that brings an interpreter.
const LARGE: usize = 18_000_000;

pub(super) struct Inputs {
    /// Folder of the policies of [`Self::hundred`].
    pub(super) policies: PathBuf,
    pub(super) hundred: Vec<PathBuf>,
    /// Public folder in which the same are published and assigned.
    pub(super) repository: PathBuf,
    /// Folder of the project's own policies.
    pub(super) project: PathBuf,
    /// A component of [`LARGE`].
    pub(super) large: PathBuf,
}

impl Inputs {
    /// Builds the plugins and lays everything into the desk's folder.
    pub(super) fn lay_down(desk: &Desk) -> anyhow::Result<Self> {
        let folder = desk.folder();
        let (policies, components) = (folder.join("policies"), folder.join("hundred"));
        let large = folder.join("large");
        for folder in [&policies, &components, &large] {
            fs::create_dir_all(folder)?;
        }
        for plugin in SHIPPED {
            desk.build(plugin, "0.1.0")?;
        }
        let mut hundred = Vec::new();
        for number in 0..PLUGINS {
            let shipped = SHIPPED[number % SHIPPED.len()];
            let name = format!("{shipped}-{number}");
            let component = components.join(format!("{name}-0.1.0.wasm"));
            let built = fs::read(desk.component(shipped, "0.1.0"))?;
            fs::write(&component, larger::stamped(&built, &name))?;
            let policy = policies.join(format!("{name}.toml"));
            fs::write(&policy, renamed(shipped, &name)?)?;
            desk.publish_as(shipped, &name, "0.1.0", &component)?;
            desk.sign_policy(&policy)?;
            desk.assign(&name, "0.1.0")?;
            hundred.push(component);
        }
        let large = large.join("inventory-0.1.0.wasm");
        let built = fs::read(desk.component("inventory", "0.1.0"))?;
        let enlarged = larger::enlarged(&built, LARGE);
        fs::write(
            &large,
            enlarged.context("inventory is not built as expected")?,
        )?;
        Ok(Self {
            policies,
            hundred,
            repository: desk.public(),
            project: root().join("policies"),
            large,
        })
    }
}

/// The policy of a shipped plugin for one of another name.
fn renamed(shipped: &str, name: &str) -> anyhow::Result<String> {
    let file = root().join(Path::new("policies").join(format!("{shipped}.toml")));
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    Ok(text.replacen(
        &format!("plugin = \"{shipped}\""),
        &format!("plugin = \"{name}\""),
        1,
    ))
}
