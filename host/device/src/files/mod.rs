//! Reading beneath granted roots.
//!
//! No path leads out of its root, and none leads over a link to what is not granted under
//! its own name: see [`beneath`].

#[cfg(unix)]
mod beneath;
#[cfg(not(unix))]
#[path = "named.rs"]
mod beneath;
mod error;
#[cfg(unix)]
mod linked;
mod read;
mod roots;
mod sought;
#[cfg(unix)]
mod walk;

use std::sync::Arc;

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, Entry, FileMetadata, Files, FilesError, Place},
};
use cap_std::fs::Dir;

use crate::blocking;
use roots::Roots;
use sought::Sought;

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

    /// Opens the root of `place` and runs `work` on it, on a thread where blocking is
    /// allowed.
    fn beneath<'a, T: Send + 'static>(
        &'a self,
        place: Place<'a>,
        work: impl FnOnce(&Dir, &Sought) -> Result<T, FilesError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, FilesError>> {
        let (roots, sought) = (Arc::clone(&self.roots), Sought::from(place));
        Box::pin(async move {
            blocking::run(move || work(&*roots.open(&sought.root)?, &sought))
                .await
                .unwrap_or_else(|error| Err(FilesError::Unavailable(error.to_string())))
        })
    }
}

impl Files for DeviceFiles {
    fn read<'a>(
        &'a self,
        place: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        self.beneath(place, move |root, sought| {
            read::whole(root, sought, at_most)
        })
    }

    fn read_part<'a>(
        &'a self,
        place: Place<'a>,
        offset: u64,
        length: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        self.beneath(place, move |root, sought| {
            read::part(root, sought, offset, length)
        })
    }

    fn list<'a>(
        &'a self,
        place: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>> {
        self.beneath(place, move |root, sought| read::list(root, sought, at_most))
    }

    fn look<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>> {
        self.beneath(place, read::look)
    }

    fn read_link<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>> {
        self.beneath(place, read::link)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
