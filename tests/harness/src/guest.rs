//! The components of `tests/guests`, built and run as plugins are.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use bailiwick_core::policy::Policy;
use cargo_bailiwick::{Build, Built, Plugin, Trial, build, plugins};
pub use cargo_bailiwick::{Target, Told, Tried};

use crate::program;

/// `bailiwick-compile`, built once for a test program.
pub(crate) static COMPILER: LazyLock<PathBuf> =
    LazyLock::new(|| program::build("bailiwick-compile", "bailiwick-compile"));

/// A built plugin and the policy that it runs under.
pub struct Guest {
    plugin: Plugin,
    /// The component.
    pub built: Built,
    /// The policy's file.
    pub policy: PathBuf,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folders of `tests/guests` that are plugins.
pub fn names() -> BTreeSet<String> {
    fs::read_dir(workspace().join("tests/guests"))
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

impl Guest {
    /// Builds the guest in the folder `name`, as its policy beside it calls it too.
    pub fn build(name: &str, target: Target) -> Self {
        let policy = workspace()
            .join("tests/guests")
            .join(name)
            .join("policy.toml");
        Self::of(name, target, policy)
    }

    /// Builds the plugin `name` of this repository, to run under the policy of a device.
    pub fn plugin(name: &str) -> Self {
        let policy = workspace().join(format!("policies/{name}.toml"));
        Self::of(name, Target::Unknown, policy)
    }

    fn of(name: &str, target: Target, policy: PathBuf) -> Self {
        let mut plugin = plugins(&workspace())
            .unwrap()
            .into_iter()
            .find(|plugin| plugin.manifest.name.as_str() == name)
            .unwrap_or_else(|| panic!("no plugin is called {name}"));
        // The folder of the build that this test is part of is locked while others build.
        plugin.target_directory.push("guests");
        let how = Build {
            target,
            quiet: true,
            ..Build::default()
        };
        let built = build(&plugin, &how).unwrap();
        // A folder of artifacts has one owner, and tests run side by side.
        plugin.target_directory.push(name);
        Self {
            plugin,
            built,
            policy,
        }
    }

    /// The component's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.built.path).unwrap()
    }

    /// Its policy, read.
    pub fn read_policy(&self) -> Policy {
        let text = fs::read_to_string(&self.policy).unwrap();
        Policy::parse("policy.toml", &text).unwrap()
    }

    /// Runs it in the real sandbox, on this machine. The component that runs is what the real
    /// `bailiwick-compile` made of it.
    pub async fn run(&self) -> Tried {
        let trial = Trial {
            policy: self.policy.clone(),
            compiler: COMPILER.clone(),
        };
        trial.run(&self.plugin, &self.built.path).await.unwrap()
    }
}
