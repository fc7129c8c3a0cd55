//! Reading beneath granted roots.
//!
//! Every path is resolved from an open root by the kernel (`openat2` with
//! `RESOLVE_BENEATH`; cap-std walks the parts itself where there is none), so a directory
//! that is swapped for a symbolic link after a check leads to an error, not out.

mod error;
#[cfg(unix)]
mod linked;
mod read;
mod roots;

use std::sync::Arc;

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, Entry, FileMetadata, Files, FilesError},
};
use cap_std::fs::Dir;

use crate::blocking;
use roots::Roots;

/// The device's files. Cloning shares the open roots.
///
/// A read of a file system that hangs (a dead network share) holds one thread of the pool
/// for blocking work until the kernel gives up; the caller bounds its own waiting.
#[derive(Clone, Debug, Default)]
pub struct DeviceFiles {
    roots: Arc<Roots>,
}

impl DeviceFiles {
    /// No root is open yet: each is opened when it is first read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens `root` and runs `work` on it, on a thread where blocking is allowed.
    fn beneath<'a, T: Send + 'static>(
        &'a self,
        root: &'a str,
        path: &'a str,
        work: impl FnOnce(&Dir, &str) -> Result<T, FilesError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, FilesError>> {
        let roots = Arc::clone(&self.roots);
        let (root, path) = (root.to_owned(), path.to_owned());
        Box::pin(async move {
            blocking::run(move || {
                let path = read::checked(&path)?;
                work(&*roots.open(&root)?, path)
            })
            .await
            .unwrap_or_else(|error| Err(FilesError::Unavailable(error.to_string())))
        })
    }
}

impl Files for DeviceFiles {
    fn read<'a>(
        &'a self,
        root: &'a str,
        path: &'a str,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        self.beneath(root, path, move |root, path| {
            read::whole(root, path, at_most)
        })
    }

    fn read_part<'a>(
        &'a self,
        root: &'a str,
        path: &'a str,
        offset: u64,
        length: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        self.beneath(root, path, move |root, path| {
            read::part(root, path, offset, length)
        })
    }

    fn list<'a>(
        &'a self,
        root: &'a str,
        path: &'a str,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>> {
        self.beneath(root, path, move |root, path| {
            read::list(root, path, at_most)
        })
    }

    fn look<'a>(
        &'a self,
        root: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<FileMetadata, FilesError>> {
        self.beneath(root, path, read::look)
    }

    fn read_link<'a>(
        &'a self,
        root: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<String, FilesError>> {
        self.beneath(root, path, read::link)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
