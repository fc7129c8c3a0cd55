//! What can go wrong while a repository is written.

use std::{io, path::PathBuf};

use bailiwick_core::{DocumentError, refusal::Refused};

/// Why a repository was not read or changed. Unless it says otherwise nothing was
/// written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// A file or folder.
    #[error("{path} can't be {doing}: {cause}")]
    Disk {
        /// `read`, `written`, `created` or `locked`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// `init` never writes over a repository.
    #[error("{0} holds a repository already: choose another folder")]
    Exists(PathBuf),
    /// There is no repository.
    #[error("{0} holds no repository: `repo init` creates one")]
    None(PathBuf),
    /// A file of the repository is not what it should be.
    #[error("{file} is damaged: {reason}; restore it from a copy of the repository")]
    Damaged {
        /// Name beneath `public` or `keys`.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Too few keys for a signature are here.
    #[error(
        "{role} must be signed by {threshold} of the keys {names}, and {found} of them is in the keys folder: \
         put the key file there"
    )]
    MissingKey {
        /// Which role.
        role: String,
        /// Names of the keys that may sign, with commas.
        names: String,
        /// How many must sign.
        threshold: u64,
        /// How many are here.
        found: usize,
    },
    /// A change that its signers have not all signed. It was written, and only there.
    #[error(
        "not published yet: it waits in {path} until {}; `bailiwick-console repo sign` adds a signature, and publishes it with the last",
        missing.join(", and ")
    )]
    Waiting {
        /// The folder.
        path: PathBuf,
        /// What each role lacks, in words.
        missing: Vec<String>,
    },
    /// Another change waits for its signatures.
    #[error(
        "a change waits for signatures in {0}: complete it with `bailiwick-console repo sign`, or drop it with `repo drop`"
    )]
    Unfinished(PathBuf),
    /// There is no change to sign.
    #[error("no change waits for signatures in {0}")]
    NothingWaits(PathBuf),
    /// Keys are never written over.
    #[error("{0} exists already: choose another name for the new key")]
    KeyExists(PathBuf),
    /// No role of this name.
    #[error("this repository has no role `{0}`: `bailiwick-console repo status` lists them")]
    UnknownRole(String),
    /// The change of a role can't be made.
    #[error("{role} can't be changed so: {reason}")]
    RoleChange {
        /// Which role.
        role: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A key that must not be where a server runs.
    #[error(
        "the key {name} ({path}) signs for {role}, so it must not be where a server can read it: move it to a machine that is not connected"
    )]
    OfflineKey {
        /// What people call it.
        name: String,
        /// Where it lies.
        path: PathBuf,
        /// For which role it may sign.
        role: String,
    },
    /// No delegation names this vendor.
    #[error("vendor `{0}` has no role in this repository: add the vendor first")]
    UnknownVendor(String),
    /// The vendor has a role already.
    #[error("vendor `{0}` has a role in this repository already")]
    VendorExists(String),
    /// A published version never changes.
    #[error("`{path}` is published already: a version never changes, publish a new one")]
    Published {
        /// The target.
        path: String,
    },
    /// The assignment names what is not published.
    #[error("`{path}` is not in this repository, so no device could fetch it: publish it first")]
    NotPublished {
        /// The target.
        path: String,
    },
    /// No device would run what is to be assigned.
    #[error("no device runs {version}: {reason}; assign another version")]
    Forbidden {
        /// Plugin and version.
        version: String,
        /// By whom and why.
        reason: String,
    },
    /// A version is refused once.
    #[error(
        "{plugin} {version} is {0}; nothing was changed. For another reason take that back first, \
         with `bailiwick-console policy withdraw`",
        plugin = .0.plugin,
        version = .0.version
    )]
    Refused(Box<Refused>),
    /// There is no refusal to take back.
    #[error("nobody refused {0}: `bailiwick-console repo status` lists what is refused")]
    NotRefused(String),
    /// A component without content or longer than devices fetch.
    #[error("the component has {length} bytes, and devices take 1 to {longest}")]
    Size {
        /// Its length in bytes.
        length: usize,
        /// The most that is allowed.
        longest: u64,
    },
    /// A file of the `policies` role that devices would refuse.
    #[error("devices would refuse it: {0}")]
    Document(#[from] DocumentError),
    /// Not a file name of a policy.
    #[error(
        "`{0}` can't be the name of a policy: 1 to 63 of `a-z`, `0-9` and `-`, and `.toml`; not `assignment`, `revoked` or `operators`"
    )]
    PolicyName(String),
    /// A key that signs for a role, where an operator's is needed.
    #[error(
        "the key {name} was made for the role {role}, and signs no actions: make one with \
         `bailiwick-console action key`"
    )]
    NotAnOperatorsKey {
        /// What people call it.
        name: String,
        /// What it was made for.
        role: String,
    },
    /// Nobody of that name signs actions.
    #[error("there is no operator `{0}`: `bailiwick-console repo status` lists them")]
    NoOperator(String),
    /// The device's own reader refused the change.
    #[error("the change was not published, because devices would refuse it: {0}")]
    Gate(String),
    /// What lies in the folder is not what was signed.
    #[error("what is published can't be verified: {0}; restore it from a copy of the repository")]
    Unverified(String),
    /// The cryptographic library failed.
    #[error("{0} failed in the cryptographic library")]
    Crypto(&'static str),
    /// The certificates could not be made.
    #[error("the certificates could not be made: {0}")]
    Certificate(String),
}

impl RepositoryError {
    pub(crate) fn disk(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Disk { doing, path, cause }
    }

    pub(crate) fn damaged(file: &str, reason: impl ToString) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            reason: reason.to_string(),
        }
    }
}
