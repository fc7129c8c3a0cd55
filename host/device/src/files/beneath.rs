//! What a path names beneath a root, and its opening.
//!
//! Grants and denials go by name, and a symbolic link gives a second one to what has
//! another already. So a path is either resolved by the kernel with the word that no link
//! is on it, or followed part by part, which tells the name that is left. What was found
//! is opened at that name, following nothing: whatever is done to the tree meanwhile, what
//! is opened has the name that was checked.

use std::{
    ffi::OsStr,
    fs::File,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
};

use bailiwick_core::{
    bytes::ByteCount,
    policy::Linked,
    ports::{FileKind, FileMetadata, FilesError},
    time::Timestamp,
};
use cap_std::fs::Dir;
use rustix::{
    fs::{self, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use super::{error::meaning, linked, walk::walk};

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Follow,
    Keep,
}

/// What a path names. Never a symbolic link, unless the last was to be kept.
pub(super) struct Found {
    /// Its name beneath the root, links followed; empty for the root itself.
    path: Vec<u8>,
    /// The folder that holds it, if it was walked to and that is not the root.
    holder: Option<OwnedFd>,
    stat: Stat,
    /// Whose links were on the way.
    pub(super) linked: Linked,
}

/// Finds `path`, which is relative and without `..`, beneath `root`.
pub(super) fn find(root: &Dir, path: &str, last: Last) -> Result<Found, FilesError> {
    match direct(root.as_fd(), path) {
        Some(found) => Ok(found),
        None => walk(root.as_fd(), path, last),
    }
}

/// In one step, if there is no link on the way and the kernel can say so.
#[cfg(target_os = "linux")]
fn direct(root: BorrowedFd<'_>, path: &str) -> Option<Found> {
    let found = open_direct(root, path.as_bytes(), OFlags::PATH).ok()?;
    Some(Found {
        path: if path == "." { Vec::new() } else { path.into() },
        holder: None,
        stat: fs::fstat(&found).ok()?,
        linked: Linked::No,
    })
}

#[cfg(not(target_os = "linux"))]
fn direct(_root: BorrowedFd<'_>, _path: &str) -> Option<Found> {
    None
}

#[cfg(target_os = "linux")]
fn open_direct(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let path = if path.is_empty() { b"." } else { path };
    let flags = flags | OFlags::CLOEXEC;
    fs::openat2(root, OsStr::from_bytes(path), flags, Mode::empty(), resolve)
}

/// Paths of several parts are walked here, and opened from the folder that holds them.
#[cfg(not(target_os = "linux"))]
fn open_direct(_root: BorrowedFd<'_>, _path: &[u8], _flags: OFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

impl Found {
    /// What a walk found in `holder`, or in the root if there is none.
    pub(super) fn walked(
        path: Vec<u8>,
        holder: Option<OwnedFd>,
        stat: Stat,
        linked: Linked,
    ) -> Self {
        Self {
            path,
            holder,
            stat,
            linked,
        }
    }

    /// Its name beneath the root.
    pub(super) fn path(&self) -> Result<&str, FilesError> {
        std::str::from_utf8(&self.path)
            .map_err(|_| FilesError::Unavailable("its name is not UTF-8".to_owned()))
    }

    pub(super) fn metadata(&self) -> FileMetadata {
        let seconds = u64::try_from(self.stat.st_mtime).unwrap_or(0);
        let ms = u64::from(u32::try_from(self.stat.st_mtime_nsec).unwrap_or(0) / 1_000_000);
        FileMetadata {
            kind: self.kind(),
            size: ByteCount::new(u64::try_from(self.stat.st_size).unwrap_or(0)),
            modified: Timestamp::from_ms(seconds.saturating_mul(1_000).saturating_add(ms)),
        }
    }

    pub(super) fn kind(&self) -> FileKind {
        match FileType::from_raw_mode(self.stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::SymbolicLink,
            _ => FileKind::Other,
        }
    }

    /// Opens it for reading. It was looked at before, because opening a device can act on
    /// it, and is again, because it may have been replaced in between.
    pub(super) fn file(&self, root: &Dir) -> Result<File, FilesError> {
        // Without waiting for the other end of a pipe and without taking a terminal.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = self.open(root, flags)?;
        let stat = fs::fstat(&opened).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FilesError::WrongKind);
        }
        // Whose it is decided whether the links on the way count.
        if stat.st_uid != self.stat.st_uid {
            return Err(FilesError::NotFound);
        }
        if stat.st_nlink > 1 {
            self.check_hard_link(root, &stat)?;
        }
        Ok(File::from(opened))
    }

    /// The folder that counts is the one that holds the file; a path found in one step
    /// has to be walked for it.
    fn check_hard_link(&self, root: &Dir, opened: &Stat) -> Result<(), FilesError> {
        if let Some(holder) = &self.holder {
            return linked::check(holder.as_fd(), self.own_name(), opened);
        }
        let walked = walk(root.as_fd(), self.path()?, Last::Keep)?;
        let holder = walked.holder.as_ref().map_or(root.as_fd(), OwnedFd::as_fd);
        linked::check(holder, self.own_name(), opened)
    }

    /// Opens it for listing.
    pub(super) fn folder(&self, root: &Dir) -> Result<Dir, FilesError> {
        let opened = self.open(root, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok(Dir::from_std_file(File::from(opened)))
    }

    /// What it says, if it is a symbolic link.
    pub(super) fn says(&self, root: &Dir) -> Result<String, FilesError> {
        let holder = self.holder.as_ref().map_or(root.as_fd(), OwnedFd::as_fd);
        fs::readlinkat(holder, OsStr::from_bytes(self.own_name()), Vec::new())
            .map_err(failed)?
            .into_string()
            .map_err(|_| FilesError::Unavailable("the link is not UTF-8".to_owned()))
    }

    fn open(&self, root: &Dir, flags: OFlags) -> Result<OwnedFd, FilesError> {
        let at = |folder: BorrowedFd<'_>| {
            let name = OsStr::from_bytes(self.own_name());
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            fs::openat(folder, name, flags, Mode::empty())
        };
        let opened = match &self.holder {
            Some(holder) => at(holder.as_fd()),
            None if self.path.contains(&b'/') => open_direct(root.as_fd(), &self.path, flags),
            None => at(root.as_fd()),
        };
        opened.map_err(failed)
    }

    fn own_name(&self) -> &[u8] {
        match self.path.rsplit(|byte| *byte == b'/').next() {
            None | Some(b"") => b".",
            Some(name) => name,
        }
    }
}

pub(super) fn failed(errno: Errno) -> FilesError {
    meaning(&errno.into())
}
