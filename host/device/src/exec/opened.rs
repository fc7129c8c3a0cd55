//! A program's file, opened and proven to be one that nobody but root can have changed.

use std::{
    fs::File,
    io::Read,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
};

use bailiwick_core::digest::Sha256;
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat},
    process::geteuid,
};

/// Longest program whose digest is taken.
const LONGEST: u64 = 256 * 1024 * 1024;

/// Others than the owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Opens the program at `path` (absolute, without links) and shows that it and every folder
/// on the way belong to root (or to the user of this process, who could do all this
/// anyway) and can be changed by nobody else. What was checked is what the descriptor
/// stands for: whatever is renamed meanwhile, this is what runs.
///
/// # Errors
/// What is wrong, to name to an operator.
pub(crate) fn open(path: &str, sha256: &str) -> Result<File, String> {
    let wrong = |what: &str, reason: &str| format!("{what} {reason}");
    let mut folder = folder(None, "/", "/")?;
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (name, folders) = parts
        .split_last()
        .ok_or_else(|| wrong(path, "is no absolute path"))?;
    let mut shown = String::new();
    for part in folders {
        shown = format!("{shown}/{part}");
        folder = self::folder(Some(&folder), part, &shown)?;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = openat(&folder, *name, flags, Mode::empty()).map_err(|error| match error {
        rustix::io::Errno::LOOP => wrong(path, "is a link: grant what it leads to"),
        error => wrong(path, &format!("can't be opened: {error}")),
    })?;
    let found = fstat(&file).map_err(|error| wrong(path, &error.to_string()))?;
    check(&found, path)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(wrong(path, "is no file"));
    }
    let mut file = File::from(file);
    let mode = file.metadata().map_err(|error| error.to_string())?.mode();
    if mode & 0o111 == 0 {
        return Err(wrong(path, "may not be executed"));
    }
    check_content(&mut file, path, sha256)?;
    Ok(file)
}

fn folder(in_: Option<&OwnedFd>, name: &str, shown: &str) -> Result<OwnedFd, String> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = match in_ {
        Some(parent) => openat(parent, name, flags, Mode::empty()),
        None => openat(CWD, name, flags, Mode::empty()),
    };
    let opened = opened.map_err(|error| match error {
        rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => {
            format!("{shown} is a link or no folder: grant the path without links")
        }
        error => format!("{shown} can't be opened: {error}"),
    })?;
    check(&fstat(&opened).map_err(|error| error.to_string())?, shown)?;
    Ok(opened)
}

fn check(found: &Stat, shown: &str) -> Result<(), String> {
    let own = geteuid().as_raw();
    if found.st_uid != 0 && found.st_uid != own {
        return Err(format!(
            "{shown} belongs to user {}, and not to root",
            found.st_uid
        ));
    }
    if found.st_mode & WRITABLE_BY_OTHERS != 0 {
        return Err(format!("{shown} can be changed by others than its owner"));
    }
    Ok(())
}

fn check_content(file: &mut File, path: &str, sha256: &str) -> Result<(), String> {
    let unread = |error: std::io::Error| format!("{path} can't be read: {error}");
    let mut begin = [0; 2];
    let length = file.read(&mut begin).map_err(unread)?;
    if begin[..length] == *b"#!" {
        return Err(format!(
            "{path} is a script: grant its interpreter, with the script as an argument"
        ));
    }
    if sha256.is_empty() {
        return Ok(());
    }
    let mut bytes = begin[..length].to_vec();
    let rest = file.take(LONGEST).read_to_end(&mut bytes).map_err(unread)?;
    if rest as u64 == LONGEST {
        return Err(format!("{path} is too long for a digest to be taken of it"));
    }
    let digest = Sha256::of(&bytes).to_string();
    if digest != sha256 {
        return Err(format!(
            "{path} has the sha256 {digest}, and not the granted one"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_root_is_opened_and_its_digest_is_compared() {
        open("/usr/bin/true", "").unwrap();
        let digest = Sha256::of(&std::fs::read("/usr/bin/true").unwrap()).to_string();
        open("/usr/bin/true", &digest).unwrap();
        let other = Sha256::of(b"").to_string();
        assert!(
            open("/usr/bin/true", &other)
                .unwrap_err()
                .contains("not the granted one")
        );
    }

    #[test]
    fn links_scripts_and_what_others_can_change_are_refused() {
        // Below /tmp, which everybody may write.
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::copy("/usr/bin/true", &program).unwrap();
        let refused = open(program.to_str().unwrap(), "").unwrap_err();
        assert!(refused.contains("can be changed by others"), "{refused}");
        for (path, expected) in [
            ("/usr/bin/missing", "can't be opened"),
            ("/usr/bin", "no file"),
            ("/proc/self/exe", "grant"),
            ("/etc/passwd", "may not be executed"),
        ] {
            let refused = open(path, "").unwrap_err();
            assert!(refused.contains(expected), "{path}: {refused}");
        }
    }
}
