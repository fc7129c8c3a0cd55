//! What can go wrong between a plugin's source and its component.

use std::{io, path::PathBuf};

/// A plugin could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Cargo could not be started.
    #[error("`{program}` can't be started: {cause}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Cargo ended with an error, which it has printed itself.
    #[error("cargo could not {doing}{hint}")]
    Cargo {
        /// What it was asked to do.
        doing: String,
        /// What to do about it, or empty.
        hint: &'static str,
    },
    /// Cargo's answer is not what this version of the program understands.
    #[error("cargo's answer can't be read: {0}")]
    Answer(#[from] serde_json::Error),
    /// A `plugin.toml` that can't be accepted.
    #[error("{path}: {reason}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// Cargo built nothing that can be a component.
    #[error(
        "`{package}` has no library for WebAssembly: add `crate-type = [\"cdylib\", \"rlib\"]` \
         to [lib] in its Cargo.toml"
    )]
    NoModule {
        /// The package.
        package: String,
    },
    /// The module is no plugin.
    #[error("`{package}` does not become a component: {reason}")]
    Wrap {
        /// The package.
        package: String,
        /// What wit-component said.
        reason: String,
    },
    /// It imports what its manifest does not ask for.
    #[error(
        "`{package}` calls the capability `{capability}`, which {path} does not ask for: add \
         an [[asks]] with a reason, or do without"
    )]
    NotAsked {
        /// The package.
        package: String,
        /// The interface.
        capability: String,
        /// The manifest.
        path: PathBuf,
    },
    /// The policy can't be accepted.
    #[error("{0}")]
    Policy(String),
    /// A new plugin's place is taken.
    #[error("{} is there already: choose another name, or move it away", .0.display())]
    Exists(PathBuf),
    /// Nothing to begin a plugin of this world with.
    #[error("there is no template of the world `{0}`: begin with another plugin of it")]
    NoTemplate(&'static str),
    /// Cargo does not see a new plugin.
    #[error("{} has no `plugins/*` among its members: add it, then try again", .0.display())]
    NotMember(PathBuf),
    /// It did not pass in the sandbox.
    #[error("`{package}` could not be {doing}: {reason}")]
    Trial {
        /// The package.
        package: String,
        /// The step.
        doing: &'static str,
        /// What the sandbox said.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}
