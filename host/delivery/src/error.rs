//! What can go wrong, in words for the person who reads the log.

use std::{io, path::PathBuf};

use bailiwick_core::{bytes::ByteCount, digest::Sha256, ports::FetchError};

/// A file of the data folder.
#[derive(Debug, thiserror::Error)]
#[error("{path} can't be {doing}: {cause}; check rights and free space of the data folder")]
pub struct DiskError {
    /// Which.
    pub path: PathBuf,
    /// `read`, `written` or `set aside`.
    pub doing: &'static str,
    /// What the operating system said.
    pub cause: io::Error,
}

impl DiskError {
    pub(crate) fn new(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self { path, doing, cause }
    }
}

/// Why the data folder could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Written by a newer program.
    #[error(
        "{path} has format {found}, and this program reads {known}: run the newer program that wrote it"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest that is read.
        known: u64,
    },
    /// What was kept does not follow from the first root any more.
    #[error(
        "what was verified last can't be used: {reason}; it was set aside, and the next refresh replaces it"
    )]
    Damaged {
        /// What does not fit.
        reason: String,
    },
}

/// Why a refresh brought nothing new. What the device runs is not touched by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The endpoint did not give the file.
    #[error("{file} ({role}) could not be fetched: {cause}")]
    Fetch {
        /// Its name on the endpoint.
        file: String,
        /// The role that signs it.
        role: String,
        /// What went wrong.
        cause: FetchError,
    },
    /// The endpoint has no such file.
    #[error(
        "{file} ({role}) is not on the update endpoint: check that its address leads to the repository's public folder, and that all of it was uploaded"
    )]
    Missing {
        /// Its name on the endpoint.
        file: String,
        /// The role that signs it.
        role: String,
    },
    /// A web page came in place of metadata.
    #[error(
        "a web page arrived in place of {file} ({role}): a proxy or the sign-in page of a network answered for the update endpoint, or its address is that of a web site; sign in to the network, or correct the address or the proxy"
    )]
    WebPage {
        /// Its name on the endpoint.
        file: String,
        /// The role that signs it.
        role: String,
    },
    /// Not metadata.
    #[error(
        "{file} ({role}) can't be read: {reason}; upload the repository's public folder again, or have its owner publish anew"
    )]
    Malformed {
        /// Its name on the endpoint.
        file: String,
        /// The role that signs it.
        role: String,
        /// What is wrong.
        reason: String,
    },
    /// Made by another version of TUF.
    #[error(
        "{file} ({role}) follows a TUF specification that this program does not read: {reason}; update this program"
    )]
    Specification {
        /// Its name on the endpoint.
        file: String,
        /// The role that signs it.
        role: String,
        /// Which it is, and which is read.
        reason: String,
    },
    /// Too few good signatures.
    #[error(
        "{file} is signed by {found} of the keys of {role}, and {threshold} must sign: it was changed on the way, or signed by a key that may not; nothing of it is used until it is published again, signed as its role demands"
    )]
    Signatures {
        /// Its name on the endpoint.
        file: String,
        /// The role that should have signed.
        role: String,
        /// Good signatures.
        found: usize,
        /// How many it takes.
        threshold: usize,
    },
    /// An older version than one that was seen.
    #[error(
        "{file} offers version {offered} of {role}, and this device has seen {seen}: an old copy is served, by a stale mirror or by an attacker; nothing of it is used until the newest copy is served again"
    )]
    Rollback {
        /// Its name on the endpoint.
        file: String,
        /// The role that went back.
        role: String,
        /// Highest version seen.
        seen: u64,
        /// What is offered.
        offered: u64,
    },
    /// The snapshot does not name a role any more.
    #[error(
        "{file} does not name {role} any more, which this device has seen: roles never leave a snapshot; the repository's owner must name it again"
    )]
    Dropped {
        /// Its name on the endpoint.
        file: String,
        /// The role that is gone.
        role: String,
    },
    /// A root that is not the next one.
    #[error(
        "{file} holds root version {offered}, and the one after {trusted} is needed: the repository's owner must publish the roots in order"
    )]
    RootOrder {
        /// Its name on the endpoint.
        file: String,
        /// The newest trusted.
        trusted: u64,
        /// What is offered.
        offered: u64,
    },
    /// Its time is over.
    #[error(
        "{role} expired at {expires} (the time used here is {now}{clock}): the repository's owner must sign it anew; until then nothing new is taken, and what runs goes on"
    )]
    Expired {
        /// The role that expired.
        role: String,
        /// When, as RFC 3339 text.
        expires: String,
        /// Against which time, as RFC 3339 text.
        now: String,
        /// A note on the clock of this device, or empty.
        clock: String,
    },
    /// Files that do not belong together.
    #[error(
        "{file} ({role}) does not belong to what was signed with it: {reason}; an upload is incomplete, or old and new files were mixed; nothing of it is used until the whole public folder is uploaded again"
    )]
    Mixed {
        /// Its name on the endpoint.
        file: String,
        /// The role.
        role: String,
        /// What does not fit.
        reason: String,
    },
    /// Longer than any honest chain.
    #[error(
        "more than {0} root rotations are offered: the endpoint does not serve this repository"
    )]
    TooManyRoots(u32),
    /// Another repository.
    #[error(
        "1.root.json has sha256 {found}, and the settings trust {expected}: the address is that of another repository, or the file was exchanged; correct the address, or take the digest from the repository's owner"
    )]
    FirstRoot {
        /// From the settings.
        expected: Sha256,
        /// What arrived.
        found: Sha256,
    },
    /// A document that every repository must have.
    #[error("{reason}; without `{path}` nothing new is taken, and what runs goes on")]
    Document {
        /// Its target path.
        path: &'static str,
        /// Why there is none.
        reason: Box<TargetError>,
    },
    /// The data folder.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a target was not given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not a path that is looked up.
    #[error(
        "`{path}` can't be the path of a target: {reason}; targets are `vendor/<vendor>/<plugin>/<version>.wasm` and `policies/<file>.toml`"
    )]
    Path {
        /// As asked for, cut.
        path: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// No refresh has succeeded since the start.
    #[error("`{0}` can't be looked up before a refresh has succeeded: refresh first")]
    NotRefreshed(String),
    /// No role that may sign it lists it.
    #[error("`{path}` is not signed by {role}: publish it there")]
    NotListed {
        /// The path.
        path: String,
        /// Which role would have to sign it.
        role: String,
    },
    /// No role may sign it.
    #[error(
        "no role may sign `{0}`: its vendor was removed or never added; add the vendor, or take the plugin off the assignment"
    )]
    NoRole(String),
    /// The metadata of its role.
    #[error("`{path}`: {cause}")]
    Metadata {
        /// The path.
        path: String,
        /// What is wrong.
        cause: Box<RefreshError>,
    },
    /// The endpoint did not give the file.
    #[error("`{path}` could not be fetched: {cause}")]
    Fetch {
        /// The path.
        path: String,
        /// What went wrong.
        cause: FetchError,
    },
    /// The endpoint has no such file.
    #[error(
        "`{0}` is signed, but not on the update endpoint: an upload is incomplete; upload the whole public folder again"
    )]
    Missing(String),
    /// The bytes are not those that were signed.
    #[error(
        "`{path}` is not what was signed: {reason}; it was changed on the way or in storage; nothing of it is used until the published file is uploaded again"
    )]
    Changed {
        /// The path.
        path: String,
        /// What does not fit.
        reason: String,
    },
    /// It is signed in a way that no device can use.
    #[error("`{path}` can't be used as it is signed: {reason}; its publisher must publish it anew")]
    Unusable {
        /// The path.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The store of targets is full.
    #[error(
        "`{path}` ({length}) does not fit into the store of {limit}: remove what no generation needs"
    )]
    Full {
        /// The path.
        path: String,
        /// Its length.
        length: ByteCount,
        /// Bound of the store.
        limit: ByteCount,
    },
    /// The data folder.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = FetchError::Unreachable {
            url: "https://updates.example.org/timestamp.json".to_owned(),
            reason: "nothing listens there".to_owned(),
        };
        let error = RefreshError::Fetch {
            file: "timestamp.json".to_owned(),
            role: "timestamp".to_owned(),
            cause,
        };
        assert!(error.to_string().contains("nothing listens there"));
        // Whoever prints the chain of causes would say it a second time.
        assert!(error.source().is_none());
    }
}
