//! Packages of rpm, from its database: SQLite since 2020 (Fedora 33, Enterprise Linux 9),
//! or rpm's own format, ndb (SUSE). Both are read only, as of the last commit, without a
//! lock: what changes meanwhile is read once more.
//!
//! Berkeley DB, which rpm wrote before (Enterprise Linux 8), is not read. It is told of in
//! the log.

mod header;
mod ndb;
mod pages;
mod parts;
mod sqlite;
mod wal;

use bailiwick_sdk::files::{self, Metadata};

use crate::source::Source;
pub(crate) use header::Package;
use pages::Pages;
use parts::{DeviceFile, Fault, Parts};
use wal::Log;

/// Where the database is: the second is a link to the first where there are both.
const FOLDERS: [&str; 2] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];

/// Most packages that are reported: what a plugin's memory certainly holds.
const MOST_PACKAGES: usize = 20_000;

/// rpm keeps each key that it trusts as a package of this name.
const KEY: &str = "gpg-pubkey";

/// The installed packages, in the order in which they were installed. What can't be read
/// is left out and told of.
pub(crate) fn packages(source: &mut Source) -> Vec<Package> {
    for folder in FOLDERS {
        let entries = source.list(folder);
        let has = |name: &str| entries.iter().any(|entry| entry.name == name);
        let path = |name: &str| [folder, "/", name].concat();
        if has("rpmdb.sqlite") {
            return steady(source, &path("rpmdb.sqlite"), read_sqlite);
        }
        if has("Packages.db") {
            return steady(source, &path("Packages.db"), read_ndb);
        }
        if has("Packages") {
            source.tell(&path("Packages"), "Berkeley DB is not read");
            return Vec::new();
        }
    }
    Vec::new()
}

/// What was read, and what kept the rest from being read.
#[derive(Debug, Default)]
struct Reading {
    packages: Vec<Package>,
    fault: Option<Fault>,
}

impl Reading {
    /// Adds what is to be added of one package. That one of them is damaged says nothing
    /// of the others.
    fn add(&mut self, package: Result<Package, Fault>) -> Result<(), Fault> {
        match package {
            Ok(package) if package.name == KEY => {}
            Ok(_) if self.packages.len() >= MOST_PACKAGES => return Err(Fault("too large")),
            Ok(package) => self.packages.push(package),
            Err(fault) => self.fault = self.fault.or(Some(fault)),
        }
        Ok(())
    }

    fn end(mut self, whole: Result<(), Fault>) -> Self {
        self.fault = whole.err().or(self.fault);
        self
    }
}

/// The packages of the database at `path`, as `read` finds them.
fn steady(source: &mut Source, path: &str, read: fn(&str) -> Reading) -> Vec<Package> {
    let reading = unchanged(|| state(path), || read(path));
    if let Some(Fault(why)) = reading.fault {
        source.tell(path, why);
    }
    reading.packages
}

/// Reads once more if `state` was another afterwards. If it changed again, the second
/// reading counts: the next collect corrects it.
fn unchanged<S: PartialEq>(
    mut state: impl FnMut() -> S,
    mut read: impl FnMut() -> Reading,
) -> Reading {
    let before = state();
    let reading = read();
    let between = state();
    if before == between {
        return reading;
    }
    let mut reading = read();
    if state() != between {
        reading.fault = reading.fault.or(Some(Fault("changed while it was read")));
    }
    reading
}

/// What tells that a database was changed: rpm writes to the log, and from there to the
/// database.
fn state(path: &str) -> [Option<Metadata>; 2] {
    [files::look(path).ok(), files::look(&log_of(path)).ok()]
}

fn log_of(path: &str) -> String {
    [path, "-wal"].concat()
}

fn read_sqlite(path: &str) -> Reading {
    let length = |path: &str| files::look(path).map_or(0, |found| found.size);
    let log = log_of(path);
    sqlite_packages(
        (DeviceFile(path.to_owned()), length(path)),
        (DeviceFile(log.clone()), length(&log)),
    )
}

/// The packages of an SQLite database and its log, each with its length.
fn sqlite_packages<P: Parts>(database: (P, u64), log: (P, u64)) -> Reading {
    let mut reading = Reading::default();
    let whole = (|| {
        let log = Log::read(log.0, log.1)?;
        let mut pages = Pages::open(database.0, database.1, log)?;
        let root = sqlite::table(&mut pages, "Packages")?;
        let root = root.ok_or(Fault("it has no table of packages"))?;
        sqlite::rows(&mut pages, root, &mut |row| {
            // The number of the package, and its header.
            let columns = sqlite::columns(row)?;
            let blob = match columns.as_slice() {
                [_, header] => header.blob(),
                _ => None,
            };
            let (offset, length) = blob.ok_or(Fault("its table of packages is another"))?;
            reading.add(header::package(row, offset, length))
        })
    })();
    reading.end(whole)
}

fn read_ndb(path: &str) -> Reading {
    ndb_packages(DeviceFile(path.to_owned()))
}

fn ndb_packages<P: Parts>(file: P) -> Reading {
    let mut reading = Reading::default();
    let whole = ndb::headers(file, &mut |blob| {
        let length = parts::Value::length(blob);
        reading.add(header::package(blob, 0, length))
    });
    reading.end(whole)
}

#[cfg(test)]
mod tests;
