//! The five operations, blocking.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
};

use bailiwick_core::{
    bytes::ByteCount,
    ports::{Entry, FileKind, FileMetadata, FilesError},
};
use cap_std::fs::{Dir, FileType};

use super::{
    beneath::{Found, Last, find},
    error::meaning,
    sought::Sought,
};

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
pub(super) fn whole(
    root: &Dir,
    sought: &Sought,
    at_most: ByteCount,
) -> Result<Vec<u8>, FilesError> {
    let bound = at_most.min(LONGEST).get();
    let (file, size) = open_file(root, sought)?;
    let mut content = Vec::new();
    file.take(bound.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| meaning(&error))?;
    let read = ByteCount::new(u64::try_from(content.len()).unwrap_or(u64::MAX));
    if read.get() > bound {
        return Err(FilesError::TooLarge(size.max(read)));
    }
    Ok(content)
}

/// `length` bytes from `offset`, fewer at the end.
pub(super) fn part(
    root: &Dir,
    sought: &Sought,
    offset: u64,
    length: u32,
) -> Result<Vec<u8>, FilesError> {
    let (mut file, _) = open_file(root, sought)?;
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
pub(super) fn list(
    root: &Dir,
    sought: &Sought,
    at_most: ByteCount,
) -> Result<Vec<Entry>, FilesError> {
    let found = granted(root, sought, Last::Follow)?;
    if found.kind() != FileKind::Directory {
        return Err(FilesError::WrongKind);
    }
    let folder = found.folder(root)?;
    let mut first = BTreeMap::new();
    let mut cost = 0_u64;
    for entry in folder.entries().map_err(|error| meaning(&error))? {
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
pub(super) fn look(root: &Dir, sought: &Sought) -> Result<FileMetadata, FilesError> {
    Ok(granted(root, sought, Last::Follow)?.metadata())
}

/// What a symbolic link says, absolute or not: the text is not followed.
pub(super) fn link(root: &Dir, sought: &Sought) -> Result<String, FilesError> {
    let found = granted(root, sought, Last::Keep)?;
    if found.kind() != FileKind::SymbolicLink {
        return Err(FilesError::WrongKind);
    }
    found.says(root)
}

/// A regular file, and its size.
fn open_file(root: &Dir, sought: &Sought) -> Result<(File, ByteCount), FilesError> {
    let found = granted(root, sought, Last::Follow)?;
    if found.kind() != FileKind::File {
        return Err(FilesError::WrongKind);
    }
    Ok((found.file(root)?, found.metadata().size))
}

/// What is there, if the grants cover the name that it has once links are followed.
/// Nothing of it is told before.
fn granted(root: &Dir, sought: &Sought, last: Last) -> Result<Found, FilesError> {
    let found = find(root, checked(&sought.path)?, last)?;
    sought.may_lead_to(found.path()?, found.linked)?;
    Ok(found)
}

pub(super) fn file_kind(kind: FileType) -> FileKind {
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
