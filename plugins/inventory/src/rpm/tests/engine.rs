//! Databases that the real SQLite writes.

use rusqlite::Connection;

use super::*;

/// A database of packages in a folder of its own.
struct Database {
    folder: tempfile::TempDir,
    connection: Connection,
}

impl Database {
    fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("rpmdb.sqlite")).unwrap();
        connection.execute_batch(settings).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE Other (a TEXT);
                 CREATE INDEX Other_a ON Other (a);
                 CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL);",
            )
            .unwrap();
        Self { folder, connection }
    }

    fn add(&self, names: &[String], padding: impl Fn(usize) -> usize) {
        self.connection.execute_batch("BEGIN").unwrap();
        for (number, name) in names.iter().enumerate() {
            let header = header(name, padding(number));
            self.connection
                .execute("INSERT INTO Packages (blob) VALUES (?1)", [header])
                .unwrap();
        }
        self.connection.execute_batch("COMMIT").unwrap();
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap_or_default()
    }

    fn read(&self) -> Reading {
        let (file, log) = (self.file("rpmdb.sqlite"), self.file("rpmdb.sqlite-wal"));
        read(&file, &log)
    }
}

/// A database with rows on overflow pages and an interior page, and a log with commits in
/// it.
pub(super) fn with_log() -> (Vec<u8>, Vec<u8>) {
    let database = Database::new("PRAGMA page_size = 512; PRAGMA journal_mode = WAL;");
    database.add(&names("old", 20), |number| number * 97);
    checkpoint(&database);
    database.add(&names("new", 5), |number| number * 311);
    (
        database.file("rpmdb.sqlite"),
        database.file("rpmdb.sqlite-wal"),
    )
}

pub(super) fn read(file: &[u8], log: &[u8]) -> Reading {
    sqlite_packages((file, file.len() as u64), (log, log.len() as u64))
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}{number}"))
        .collect()
}

fn checkpoint(database: &Database) {
    database
        .connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
}

fn assert_packages(reading: &Reading, names: &[String]) {
    assert_eq!(reading.fault, None);
    let expected: Vec<Package> = names.iter().map(|name| expected(name)).collect();
    assert!(reading.packages == expected, "{reading:?}");
}

#[test]
fn every_page_size_and_every_length_of_a_row() {
    for size in [512, 1_024, 4_096, 65_536] {
        let database = Database::new(&format!("PRAGMA page_size = {size};"));
        // Around the lengths at which a row leaves its page, and of several pages.
        let names = names("p", 400);
        database.add(&names, |number| number * size / 100);
        assert_packages(&database.read(), &names);
    }
}

#[test]
fn a_tree_of_three_levels_keeps_its_order() {
    let database = Database::new("PRAGMA page_size = 512;");
    let names = names("package", 5_000);
    database.add(&names, |_| 0);
    assert_packages(&database.read(), &names);
}

#[test]
fn rows_that_were_removed_are_gone_and_their_pages_are_used_again() {
    let database = Database::new("PRAGMA page_size = 4096;");
    database.add(&names("a", 60), |number| number * 300);
    database
        .connection
        .execute_batch("DELETE FROM Packages WHERE hnum % 3 = 0")
        .unwrap();
    database.add(&names("b", 30), |number| 20_000 - number * 300);
    let kept = names("a", 60).into_iter().enumerate();
    let kept = kept
        .filter(|(number, _)| (number + 1) % 3 != 0)
        .map(|(_, name)| name);
    assert_packages(
        &database.read(),
        &kept.chain(names("b", 30)).collect::<Vec<_>>(),
    );
}

#[test]
fn what_was_committed_to_the_log_counts_and_what_was_not_does_not() {
    let database = Database::new("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;");
    // All is in the log yet: the database's own file is empty.
    assert_packages(&database.read(), &[]);
    database.add(&names("a", 40), |number| number * 500);
    assert_packages(&database.read(), &names("a", 40));
    checkpoint(&database);
    assert_eq!(database.file("rpmdb.sqlite-wal"), []);
    assert_packages(&database.read(), &names("a", 40));
    database
        .connection
        .execute_batch("DELETE FROM Packages WHERE hnum > 10")
        .unwrap();
    assert_packages(&database.read(), &names("a", 10));
    // So small a cache that pages of an open transaction are in the log.
    database
        .connection
        .execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; DELETE FROM Packages")
        .unwrap();
    let before = database.file("rpmdb.sqlite-wal").len();
    for name in names("b", 200) {
        let header = header(&name, 5_000);
        let insert = "INSERT INTO Packages (blob) VALUES (?1)";
        database.connection.execute(insert, [header]).unwrap();
    }
    assert!(database.file("rpmdb.sqlite-wal").len() > before);
    assert_packages(&database.read(), &names("a", 10));
    database.connection.execute_batch("COMMIT").unwrap();
    assert_packages(&database.read(), &names("b", 200));
}

#[test]
fn a_log_that_was_begun_again_counts_as_far_as_it_is_new() {
    let database = Database::new("PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = -1;");
    database.add(&names("a", 60), |_| 3_000);
    database
        .connection
        .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
        .unwrap();
    let length = database.file("rpmdb.sqlite-wal").len();
    database
        .connection
        .execute_batch("DELETE FROM Packages WHERE hnum = 1")
        .unwrap();
    assert_eq!(database.file("rpmdb.sqlite-wal").len(), length);
    assert_packages(&database.read(), &names("a", 60)[1..]);
}

#[test]
fn a_commit_that_is_not_whole_in_the_log_does_not_count() {
    let (file, log) = with_log();
    let all = [names("old", 20), names("new", 5)].concat();
    assert_packages(&read(&file, &log), &all);
    let mut torn = log.clone();
    *torn.last_mut().unwrap() ^= 1;
    for log in [&torn[..], &log[..log.len() - 1], &log[..40], &log[..7], &[]] {
        assert_packages(&read(&file, log), &names("old", 20));
    }
    let mut foreign = log;
    foreign[0] = 0;
    assert_packages(&read(&file, &foreign), &names("old", 20));
}

#[test]
fn what_is_no_database_of_packages_is_told_apart() {
    let (file, log) = with_log();
    let fault = |file: &[u8], log: &[u8]| read(file, log).fault.map(|Fault(why)| why);
    assert_eq!(fault(&[], &[]), Some("cut short"));
    assert_eq!(fault(&[0; 4_096], &[]), Some("it is no SQLite database"));
    let mut wide = file.clone();
    wide[59] = 2;
    assert_eq!(fault(&wide, &[]), Some("its text is not UTF-8"));
    let mut newer = file;
    newer[19] = 3;
    assert_eq!(fault(&newer, &[]), Some("it is of an unknown version"));
    assert!(!log.is_empty());
    let database = Database::new("");
    database
        .connection
        .execute_batch("DROP TABLE Packages")
        .unwrap();
    let found = database.read().fault;
    assert_eq!(found, Some(Fault("it has no table of packages")));
}
