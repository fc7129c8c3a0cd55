//! Files that their owner alone may read, replaced whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use anyhow::Context as _;
use bailiwick_transport::enrol::DeviceKey;

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Writes a file in `folder`: after this it is there whole, whatever ends the program when.
pub(super) fn write(folder: &Path, name: &str, content: &str) -> anyhow::Result<()> {
    let written = || {
        let beside = folder.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        rename(folder, &format!("{name}.new"), name)
    };
    written().with_context(|| {
        format!(
            "{} can't be written: check the folder, its owner and the free space",
            folder.join(name).display()
        )
    })
}

/// Renames a file within `folder`, durably.
pub(super) fn rename(folder: &Path, from: &str, to: &str) -> io::Result<()> {
    fs::rename(folder.join(from), folder.join(to))?;
    sync(folder)
}

/// Removes a file, if it is there.
pub(super) fn remove(folder: &Path, name: &str) -> anyhow::Result<()> {
    match fs::remove_file(folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let path = folder.join(name);
            Err(error).with_context(|| format!("{} can't be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// The text of a file, if it is there.
pub(super) fn read(folder: &Path, name: &str) -> anyhow::Result<Option<String>> {
    let path = folder.join(name);
    let read = || {
        let file = File::open(&path)?;
        io::read_to_string(io::Read::take(file, LONGEST))
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| {
            format!(
                "{} can't be read: run as the user whose it is",
                path.display()
            )
        }),
    }
}

/// The key that waits in a file for its certificate, or a new one, which waits there from now
/// on: whoever asks a second time asks with the same key.
pub(super) fn waiting_key(folder: &Path, name: &str) -> anyhow::Result<DeviceKey> {
    let waiting = read(folder, name)?;
    // One that was damaged has no certificate, and nothing is lost with it.
    if let Some(key) = waiting.and_then(|text| DeviceKey::from_pem(&text).ok()) {
        return Ok(key);
    }
    let key = DeviceKey::generate()?;
    write(folder, name, &key.to_pem()?)?;
    Ok(key)
}

#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// There a rename is as durable as it gets.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_key_stays_the_same_and_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let first = waiting_key(folder.path(), "key.pem").unwrap();
        let again = waiting_key(folder.path(), "key.pem").unwrap();
        assert_eq!(first.digest(), again.digest());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = folder.path().join("key.pem");
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(folder.path().join("key.pem"), "half a k").unwrap();
        let other = waiting_key(folder.path(), "key.pem").unwrap();
        assert_ne!(first.digest(), other.digest());
        remove(folder.path(), "key.pem").unwrap();
        remove(folder.path(), "key.pem").unwrap();
        assert_eq!(read(folder.path(), "key.pem").unwrap(), None);
    }
}
