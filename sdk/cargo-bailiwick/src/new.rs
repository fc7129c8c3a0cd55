//! A new plugin from a template: it builds, has a test, and has a policy to run under.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bailiwick_core::{
    ids::{PluginName, VendorName},
    release::World,
};

use crate::{Error, plugins, workspace::root};

/// What a new plugin of one world begins with.
struct Template {
    /// Where they go in the plugin's folder, and what they hold.
    files: [(&'static str, &'static str); 3],
    policy: &'static str,
}

macro_rules! template {
    ($folder:literal) => {
        Template {
            files: [
                (
                    "Cargo.toml",
                    include_str!(concat!("../../templates/", $folder, "/Cargo.toml")),
                ),
                (
                    "plugin.toml",
                    include_str!(concat!("../../templates/", $folder, "/plugin.toml")),
                ),
                (
                    "src/lib.rs",
                    include_str!(concat!("../../templates/", $folder, "/lib.rs")),
                ),
            ],
            policy: include_str!(concat!("../../templates/", $folder, "/policy.toml")),
        }
    };
}

const COLLECTOR: Template = template!("collector");
const ACTION_HANDLER: Template = template!("action-handler");
const SESSION_COLLECTOR: Template = template!("session-collector");

fn template(world: World) -> Result<&'static Template, Error> {
    match world {
        World::Collector => Ok(&COLLECTOR),
        World::ActionHandler => Ok(&ACTION_HANDLER),
        World::SessionCollector => Ok(&SESSION_COLLECTOR),
        world => Err(Error::NoTemplate(world.name())),
    }
}

/// What was made.
#[derive(Clone, Debug)]
pub struct New {
    /// The plugin's folder.
    pub folder: PathBuf,
    /// The policy to try it under.
    pub policy: PathBuf,
}

/// Makes `plugins/<name>`, of the world `world`, and `policies/<name>.toml` in the workspace
/// that holds `here`.
///
/// # Errors
/// There is no template of that world, something has its place already, or its workspace does not take it as a member; then
/// nothing is left behind.
pub fn new(
    here: &Path,
    name: &PluginName,
    vendor: &VendorName,
    world: World,
) -> Result<New, Error> {
    let template = template(world)?;
    let root = root(here)?;
    let new = New {
        folder: root.join("plugins").join(name.as_str()),
        policy: root.join("policies").join(format!("{name}.toml")),
    };
    for path in [&new.folder, &new.policy] {
        if path.exists() {
            return Err(Error::Exists(path.clone()));
        }
    }
    let made = new
        .write(template, name, vendor)
        .and_then(|()| new.is_member(&root, name));
    if made.is_err() {
        // Whatever was written is ours: neither was there before.
        let _ = fs::remove_dir_all(&new.folder);
        let _ = fs::remove_file(&new.policy);
    }
    made.map(|()| new)
}

impl New {
    fn write(
        &self,
        template: &Template,
        name: &PluginName,
        vendor: &VendorName,
    ) -> Result<(), Error> {
        for (file, text) in template.files {
            write(&self.folder.join(file), text, name, vendor)?;
        }
        write(&self.policy, template.policy, name, vendor)
    }

    fn is_member(&self, root: &Path, name: &PluginName) -> Result<(), Error> {
        let found = plugins(root)?
            .iter()
            .any(|plugin| plugin.manifest.name == *name);
        if found {
            return Ok(());
        }
        Err(Error::NotMember(root.join("Cargo.toml")))
    }
}

fn write(path: &Path, text: &str, name: &PluginName, vendor: &VendorName) -> Result<(), Error> {
    let text = text
        .replace("{{name}}", name.as_str())
        .replace("{{vendor}}", vendor.as_str());
    let written: io::Result<()> = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text));
    written.map_err(|cause| Error::File {
        path: path.to_owned(),
        cause,
    })
}
