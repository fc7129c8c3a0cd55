//! A folder of which nobody but the host's own user can read or change anything.
//!
//! On Unix its mode is 0700 and that of its files 0600, and both are checked. On Windows
//! it inherits the rights of the data folder, which the installation sets.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Longest file that is read, header and all: a little more than the longest artifact.
const LONGEST: u64 = 257 * 1024 * 1024;

/// Files that are being written end with this; one that is found at the start was left
/// behind by a crash.
const UNFINISHED: &str = ".part";

/// The folder of the artifacts can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The operating system refused.
    #[error("{} can't be {doing}: {reason}", path.display())]
    Io {
        /// Which folder or file.
        path: PathBuf,
        /// `opened`, `read`, `written` …
        doing: &'static str,
        /// What the operating system said.
        reason: io::Error,
    },
    /// Other users have rights that they must not have.
    #[error("{} is not private: {what}; make it the agent's own with mode 0700, or remove it", path.display())]
    NotPrivate {
        /// The folder or file.
        path: PathBuf,
        /// Owner or mode as found.
        what: String,
    },
    /// No random bytes for a key.
    #[error("the operating system gives no random bytes: {0}")]
    NoRandomness(String),
}

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Makes names of unfinished files unique.
    written: AtomicU64,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, FolderError> {
        make(path).map_err(io_error(path, "made"))?;
        let metadata = fs::symlink_metadata(path).map_err(io_error(path, "opened"))?;
        if !metadata.is_dir() {
            let reason = io::ErrorKind::NotADirectory.into();
            return Err(io_error(path, "opened")(reason));
        }
        check_private(path, &metadata)?;
        let folder = Self {
            path: path.to_owned(),
            written: AtomicU64::new(0),
        };
        folder.remove_all(|name| name.ends_with(UNFINISHED))?;
        Ok(folder)
    }

    /// A whole file, or `None` if there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FolderError> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
            options.custom_flags(flags.bits().cast_signed());
        }
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&path, "opened")(error)),
        };
        let metadata = file.metadata().map_err(io_error(&path, "read"))?;
        check_private(&path, &metadata)?;
        if !metadata.is_file() || metadata.len() > LONGEST {
            let reason = io::Error::other("it is no file, or too long for one of ours");
            return Err(io_error(&path, "read")(reason));
        }
        let mut bytes = Vec::new();
        file.take(LONGEST)
            .read_to_end(&mut bytes)
            .map_err(io_error(&path, "read"))?;
        Ok(Some(bytes))
    }

    /// Writes a file whole or not at all, and waits until it is on disk.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), FolderError> {
        if parts.iter().map(|part| part.len() as u64).sum::<u64>() > LONGEST {
            let reason = io::Error::other("it is too long for one of ours");
            return Err(io_error(&self.path.join(name), "written")(reason));
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(format!("{name}.{number}{UNFINISHED}"));
        let write = || {
            let mut file = create(&path)?;
            parts.iter().try_for_each(|part| file.write_all(part))?;
            file.sync_all()?;
            fs::rename(&path, self.path.join(name))
        };
        write().map_err(|error| {
            // It may not exist; what matters is the first error.
            let _ = fs::remove_file(&path);
            io_error(&path, "written")(error)
        })
    }

    /// Removes a file that is of no use. If that fails it is refused again next time.
    pub(super) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path.join(name));
    }

    /// Removes the files whose name is `unwanted`.
    pub(super) fn remove_all(&self, unwanted: impl Fn(&str) -> bool) -> Result<(), FolderError> {
        for entry in fs::read_dir(&self.path).map_err(io_error(&self.path, "listed"))? {
            let entry = entry.map_err(io_error(&self.path, "listed"))?;
            if let Some(name) = entry.file_name().to_str()
                && unwanted(name)
            {
                self.remove(name);
            }
        }
        Ok(())
    }
}

fn io_error(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> FolderError {
    let path = path.to_owned();
    move |reason| FolderError::Io {
        path: path.clone(),
        doing,
        reason,
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<(), FolderError> {
    use std::os::unix::fs::MetadataExt as _;
    let own = rustix::process::geteuid().as_raw();
    let what = if metadata.uid() != own {
        format!(
            "it belongs to user {} and the agent is {own}",
            metadata.uid()
        )
    } else if metadata.mode() & 0o077 != 0 {
        format!("its mode is {:04o}", metadata.mode() & 0o7777)
    } else {
        return Ok(());
    };
    Err(FolderError::NotPrivate {
        path: path.to_owned(),
        what,
    })
}

#[cfg(not(unix))]
fn check_private(_path: &Path, _metadata: &fs::Metadata) -> Result<(), FolderError> {
    Ok(())
}
