//! Files that are either whole or not there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

use crate::DiskError;

/// Writes beside `path`, syncs, renames over it, and syncs the folder. When it returns the
/// file survives a power cut; when it fails the old file is still there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = folder.join(name);
    let whole = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&part, path)?;
        sync_folder(folder)
    };
    whole().map_err(DiskError::new("written", path))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows opens no folder as a file; its renames are journalled.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The file, if it is there and at most `at_most` bytes long.
pub(crate) fn read(path: &Path, at_most: u64) -> Result<Option<Vec<u8>>, DiskError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DiskError::new("read", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(at_most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(DiskError::new("read", path))?;
    if bytes.len() as u64 > at_most {
        let long = io::Error::other(format!("it is longer than {at_most} bytes"));
        return Err(DiskError::new("read", path)(long));
    }
    Ok(Some(bytes))
}

/// Puts a damaged file aside under a name that is kept until the next damage.
pub(crate) fn quarantine(path: &Path) -> Result<(), DiskError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".damaged");
    fs::rename(path, path.with_file_name(name)).map_err(DiskError::new("set aside", path))
}
