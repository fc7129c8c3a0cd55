//! Opening: the format's version, and what happens to a damaged file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bailiwick_core::time::Timestamp;
use redb::{Database, DatabaseError, ReadableDatabase, StorageError};

use super::{
    Opening, StoreError,
    tables::{self, FORMAT, NUMBERS, OTHER_TYPES, failure},
};

/// Name of the database in the data folder.
pub(super) const FILE: &str = "bailiwick.redb";
/// Damaged databases are kept for whoever looks into the damage, newest first; more
/// would let a failing disk fill itself.
const KEPT_ASIDE: usize = 4;
/// What redb may keep in memory. The agent has 10 MB in all, and what is read is read once.
const CACHE_BYTES: usize = 256 * 1024;

/// Why a file could not be used.
enum Unusable {
    /// Its content makes no sense.
    Damaged(String),
    /// Anything else.
    Error(StoreError),
}

/// See [`super::Store::open`].
pub(super) fn open(folder: &Path, now: Timestamp) -> Result<(Database, Opening), StoreError> {
    let path = folder.join(FILE);
    let aside = Aside::find(folder)?;
    match try_open(&path) {
        Ok(database) => Ok((
            database,
            Opening {
                set_aside: None,
                ever_set_aside: aside.highest,
            },
        )),
        Err(Unusable::Error(error)) => Err(error),
        Err(Unusable::Damaged(_)) => {
            let number = aside.highest + 1;
            let moved = folder.join(format!("{FILE}.damaged-{number:04}-{}", date(now)));
            fs::rename(&path, &moved).map_err(|error| not_opened(&path, &error))?;
            aside.prune();
            let database = try_open(&path).map_err(|unusable| match unusable {
                Unusable::Damaged(reason) => not_opened(&path, &reason),
                Unusable::Error(error) => error,
            })?;
            sync_folder(folder).map_err(|error| not_opened(&path, &error))?;
            Ok((
                database,
                Opening {
                    set_aside: Some(moved),
                    ever_set_aside: number,
                },
            ))
        }
    }
}

/// Opens the database at `path` again, after the operating system failed beneath it.
pub(super) fn reopen(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).open(path)
}

fn try_open(path: &Path) -> Result<Database, Unusable> {
    let fresh = create_private(path).map_err(|error| Unusable::Error(not_opened(path, &error)))?;
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        // Without this redb may panic on a file that was altered from outside.
        .set_check_integrity_on_open(true)
        .create(path)
        .map_err(|error| unusable(path, error))?;
    if fresh && let Some(folder) = path.parent() {
        sync_folder(folder).map_err(|error| Unusable::Error(not_opened(path, &error)))?;
    }
    check_format(&database, path)?;
    Ok(database)
}

/// Makes an empty file that only its owner can read, if there is none. Says whether it did.
fn create_private(path: &Path) -> io::Result<bool> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn unusable(path: &Path, error: DatabaseError) -> Unusable {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Unusable::Error(StoreError::InUse(path.to_owned()))
        }
        DatabaseError::Storage(StorageError::Corrupted(reason)) => Unusable::Damaged(reason),
        // What redb says of a file that is no database, or is cut short.
        DatabaseError::Storage(StorageError::Io(error))
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            Unusable::Damaged(error.to_string())
        }
        other => Unusable::Error(not_opened(path, &other)),
    }
}

/// Another format is refused; a fresh database gets this one.
fn check_format(database: &Database, path: &Path) -> Result<(), Unusable> {
    let damaged = |error: tables::Failure| match *error {
        redb::Error::Corrupted(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_) => Unusable::Damaged(error.to_string()),
        _ => Unusable::Error(not_opened(path, &error)),
    };
    let found = read_format(database).map_err(damaged)?;
    match found.and_then(|found| StoreError::of_format(path, found)) {
        Some(refused) => Err(Unusable::Error(refused)),
        None => tables::write(database, |transaction| {
            tables::create_all(transaction)?;
            let mut numbers = transaction.open_table(NUMBERS).map_err(failure)?;
            tables::set_number(&mut numbers, "format", FORMAT)
        })
        .map_err(damaged),
    }
}

/// The format of a database; none if it is a fresh one.
pub(super) fn read_format(
    database: &impl ReadableDatabase,
) -> Result<Option<u64>, tables::Failure> {
    let transaction = database.begin_read().map_err(failure)?;
    let numbers = match transaction.open_table(NUMBERS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(redb::TableError::TableTypeMismatch { .. }) => return Ok(Some(OTHER_TYPES)),
        Err(error) => return Err(failure(error)),
    };
    tables::number(&numbers, "format").map(Some)
}

/// The damaged databases that are already there.
struct Aside {
    /// Oldest first: their names begin with a number of four digits.
    files: Vec<PathBuf>,
    highest: u64,
}

impl Aside {
    fn find(folder: &Path) -> Result<Self, StoreError> {
        let prefix = format!("{FILE}.damaged-");
        let mut numbered = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| not_opened(folder, &error))? {
            let entry = entry.map_err(|error| not_opened(folder, &error))?;
            let number = entry
                .file_name()
                .to_str()
                .and_then(|name| name.strip_prefix(&prefix)?.split('-').next()?.parse().ok());
            if let Some(number) = number {
                numbered.push((number, entry.path()));
            }
        }
        numbered.sort();
        Ok(Self {
            highest: numbered.last().map_or(0, |(number, _)| *number),
            files: numbered.into_iter().map(|(_, path)| path).collect(),
        })
    }

    /// Makes room for one more. A file that can't be removed only costs space.
    fn prune(&self) {
        let surplus = (self.files.len() + 1).saturating_sub(KEPT_ASIDE);
        for path in self.files.iter().take(surplus) {
            let _ = fs::remove_file(path);
        }
    }
}

/// `20261123T112529Z`: no character that a file name forbids anywhere.
fn date(now: Timestamp) -> String {
    i64::try_from(now.as_ms())
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(
            || now.as_ms().to_string(),
            |time| time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        )
}

/// A new name in a folder is durable only after the folder itself is written.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Windows writes names through and can't open a folder like a file.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn not_opened(path: &Path, reason: &impl ToString) -> StoreError {
    StoreError::NotOpened {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
