//! Files that are either whole or not there.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
};

use crate::RepositoryError;

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Audience {
    /// Everyone: it will be served.
    Public,
    /// The owner of the process: mode 0600.
    Owner,
}

/// Writes beside `path`, syncs, renames over it, and syncs the folder.
pub(crate) fn write(path: &Path, bytes: &[u8], audience: Audience) -> Result<(), RepositoryError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder, Audience::Public)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = folder.join(name);
    // Left by an interrupted run; a private file must not inherit its mode.
    if part.exists() {
        fs::remove_file(&part).map_err(RepositoryError::disk("written", &part))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    restrict(&mut options, audience);
    let written = options.open(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&part, path))
        .and_then(|()| sync_folder(folder))
        .map_err(RepositoryError::disk("written", path))
}

/// Makes the folder and those above it.
pub(crate) fn create_folder(path: &Path, audience: Audience) -> Result<(), RepositoryError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    if matches!(audience, Audience::Owner) {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    #[cfg(not(unix))]
    let _ = audience;
    builder
        .create(path)
        .map_err(RepositoryError::disk("created", path))
}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions, audience: Audience) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(match audience {
        Audience::Public => 0o644,
        Audience::Owner => 0o600,
    });
}

/// On Windows a file inherits the rights of its folder.
#[cfg(not(unix))]
fn restrict(_: &mut OpenOptions, _: Audience) {}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows opens no folder as a file; its renames are journalled.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Holds off other writers until it is dropped.
pub(crate) fn lock(folder: &Path) -> Result<File, RepositoryError> {
    let path = folder.join(".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(RepositoryError::disk("locked", &path))?;
    file.lock()
        .map_err(RepositoryError::disk("locked", &path))?;
    Ok(file)
}
