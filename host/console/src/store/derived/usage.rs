//! What applications of a session used over time, from the files that its device sends.
//!
//! A file has every sample of every process; a page draws some dozens of columns. So a file
//! becomes a few pieces, each with the applications that count most in it and with the sum
//! of all; and every piece is added to its half hour, for charts of days. What is kept of a
//! file is bounded by the constants here, whatever is in it.

mod about;
mod pieces;
mod slices;

use rusqlite::{OptionalExtension as _, Transaction, params};

use pieces::{Piece, pieces};
use slices::{End, Slices};

pub(in super::super) const TABLES: &str = "
CREATE TABLE usage (
    device TEXT NOT NULL,
    session TEXT NOT NULL,
    grain TEXT NOT NULL CHECK (grain IN ('piece', 'half-hour')),
    from_ms INTEGER NOT NULL,
    application TEXT NOT NULL,
    ms INTEGER NOT NULL,
    cpu_us INTEGER NOT NULL,
    memory_kib_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (device, session, grain, from_ms, application)
) STRICT, WITHOUT ROWID;
CREATE TABLE usage_ends (
    device TEXT NOT NULL,
    session TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    times BLOB NOT NULL,
    PRIMARY KEY (device, session)
) STRICT, WITHOUT ROWID;
CREATE TABLE flawed_files (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    plugin TEXT NOT NULL,
    key TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX flawed_files_of_a_device ON flawed_files (device, id);
";

/// Length of what pieces are added to, in milliseconds.
const HALF_HOUR_MS: i64 = 30 * 60 * 1000;
/// Most applications that are told apart in one half hour.
const MOST_APPLICATIONS: i64 = 32;

/// Most files of a device that are told of because they could not be read, the last ones.
const MOST_FLAWED: i64 = 100;

/// A file as it was stored.
pub(in super::super) struct StoredFile<'a> {
    pub(in super::super) device: &'a str,
    pub(in super::super) plugin: &'a str,
    /// Its idempotency key.
    pub(in super::super) key: &'a str,
    pub(in super::super) received_ms: i64,
    pub(in super::super) bytes: &'a [u8],
}

/// Notes a file that was stored, once. One that can't be read is told of instead.
pub(in super::super) fn file(
    transaction: &Transaction<'_>,
    stored: &StoredFile<'_>,
) -> rusqlite::Result<()> {
    let mut lost = Ok(None);
    let read = Slices::read(stored.bytes, |session| {
        lost = end(transaction, stored.device, session);
        lost.as_mut().ok().and_then(Option::take)
    });
    lost?;
    match read {
        Ok(Some(slices)) => {
            add(transaction, stored.device, stored.received_ms, &slices)?;
            known(transaction, stored, &slices)
        }
        Ok(None) => Ok(()),
        Err(flaw) => flawed(transaction, stored, &flaw.to_string()),
    }
}

/// Where the last file of a session ended.
fn end(
    transaction: &Transaction<'_>,
    device: &str,
    session: &str,
) -> rusqlite::Result<Option<End>> {
    transaction
        .prepare_cached("SELECT at_ms, times FROM usage_ends WHERE device = ?1 AND session = ?2")?
        .query_row([device, session], |row| {
            let (at, times): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok(End::from_bytes(u64::try_from(at).unwrap_or(0), &times))
        })
        .optional()
}

/// Where it ends, for the next file; and what it says of its session itself.
fn known(
    transaction: &Transaction<'_>,
    stored: &StoredFile<'_>,
    slices: &Slices,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO usage_ends (device, session, at_ms, times)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            stored.device,
            slices.session,
            whole(slices.end.at),
            slices.end.to_bytes(),
        ])?;
    let about = &slices.about;
    if !about.is_empty() {
        transaction
            .prepare_cached(
                "UPDATE sessions SET user_name = coalesce(?3, user_name),
                    client = coalesce(?4, client), place = coalesce(?5, place)
                 WHERE device = ?1 AND session = ?2",
            )?
            .execute(params![
                stored.device,
                slices.session,
                about.user_name,
                about.client,
                about.place
            ])?;
    }
    Ok(())
}

fn flawed(
    transaction: &Transaction<'_>,
    stored: &StoredFile<'_>,
    reason: &str,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO flawed_files (device, plugin, key, received_ms, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            stored.device,
            stored.plugin,
            stored.key,
            stored.received_ms,
            reason
        ])?;
    transaction
        .prepare_cached(
            "DELETE FROM flawed_files WHERE device = ?1 AND id <= (
                SELECT id FROM flawed_files WHERE device = ?1
                ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![stored.device, MOST_FLAWED])?;
    Ok(())
}

/// Adds what a file says of one session.
fn add(
    transaction: &Transaction<'_>,
    device: &str,
    received_ms: i64,
    slices: &Slices,
) -> rusqlite::Result<()> {
    for piece in pieces(&slices.slices) {
        let of = |grain, from_ms| Row {
            device,
            session: &slices.session,
            grain,
            from_ms,
            ms: piece.to_ms - piece.from_ms,
            received_ms,
        };
        let middle = piece.from_ms + (piece.to_ms - piece.from_ms) / 2;
        let half_hour = middle.div_euclid(HALF_HOUR_MS) * HALF_HOUR_MS;
        for row in [of("piece", piece.from_ms), of("half-hour", half_hour)] {
            row.add(transaction, &piece)?;
        }
    }
    Ok(())
}

struct Row<'a> {
    device: &'a str,
    session: &'a str,
    grain: &'a str,
    from_ms: i64,
    ms: i64,
    received_ms: i64,
}

impl Row<'_> {
    /// The sum of all applications has no name.
    fn add(&self, transaction: &Transaction<'_>, piece: &Piece) -> rusqlite::Result<()> {
        let mut add = transaction.prepare_cached(
            "INSERT INTO usage
                (device, session, grain, from_ms, application, ms, cpu_us, memory_kib_ms,
                received_ms)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?10
             WHERE ?5 = '' OR ?9 > (
                SELECT count(*) FROM usage WHERE device = ?1 AND session = ?2 AND grain = ?3
                    AND from_ms = ?4 AND application NOT IN ('', ?5))
             ON CONFLICT DO UPDATE SET ms = ms + ?6, cpu_us = cpu_us + ?7,
                memory_kib_ms = memory_kib_ms + ?8, received_ms = ?10",
        )?;
        let all = piece.applications.iter();
        let all = all.map(|(name, load)| (name.as_str(), load));
        for (application, load) in std::iter::once(("", &piece.total)).chain(all) {
            add.execute(params![
                self.device,
                self.session,
                self.grain,
                self.from_ms,
                application,
                self.ms,
                whole(load.cpu_us),
                whole(load.memory_kib_ms),
                MOST_APPLICATIONS,
                self.received_ms,
            ])?;
        }
        Ok(())
    }
}

fn whole(number: u64) -> i64 {
    // Sums of some thousands of them still fit.
    i64::try_from(number).unwrap_or(i64::MAX).min(1 << 50)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rusqlite::Connection;

    use super::{
        super::sessions,
        about::About,
        slices::{Load, Slice},
        *,
    };

    fn slices(from_ms: i64, applications: &[(&str, u64)]) -> Slices {
        let load = |cpu_us| Load {
            cpu_us,
            memory_kib_ms: 10,
        };
        let applications: BTreeMap<String, Load> = applications
            .iter()
            .map(|(name, cpu_us)| ((*name).to_owned(), load(*cpu_us)))
            .collect();
        Slices {
            session: "7#1".to_owned(),
            about: About::default(),
            end: End::default(),
            slices: vec![Slice {
                from_ms,
                to_ms: from_ms + 5_000,
                applications,
            }],
        }
    }

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection
    }

    #[test]
    fn a_session_is_told_from_where_it_is_used_and_keeps_it() {
        let mut connection = database();
        let transaction = connection.transaction().unwrap();
        for tables in [sessions::TABLES, sessions::PLACES] {
            transaction.execute_batch(tables).unwrap();
        }
        let opened = "INSERT INTO sessions
            (device, session, user, opened_ms, told_ms, received_ms)
            VALUES ('d', '7#1', 'u-1', 1, 1, 1)";
        transaction.execute(opened, []).unwrap();
        let stored = StoredFile {
            device: "d",
            plugin: "session-analyzer",
            key: "k",
            received_ms: 1,
            bytes: &[],
        };
        let text = |text: &str| Some(text.to_owned());
        let about = |client, place| Slices {
            about: About {
                client,
                place,
                ..About::default()
            },
            ..slices(0, &[])
        };
        known(&transaction, &stored, &about(text("desk"), text("pts/1"))).unwrap();
        known(&transaction, &stored, &about(None, text("pts/2"))).unwrap();
        known(&transaction, &stored, &about(None, None)).unwrap();
        let told: [Option<String>; 3] = transaction
            .query_row("SELECT user_name, client, place FROM sessions", [], |row| {
                Ok([row.get(0)?, row.get(1)?, row.get(2)?])
            })
            .unwrap();
        assert_eq!(told, [None, text("desk"), text("pts/2")]);
    }

    fn sum(connection: &Connection, grain: &str, application: &str) -> (i64, i64, i64) {
        connection
            .query_row(
                "SELECT count(*), total(ms), total(cpu_us) FROM usage
                 WHERE grain = ?1 AND application = ?2",
                [grain, application],
                |row| {
                    Ok((
                        row.get(0)?,
                        row.get::<_, f64>(1)? as i64,
                        row.get::<_, f64>(2)? as i64,
                    ))
                },
            )
            .unwrap()
    }

    #[test]
    fn pieces_are_kept_and_added_to_their_half_hour() {
        let mut connection = database();
        let transaction = connection.transaction().unwrap();
        for number in 0..10 {
            let from = number * 300_000;
            let name = if number == 3 { "vim" } else { "firefox" };
            add(&transaction, "d", 9, &slices(from, &[(name, 7)])).unwrap();
        }
        transaction.commit().unwrap();
        assert_eq!(sum(&connection, "piece", ""), (10, 50_000, 70));
        assert_eq!(sum(&connection, "half-hour", ""), (2, 50_000, 70));
        assert_eq!(sum(&connection, "half-hour", "firefox"), (2, 45_000, 63));
        assert_eq!(sum(&connection, "half-hour", "vim"), (1, 5_000, 7));
    }

    #[test]
    fn however_many_applications_there_are_a_half_hour_is_bounded_and_its_sum_whole() {
        let mut connection = database();
        let transaction = connection.transaction().unwrap();
        for number in 0..100 {
            let name = format!("app-{number}");
            add(&transaction, "d", 9, &slices(number * 5_000, &[(&name, 1)])).unwrap();
        }
        add(&transaction, "d", 9, &slices(600_000, &[("app-0", 1)])).unwrap();
        transaction.commit().unwrap();
        assert_eq!(sum(&connection, "half-hour", "").2, 101);
        assert_eq!(sum(&connection, "half-hour", "app-0").2, 2);
        let rows: i64 = connection
            .query_row(
                "SELECT count(*) FROM usage WHERE grain = 'half-hour'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(rows, 1 + MOST_APPLICATIONS);
    }

    #[test]
    fn a_file_that_can_not_be_read_is_told_of_and_the_last_ones_are_kept() {
        let mut connection = database();
        let transaction = connection.transaction().unwrap();
        for number in 0..MOST_FLAWED + 20 {
            let stored = StoredFile {
                device: "d",
                plugin: "session-analyzer",
                key: &number.to_string(),
                received_ms: number,
                bytes: b"no file",
            };
            file(&transaction, &stored).unwrap();
        }
        transaction.commit().unwrap();
        let told: (i64, i64, String) = connection
            .query_row(
                "SELECT count(*), max(received_ms), max(reason) FROM flawed_files",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        assert_eq!((told.0, told.1), (MOST_FLAWED, MOST_FLAWED + 19));
        assert!(told.2.contains("BWC"), "{told:?}");
    }
}
