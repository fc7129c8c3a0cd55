//! Files with more than one name.
//!
//! A hard link does not say where the file's other names are. In a folder that a user can
//! write, it can be a file of someone else from outside the root (`/etc/shadow` linked
//! into a home). In a folder that only root or the file's own owner can write, whoever
//! made the link could have copied the content as well, so it gives nothing away.

//!
//! So a hard link to a denied file is read where only root or the file's owner can have
//! made it: no name tells that the two are one, and neither does the kernel. A policy that
//! denies a file grants no folder in which the same file has another name; packages do not
//! link secrets.

use std::{
    ffi::OsStr,
    os::{fd::BorrowedFd, unix::ffi::OsStrExt as _},
};

use bailiwick_core::ports::FilesError;
use rustix::fs::{self, AtFlags, RawMode, Stat};

use super::beneath::failed;

/// Refuses `opened`, which has several names and was found as `name` in `holder`, if
/// someone else than root or its owner can have made that name.
pub(super) fn check(holder: BorrowedFd<'_>, name: &[u8], opened: &Stat) -> Result<(), FilesError> {
    let name = OsStr::from_bytes(name);
    let found = fs::statat(holder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    let folder = fs::fstat(holder).map_err(failed)?;
    let same = (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino);
    if same && is_trusted(folder.st_uid, folder.st_mode, opened.st_uid) {
        Ok(())
    } else {
        Err(FilesError::Escapes)
    }
}

/// Whether only root and the file's owner can make names in the folder.
pub(super) fn is_trusted(folder_owner: u32, folder_mode: RawMode, file_owner: u32) -> bool {
    (folder_owner == 0 || folder_owner == file_owner) && folder_mode & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_root_or_the_files_owner_are_trusted() {
        assert!(is_trusted(0, 0o755, 0));
        assert!(is_trusted(0, 0o755, 1000));
        assert!(is_trusted(1000, 0o700, 1000));
        assert!(!is_trusted(1000, 0o700, 0), "a user's folder, root's file");
        assert!(!is_trusted(0, 0o1777, 0), "/tmp");
        assert!(!is_trusted(0, 0o775, 0), "a group's folder");
    }
}
