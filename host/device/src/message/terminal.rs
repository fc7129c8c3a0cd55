//! A terminal that a user has logged in on, as wall(1) writes to it: whatever `mesg` says, for an
//! organisation speaks to its users.

use std::{
    fs::File,
    io::Write as _,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    termios::{InputModes, tcgetattr},
};

/// The device of the terminal that a session calls `name`: `tty1`, `pts/3`.
pub(super) fn path(terminals: &Path, name: &str) -> Option<PathBuf> {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let fits = name.len() <= 32 && name.split('/').count() <= 2 && name.split('/').all(part);
    fits.then(|| terminals.join(name))
}

/// Writes it at once or not: a terminal that was stopped takes nothing, and nobody waits for it.
///
/// # Errors
/// Why nobody reads it there.
pub(super) fn write(path: &Path, uid: u32, heading: &str, text: &str) -> Result<(), String> {
    let shown = path.display();
    let failed = |error: &dyn std::fmt::Display| format!("{shown} can't be written to: {error}");
    let flags =
        OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(&error))?;
    let mut terminal = File::from(opened);
    let found = terminal.metadata().map_err(|error| failed(&error))?;
    if !found.file_type().is_char_device() {
        return Err(format!("{shown} is no terminal"));
    }
    if found.uid() != uid {
        return Err(format!("{shown} is another user's by now"));
    }
    let modes = tcgetattr(&terminal).map_err(|_| format!("{shown} is no terminal"))?;
    let unicode = modes.input_modes.contains(InputModes::IUTF8);
    let screen = screen(heading, text, unicode);
    match terminal.write(&screen) {
        Ok(written) if written == screen.len() => Ok(()),
        Ok(_) => Err(format!("{shown} takes no more")),
        Err(error) => Err(failed(&error)),
    }
}

/// What is written: each line of the text is marked, so that none looks like somebody else's. On a
/// terminal that takes bytes for characters, those of others than ASCII may control it.
fn screen(heading: &str, text: &str, unicode: bool) -> Vec<u8> {
    let lines: String = text.lines().map(|line| format!("\r\n> {line}")).collect();
    let whole = format!("\u{7}\r\n* Message from {heading}:{lines}\r\n");
    match unicode {
        true => whole.into_bytes(),
        false => whole
            .chars()
            .map(|c| u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(b'?'))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_terminals_lead_nowhere_else() {
        let terminals = Path::new("/dev");
        for (name, is) in [
            ("tty1", Some("/dev/tty1")),
            ("pts/3", Some("/dev/pts/3")),
            ("../etc/passwd", None),
            ("pts/../sda", None),
            ("/etc/passwd", None),
            ("pts//3", None),
            ("", None),
            ("a/b/c", None),
        ] {
            assert_eq!(path(terminals, name), is.map(PathBuf::from), "{name}");
        }
    }

    #[test]
    fn what_is_no_terminal_or_another_users_is_not_written_to() {
        let own = rustix::process::geteuid().as_raw();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tty1");
        std::fs::write(&file, "").unwrap();
        let refused = write(&file, own, "IT", "text").unwrap_err();
        assert!(refused.contains("is no terminal"), "{refused}");
        let refused = write(Path::new("/dev/null"), 0, "IT", "text").unwrap_err();
        assert!(refused.contains("is no terminal"), "{refused}");
        let refused = write(Path::new("/dev/null"), 1_234, "IT", "text").unwrap_err();
        assert!(refused.contains("another user's"), "{refused}");
        assert_eq!(std::fs::read(&file).unwrap(), b"");
    }

    #[test]
    fn a_terminal_of_bytes_gets_no_byte_that_could_control_it() {
        // 0x9b in the UTF-8 of `Û` would begin a sequence there.
        let screen = screen("IT", "Û31m\nnext", false);
        assert!(screen.iter().all(u8::is_ascii));
        assert!(screen.ends_with(b"\r\n> ?31m\r\n> next\r\n"));
    }
}
