//! The open roots.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_core::ports::FilesError;
use cap_std::{ambient_authority, fs::Dir};

use super::error::meaning;

/// Roots that stay open: more than the policies of one device name; each costs a
/// descriptor.
const KEPT: usize = 64;

/// Roots that were opened, least recently opened first.
#[derive(Debug, Default)]
pub(super) struct Roots {
    open: Mutex<VecDeque<Root>>,
}

#[derive(Debug)]
struct Root {
    path: String,
    identity: Identity,
    directory: Arc<Dir>,
}

/// Which directory a path names. A root that was replaced (an upgrade, a mount) must not
/// be answered for by the one before.
type Identity = (u64, u64);

impl Roots {
    /// The directory that `root` names now. Symbolic links in the root itself are
    /// followed: it is the policy's own word.
    pub(super) fn open(&self, root: &str) -> Result<Arc<Dir>, FilesError> {
        let identity = identity(root).map_err(|error| meaning(&error))?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|kept| kept.path != root || Some(kept.identity) == identity);
        if let Some(kept) = open.iter().find(|kept| kept.path == root) {
            return Ok(Arc::clone(&kept.directory));
        }
        let directory = Dir::open_ambient_dir(root, ambient_authority())
            .map(Arc::new)
            .map_err(|error| match meaning(&error) {
                // What a root is not can't be told from what is not beneath it.
                FilesError::Escapes => FilesError::NotFound,
                other => other,
            })?;
        if let Some(identity) = identity {
            if open.len() >= KEPT {
                open.pop_front();
            }
            open.push_back(Root {
                path: root.to_owned(),
                identity,
                directory: Arc::clone(&directory),
            });
        }
        Ok(directory)
    }
}

/// Device and inode.
#[cfg(unix)]
fn identity(root: &str) -> io::Result<Option<Identity>> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(root).map(|metadata| Some((metadata.dev(), metadata.ino())))
}

/// Windows has no stable way to ask, and an open directory can't be removed there: roots
/// are opened each time.
#[cfg(not(unix))]
fn identity(_root: &str) -> io::Result<Option<Identity>> {
    Ok(None)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_opened_once_and_again_when_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root");
        std::fs::create_dir(&path).unwrap();
        let root = path.to_str().unwrap();
        let roots = Roots::default();
        let first = roots.open(root).unwrap();
        assert!(Arc::ptr_eq(&first, &roots.open(root).unwrap()));
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        assert_eq!(roots.open(root).unwrap_err(), FilesError::NotFound);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("new"), "").unwrap();
        assert!(roots.open(root).unwrap().exists("new"));
    }

    #[test]
    fn open_roots_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::default();
        for n in 0..KEPT + 10 {
            let path = folder.path().join(n.to_string());
            std::fs::create_dir(&path).unwrap();
            roots.open(path.to_str().unwrap()).unwrap();
        }
        assert_eq!(roots.open.lock().unwrap().len(), KEPT);
    }
}
