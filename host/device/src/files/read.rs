//! The five operations, blocking.

use std::{
    collections::BTreeMap,
    io::{Read as _, Seek as _, SeekFrom},
    time::UNIX_EPOCH,
};

use bailiwick_core::{
    bytes::ByteCount,
    ports::{Entry, FileKind, FileMetadata, FilesError},
    time::Timestamp,
};
use cap_std::fs::{Dir, File, FileType, Metadata, OpenOptions};

use super::error::meaning;

/// Longest whole file, whatever the caller allows. What plugins read is far below; it
/// keeps one mistaken call from taking the machine's memory.
const LONGEST: ByteCount = ByteCount::mib(256);
/// Longest part, as the contract says.
const LONGEST_PART: u32 = 1024 * 1024;
/// Entries of a directory, as the contract says.
const MOST_ENTRIES: usize = 65_536;

/// The path, `.` for the root itself; `Escapes` if it could lead out.
pub(super) fn checked(path: &str) -> Result<&str, FilesError> {
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(FilesError::Escapes);
    }
    if path.contains('\0') {
        return Err(FilesError::NotFound);
    }
    Ok(if path.is_empty() { "." } else { path })
}

/// The whole file. Files of /proc and /sys have a size that says nothing, so size is what
/// was read, and at most one byte more than allowed is read.
pub(super) fn whole(root: &Dir, path: &str, at_most: ByteCount) -> Result<Vec<u8>, FilesError> {
    let bound = at_most.min(LONGEST).get();
    let (file, metadata) = open_file(root, path)?;
    let mut content = Vec::new();
    file.take(bound.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| meaning(&error))?;
    let read = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if read > bound {
        return Err(FilesError::TooLarge(ByteCount::new(
            metadata.len().max(read),
        )));
    }
    Ok(content)
}

/// `length` bytes from `offset`, fewer at the end.
pub(super) fn part(
    root: &Dir,
    path: &str,
    offset: u64,
    length: u32,
) -> Result<Vec<u8>, FilesError> {
    let (mut file, _) = open_file(root, path)?;
    // No file reaches further than a signed offset can say.
    if i64::try_from(offset).is_err() {
        return Ok(Vec::new());
    }
    file.seek(SeekFrom::Start(offset))
        .map_err(|error| meaning(&error))?;
    let mut content = Vec::new();
    file.take(length.min(LONGEST_PART).into())
        .read_to_end(&mut content)
        .map_err(|error| meaning(&error))?;
    Ok(content)
}

/// The first entries in order of name. Only those are held while reading, however many
/// there are.
pub(super) fn list(root: &Dir, path: &str, at_most: ByteCount) -> Result<Vec<Entry>, FilesError> {
    let metadata = root.metadata(path).map_err(|error| meaning(&error))?;
    if !metadata.is_dir() {
        return Err(FilesError::WrongKind);
    }
    let mut first = BTreeMap::new();
    let mut cost = 0_u64;
    for entry in root.read_dir(path).map_err(|error| meaning(&error))? {
        let entry = entry.map_err(|error| meaning(&error))?;
        // One that went away meanwhile is no longer an entry.
        let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else {
            continue;
        };
        cost = cost.saturating_add(Entry::cost(name.len()));
        first.insert(name, file_kind(kind));
        if first.len() > MOST_ENTRIES
            && let Some((last, _)) = first.pop_last()
        {
            cost = cost.saturating_sub(Entry::cost(last.len()));
        }
        if cost > at_most.get() {
            return Err(FilesError::TooLarge(ByteCount::new(cost)));
        }
    }
    Ok(first
        .into_iter()
        .map(|(name, kind)| Entry { name, kind })
        .collect())
}

/// What is there.
pub(super) fn look(root: &Dir, path: &str) -> Result<FileMetadata, FilesError> {
    let metadata = root.metadata(path).map_err(|error| meaning(&error))?;
    Ok(FileMetadata {
        kind: file_kind(metadata.file_type()),
        size: ByteCount::new(metadata.len()),
        modified: modified(&metadata),
    })
}

/// What a symbolic link says, absolute or not: the text is not followed.
pub(super) fn link(root: &Dir, path: &str) -> Result<String, FilesError> {
    let metadata = root
        .symlink_metadata(path)
        .map_err(|error| meaning(&error))?;
    if !metadata.is_symlink() {
        return Err(FilesError::WrongKind);
    }
    root.read_link_contents(path)
        .map_err(|error| meaning(&error))?
        .into_os_string()
        .into_string()
        .map_err(|_| FilesError::Unavailable("the link is not UTF-8".to_owned()))
}

/// Opens a regular file. It is looked at before, because opening a device can act on it,
/// and after, because it may have been replaced in between.
fn open_file(root: &Dir, path: &str) -> Result<(File, Metadata), FilesError> {
    let before = root.metadata(path).map_err(|error| meaning(&error))?;
    if !before.is_file() {
        return Err(FilesError::WrongKind);
    }
    let file = root
        .open_with(path, &options())
        .map_err(|error| meaning(&error))?;
    let opened = file.metadata().map_err(|error| meaning(&error))?;
    if !opened.is_file() {
        return Err(FilesError::WrongKind);
    }
    #[cfg(unix)]
    super::linked::check(root, path, &opened)?;
    Ok((file, opened))
}

/// Reading, without waiting for the other end of a pipe and without taking a terminal.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt as _;
        use rustix::fs::OFlags;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options
}

fn file_kind(kind: FileType) -> FileKind {
    if kind.is_file() {
        FileKind::File
    } else if kind.is_dir() {
        FileKind::Directory
    } else if kind.is_symlink() {
        FileKind::SymbolicLink
    } else {
        FileKind::Other
    }
}

fn modified(metadata: &Metadata) -> Timestamp {
    metadata
        .modified()
        .ok()
        .and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok())
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .map_or(Timestamp::EPOCH, Timestamp::from_ms)
}
