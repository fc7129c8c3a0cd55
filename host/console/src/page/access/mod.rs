//! Who may see the page, and what they may do there.
//!
//! `serve` and `login` print a link that works once and for ten minutes. Using it opens a
//! session: a cookie with a secret, of which only a fingerprint is kept, in memory. Each
//! request passes [`guard`] first; a route then asks for a [`Caller`] of the least role
//! that it needs, which is the only way to the database, and one that changes something
//! for [`Submitted`], which is a caller and a form with the session's token.

mod attempts;
mod caller;
pub(crate) mod guard;
mod links;
mod log;
pub(crate) mod login;
mod origin;
mod role;
mod secret;
mod sessions;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use bailiwick_core::time::Timestamp;

pub(crate) use attempts::Attempts;
pub(crate) use caller::{Caller, Shared, Submitted};
pub(crate) use links::LIFE_MS;
use links::LinkError;
use links::Links;
pub(crate) use log::AccessLog;
pub(crate) use origin::{Nameless, Site};
pub(crate) use role::{Operator, Role, Viewer};
pub(crate) use secret::{Fingerprint, Secret};
use sessions::{Session, Sessions};

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) SocketAddr);

/// What access is decided by.
pub(crate) struct Access {
    pub(crate) site: Site,
    links: Links,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
    log: AccessLog,
    pub(crate) now: fn() -> Timestamp,
}

impl Access {
    /// Access to the page of the console whose data folder this is.
    pub(crate) fn open(data: &Path, site: Site, now: fn() -> Timestamp) -> io::Result<Self> {
        Ok(Self {
            links: Links::of(data),
            site,
            sessions: Mutex::default(),
            attempts: Mutex::default(),
            log: AccessLog::open(data)?,
            now,
        })
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        let sessions = self.sessions.lock();
        sessions.unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        let attempts = self.attempts.lock();
        attempts.unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A link that logs someone in.
#[derive(Clone, Debug)]
pub(crate) struct LoginLink {
    /// To be opened in a browser.
    pub(crate) url: String,
    pub(crate) role: Role,
}

impl LoginLink {
    /// Makes one for the page at `address`.
    pub(crate) fn make(
        data: &Path,
        address: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<Self, LinkError> {
        let secret = Links::of(data).make(role, now)?;
        Ok(Self {
            url: format!("{address}/login/{}", secret.reveal()),
            role,
        })
    }
}

/// Notes where the page is, for `login`.
pub(crate) fn note_address(data: &Path, address: &str) -> io::Result<()> {
    let folder = folder(data);
    private_folder(&folder)?;
    std::fs::write(folder.join("address"), address)
}

/// Where `serve` last had its page.
pub(crate) fn noted_address(data: &Path) -> io::Result<String> {
    std::fs::read_to_string(folder(data).join("address"))
}

/// The page's own files in the console's data folder.
fn folder(data: &Path) -> PathBuf {
    data.join("page")
}

/// Makes a folder that only its owner may look into.
fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
