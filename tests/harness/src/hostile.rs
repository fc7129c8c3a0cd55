//! Hostile guests that attack a real device: `tests/guests/device`, from their text to a component
//! that the real `bailiwick-compile` compiled, and what they are granted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_core::{policy::Policy, release::World, time::Span};
use bailiwick_sandbox::{
    Component,
    artifact::Artifacts,
    compile::{Child, ChildLimits},
    engine::Engine,
};
use wit_component::StringEncoding;

use crate::guest::COMPILER;

/// What every plugin has, for a guest that has none of its own.
const PARTS: &str = include_str!("../../guests/parts.wat");

/// What stands in a guest's files for what only its test knows: `@name@`, and in the text of a
/// module `@name-length@` for its length in bytes.
pub type Words = BTreeMap<&'static str, String>;

/// What `attack.toml` says.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Attack {
    /// The row of SECURITY.md.
    pub threat: String,
    /// What the attacker wants, in a sentence.
    pub about: String,
    /// What the host says that has the defence; none: that all is well, and no harm is done.
    pub refused: Option<String>,
    /// What the one without it says; none: that all is well.
    pub succeeds: Option<String>,
    /// Whether it is an action handler.
    #[serde(default)]
    handler: bool,
    /// The deadline of a call, in milliseconds, for one that would wait for it.
    deadline_ms: Option<u64>,
}

/// One guest, with its words filled in.
#[derive(Debug)]
pub struct Hostile {
    /// What it is.
    pub attack: Attack,
    /// What it is granted.
    pub policy: Policy,
    text: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests")
}

/// The names of the guests of a real device.
///
/// # Panics
/// The folder is not there.
pub fn names() -> std::collections::BTreeSet<String> {
    let entries = fs::read_dir(folder().join("device")).expect("tests/guests/device");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    names.map(|name| name.expect("a name of ASCII")).collect()
}

impl Hostile {
    /// Reads the guest of this name.
    ///
    /// # Panics
    /// It is not there, or not in its form.
    pub fn read(name: &str, words: &Words) -> Self {
        let own = folder().join("device").join(name);
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path);
            let mut text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            for (word, value) in words {
                text = text
                    .replace(&format!("@{word}@"), value)
                    .replace(&format!("@{word}-length@"), &value.len().to_string());
            }
            text
        };
        let attack: Attack = toml::from_str(&read(own.join("attack.toml")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let common = read(folder().join("sandbox/policy.toml"));
        let policy = format!("{common}\n{}", read(own.join("grants.toml")));
        let mut policy =
            Policy::parse("grants.toml", &policy).unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(ms) = attack.deadline_ms {
            policy.limits.deadline = Span::new(Duration::from_millis(ms));
        }
        Self {
            attack,
            policy,
            text: read(own.join("guest.wat")),
        }
    }

    /// The guest as a component.
    ///
    /// # Panics
    /// Its text is no module.
    pub fn encode(&self) -> Vec<u8> {
        let (world, other) = match self.attack.handler {
            true => (World::ActionHandler, "collect@"),
            false => (World::Collector, "handle@"),
        };
        let text = self.text.trim_end();
        let mut module = text.strip_suffix(')').expect("a module").to_owned();
        for part in PARTS.split(";; unless ").skip(1) {
            let (has, part) = part.split_once('\n').expect("a line before each part");
            if !text.contains(has) && !has.starts_with(other) {
                module.push_str(part);
            }
        }
        module.push(')');
        let mut module = wat::parse_str(&module).unwrap_or_else(|error| panic!("{error}"));
        let mut contract = wit_parser::Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let (package, _) = contract.push_path(wit).expect("the contract");
        let world = contract.select_world(&[package], Some(world.name()));
        wit_component::embed_component_metadata(
            &mut module,
            &contract,
            world.expect("a world of the contract"),
            StringEncoding::UTF8,
        )
        .expect("a module");
        cargo_bailiwick::wrap(module).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The guest, ready to be started.
    ///
    /// # Panics
    /// It is not compiled.
    pub async fn compile(&self, engine: &Engine, artifacts: &Path) -> Component {
        let artifacts = Artifacts::open(artifacts, engine).expect("a folder");
        let compiler = Child::new(COMPILER.clone(), ChildLimits::default());
        let compiled = artifacts
            .load_or_compile(&self.encode(), &compiler)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Component::from_artifact(engine, &compiled).expect("it was compiled for this engine")
    }
}
