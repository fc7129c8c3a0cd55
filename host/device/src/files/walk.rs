//! Follows a path beneath a root part by part, which tells the name that is left.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
};

use bailiwick_core::{policy::Linked, ports::FilesError};
use rustix::{
    fs::{self, AtFlags, FileType, Mode, OFlags, RawMode, Stat},
    io::Errno,
};

use super::{
    beneath::{Found, Last, failed},
    linked::is_trusted,
};

/// As the kernel allows for one path.
const MOST_LINKS: usize = 40;
/// Parts that a path may have once links are spliced in; each folder costs a descriptor
/// while the walk lasts.
const MOST_PARTS: usize = 256;

/// Follows `path`, which is relative, beneath `root`.
pub(super) fn walk(root: BorrowedFd<'_>, path: &str, last: Last) -> Result<Found, FilesError> {
    let mut walk = Walk {
        root,
        folders: Vec::new(),
        rest: VecDeque::new(),
        holders: Vec::new(),
    };
    walk.splice(path.as_bytes())?;
    walk.run(last)
}

struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The folders from the root to here, without the root.
    folders: Vec<(Vec<u8>, OwnedFd)>,
    /// Parts that are still to be followed.
    rest: VecDeque<Vec<u8>>,
    /// Owner and mode of each folder that holds a link which was followed.
    holders: Vec<(u32, RawMode)>,
}

impl Walk<'_> {
    fn run(mut self, last: Last) -> Result<Found, FilesError> {
        while let Some(part) = self.rest.pop_front() {
            if part == b".." {
                self.folders.pop().ok_or(FilesError::Escapes)?;
                continue;
            }
            let name = OsStr::from_bytes(&part);
            let stat = fs::statat(self.here(), name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink if !self.rest.is_empty() || last == Last::Follow => {
                    self.follow(name)?;
                }
                FileType::Directory => self.enter(part)?,
                _ if self.rest.is_empty() => return Ok(self.found(Some(part), stat)),
                // A file where the path has a folder.
                _ => return Err(FilesError::NotFound),
            }
        }
        let stat = fs::fstat(self.here()).map_err(failed)?;
        Ok(self.found(None, stat))
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.folders
            .last()
            .map_or(self.root, |(_, folder)| folder.as_fd())
    }

    fn enter(&mut self, part: Vec<u8>) -> Result<(), FilesError> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | searching();
        let folder = fs::openat(self.here(), OsStr::from_bytes(&part), flags, Mode::empty())
            .map_err(failed)?;
        self.folders.push((part, folder));
        Ok(())
    }

    fn follow(&mut self, name: &OsStr) -> Result<(), FilesError> {
        let target =
            fs::readlinkat(self.here(), name, Vec::new()).map_err(|errno| match errno {
                // Something else took its place meanwhile.
                Errno::INVAL => FilesError::NotFound,
                errno => failed(errno),
            })?;
        let holder = fs::fstat(self.here()).map_err(failed)?;
        self.holders.push((holder.st_uid, holder.st_mode));
        if self.holders.len() > MOST_LINKS {
            return Err(FilesError::Escapes);
        }
        self.splice(target.as_bytes())
    }

    /// Puts the parts of `path` ahead of those that are left.
    fn splice(&mut self, path: &[u8]) -> Result<(), FilesError> {
        if path.first() == Some(&b'/') {
            return Err(FilesError::Escapes);
        }
        for part in path.rsplit(|byte| *byte == b'/') {
            if !part.is_empty() && part != b"." {
                self.rest.push_front(part.to_vec());
            }
        }
        if self.rest.len() + self.folders.len() > MOST_PARTS {
            return Err(FilesError::NotFound);
        }
        Ok(())
    }

    fn found(mut self, name: Option<Vec<u8>>, stat: Stat) -> Found {
        let trusted = |(owner, mode): &(u32, RawMode)| is_trusted(*owner, *mode, stat.st_uid);
        let linked = match self.holders.as_slice() {
            [] => Linked::No,
            holders if holders.iter().all(trusted) => Linked::ByItsOwner,
            _ => Linked::ByOthers,
        };
        let mut path: Vec<_> = self.folders.iter().map(|(part, _)| part.clone()).collect();
        if name.is_none() {
            // A folder is opened from the one that holds it, like everything.
            self.folders.pop();
        }
        path.extend(name);
        let holder = self.folders.pop().map(|(_, folder)| folder);
        Found::walked(path.join(&b'/'), holder, stat, linked)
    }
}

/// Folders on the way need not be readable, only searchable, where the system can tell
/// that apart.
#[cfg(target_os = "linux")]
fn searching() -> OFlags {
    OFlags::PATH
}

#[cfg(not(target_os = "linux"))]
fn searching() -> OFlags {
    OFlags::RDONLY
}
