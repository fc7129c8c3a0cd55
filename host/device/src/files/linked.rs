//! Files with more than one name.
//!
//! A hard link does not say where the file's other names are. In a folder that a user can
//! write, it can be a file of someone else from outside the root (`/etc/shadow` linked
//! into a home). In a folder that only root or the file's own owner can write, whoever
//! made the link could have copied the content as well, so it gives nothing away.

use bailiwick_core::ports::FilesError;
use cap_std::fs::{Dir, Metadata, MetadataExt as _};

use super::error::meaning;

/// Refuses `opened`, which was found at `path`, if it is a hard link that someone else
/// than root or its owner can have made.
pub(super) fn check(root: &Dir, path: &str, opened: &Metadata) -> Result<(), FilesError> {
    if opened.nlink() <= 1 {
        return Ok(());
    }
    // Symbolic links on the way: the folder that counts is the one that holds the file.
    let real = root.canonicalize(path).map_err(|error| meaning(&error))?;
    let name = real.file_name().ok_or(FilesError::WrongKind)?;
    let folder = match real.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => root.open_dir(parent),
        _ => root.open_dir("."),
    }
    .map_err(|error| meaning(&error))?;
    let found = folder
        .symlink_metadata(name)
        .map_err(|error| meaning(&error))?;
    let holder = folder.dir_metadata().map_err(|error| meaning(&error))?;
    let same = (found.dev(), found.ino()) == (opened.dev(), opened.ino());
    if same && is_trusted(holder.uid(), holder.mode(), opened.uid()) {
        Ok(())
    } else {
        Err(FilesError::Escapes)
    }
}

/// Whether only root and the file's owner can make names in the folder.
fn is_trusted(folder_owner: u32, folder_mode: u32, file_owner: u32) -> bool {
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
