//! The one thread that writes.

use bailiwick_core::{
    chain::Proof,
    ids::{DeviceId, PluginName},
    time::Timestamp,
};
use bailiwick_report::{
    receiver::{Stream, Verdict},
    wire::{Envelope, Limits, Report},
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    Answer, PostError, Way, derived,
    files::{self, IncomingFile},
    logs,
    retention::{self, Before},
};

/// Most posts in one commit: one wait for the disk serves all of them.
const BATCH: usize = 128;

/// Most bytes of a report once decompressed, and of its rows. Four times what a plugin's
/// output limit is in practice; it stops a small report from taking the console's memory.
pub(super) const LIMITS: Limits = Limits {
    body: 32 * 1024 * 1024,
    rows: 32 * 1024 * 1024,
};

/// What is to be written.
#[derive(Debug)]
pub(super) enum Write {
    Report {
        way: Way,
        key: String,
        body: Vec<u8>,
        received: Timestamp,
    },
    Events {
        way: Way,
        key: String,
        sha256: String,
        events: Vec<IncomingEvent>,
        received: Timestamp,
    },
    /// Forgets a part of what is too old.
    Forget(Before),
    File {
        file: IncomingFile,
        received: Timestamp,
    },
    /// What an operator calls a device; none gives its own name back.
    Label {
        device: DeviceId,
        label: Option<String>,
    },
}

/// An event that was checked.
#[derive(Debug)]
pub(crate) struct IncomingEvent {
    pub(crate) device: DeviceId,
    pub(crate) at: Timestamp,
    pub(crate) plugin: Option<PluginName>,
    pub(crate) event: String,
    pub(crate) words: String,
    pub(crate) body: String,
    /// What it proves of the device's log.
    pub(crate) log: Option<Proof>,
}

/// A write and where its answer goes.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) write: Write,
    pub(super) answer: oneshot::Sender<Result<Answer, PostError>>,
}

/// Why a write is not in its transaction.
pub(super) enum WriteError {
    /// The post is at fault; nothing was written for it.
    Refused(String),
    /// The database is; the whole transaction is given up.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Writes what comes until every sender is gone. Answers leave after the commit.
pub(super) fn run(mut connection: Connection, mut queue: mpsc::Receiver<Command>) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(command) = queue.try_recv()
        {
            batch.push(command);
        }
        let writes = batch.iter().map(|command| &command.write);
        let answers = match commit(&mut connection, writes) {
            Ok(answers) => answers,
            // One of them may be what the database refuses: the others don't wait for it.
            Err(_) if batch.len() > 1 => batch
                .iter()
                .map(|command| alone(&mut connection, &command.write))
                .collect(),
            Err(error) => vec![Err(unavailable(&error))],
        };
        for (command, answer) in batch.into_iter().zip(answers) {
            // A device that hung up sends the same post again and gets this answer then.
            let _ = command.answer.send(answer);
        }
    }
}

fn alone(connection: &mut Connection, write: &Write) -> Result<Answer, PostError> {
    match commit(connection, std::iter::once(write)) {
        Ok(answers) => answers
            .into_iter()
            .next()
            .unwrap_or_else(|| Err(PostError::Unavailable("nothing was written".to_owned()))),
        Err(error) => Err(unavailable(&error)),
    }
}

fn unavailable(error: &rusqlite::Error) -> PostError {
    eprintln!("bailiwick-console: a post was not stored: {error}");
    PostError::Unavailable("the console's database can't be written".to_owned())
}

fn commit<'a>(
    connection: &mut Connection,
    writes: impl Iterator<Item = &'a Write>,
) -> rusqlite::Result<Vec<Result<Answer, PostError>>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut answers = Vec::new();
    for write in writes {
        let written = match write {
            Write::Report {
                way,
                key,
                body,
                received,
            } => report(&transaction, *way, (key, body), *received),
            Write::Events {
                way,
                key,
                sha256,
                events,
                received,
            } => self::events(&transaction, *way, (key, sha256), events, *received),
            Write::Forget(before) => retention::forget(&transaction, before)
                .map(|()| Answer::Stored)
                .map_err(WriteError::from),
            Write::File { file, received } => files::store(&transaction, file, *received),
            Write::Label { device, label } => self::label(&transaction, *device, label.as_deref()),
        };
        answers.push(match written {
            Ok(answer) => Ok(answer),
            Err(WriteError::Refused(reason)) => Err(PostError::Refused(reason)),
            Err(WriteError::Database(error)) => return Err(error),
        });
    }
    transaction.commit()?;
    Ok(answers)
}

pub(super) fn other_post(key: &str) -> WriteError {
    WriteError::Refused(format!(
        "the idempotency key {key} was used for another post: every post needs its own"
    ))
}

fn report(
    transaction: &Transaction<'_>,
    way: Way,
    (key, body): (&str, &[u8]),
    received: Timestamp,
) -> Result<Answer, WriteError> {
    let known = transaction
        .prepare_cached("SELECT body = ?2, answer FROM reports WHERE key = ?1")?
        .query_row(params![key, body], |row| {
            Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    match known {
        Some((false, _)) => return Err(other_post(key)),
        Some((true, answer)) if answer == Answer::Stored.as_str() => return Ok(Answer::Stored),
        Some((true, _)) => return Ok(Answer::NeedFull),
        None => {}
    }
    match retention::spent(transaction, key, body)? {
        Some(None) => return Err(other_post(key)),
        Some(Some(answer)) if answer == Answer::Stored.as_str() => return Ok(Answer::Stored),
        Some(Some(_)) => return Ok(Answer::NeedFull),
        None => {}
    }
    let refuse = |error: &dyn ToString| WriteError::Refused(error.to_string());
    let parsed = Report::parse(body, LIMITS).map_err(|error| refuse(&error))?;
    let origin = &parsed.envelope().origin;
    let device = DeviceId::from_bytes(*origin.device()).to_string();
    let stream = stream(transaction, &device, origin.plugin())?;
    let verdict = Stream::accept(stream.as_ref(), &parsed).map_err(|error| refuse(&error))?;
    let answer = match &verdict {
        Verdict::Duplicate if is_here(transaction, &device, parsed.envelope())? => {
            return Ok(Answer::Stored);
        }
        // Later ones overtook it. What they say of the device stays.
        Verdict::Duplicate => Answer::Stored,
        Verdict::NeedFull(_) => Answer::NeedFull,
        Verdict::Accepted(accepted) => {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO streams (device, plugin, state) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![device, origin.plugin(), accepted.stream.to_bytes()])?;
            Answer::Stored
        }
    };
    insert(transaction, key, body, received, parsed.envelope(), answer)?;
    if let Verdict::Accepted(accepted) = &verdict {
        let stored = derived::Report {
            id: transaction.last_insert_rowid(),
            device: &device,
            way: Some(way),
            received_ms: whole(received.as_ms())?,
            bytes: whole(body.len() as u64)?,
            envelope: parsed.envelope(),
        };
        derived::report(transaction, &stored, stream.as_ref(), accepted)?;
    }
    Ok(answer)
}

/// Whether a report is among the last ones of its plugin, under whichever key. How many are
/// looked at is bounded, for a device may ask for it as often as it posts.
fn is_here(
    transaction: &Transaction<'_>,
    device: &str,
    envelope: &Envelope,
) -> Result<bool, WriteError> {
    let found = transaction
        .prepare_cached(
            "SELECT 1 FROM (
                SELECT epoch, counter FROM reports WHERE device = ?1 AND plugin = ?2
                ORDER BY id DESC LIMIT 5000)
             WHERE epoch = ?3 AND counter = ?4",
        )?
        .exists(params![
            device,
            envelope.origin.plugin(),
            format!("{:016x}", envelope.epoch),
            whole(envelope.counter)?,
        ])?;
    Ok(found)
}

/// What is known of a plugin on a device. A state that can't be read is as good as none:
/// a full report replaces it.
fn stream(
    transaction: &Transaction<'_>,
    device: &str,
    plugin: &str,
) -> rusqlite::Result<Option<Stream>> {
    let bytes: Option<Vec<u8>> = transaction
        .prepare_cached("SELECT state FROM streams WHERE device = ?1 AND plugin = ?2")?
        .query_row(params![device, plugin], |row| row.get(0))
        .optional()?;
    Ok(bytes.and_then(|bytes| match Stream::from_bytes(&bytes) {
        Ok(stream) => Some(stream),
        Err(error) => {
            eprintln!(
                "bailiwick-console: {plugin} on {device}: {error}; a full report is asked for"
            );
            None
        }
    }))
}

fn insert(
    transaction: &Transaction<'_>,
    key: &str,
    body: &[u8],
    received: Timestamp,
    envelope: &Envelope,
    answer: Answer,
) -> Result<(), WriteError> {
    let kind = if envelope.is_full() {
        "full"
    } else {
        "differential"
    };
    transaction
        .prepare_cached(
            "INSERT INTO reports (key, received_ms, device, plugin, version, taken_ms, kind,
             epoch, counter, answer, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            key,
            whole(received.as_ms())?,
            DeviceId::from_bytes(*envelope.origin.device()).to_string(),
            envelope.origin.plugin(),
            envelope.origin.version(),
            whole(envelope.taken_at)?,
            kind,
            format!("{:016x}", envelope.epoch),
            whole(envelope.counter)?,
            answer.as_str(),
            body,
        ])?;
    Ok(())
}

fn events(
    transaction: &Transaction<'_>,
    way: Way,
    (key, sha256): (&str, &str),
    events: &[IncomingEvent],
    received: Timestamp,
) -> Result<Answer, WriteError> {
    let known: Option<String> = transaction
        .prepare_cached("SELECT sha256 FROM event_posts WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    match known {
        Some(known) if known == sha256 => return Ok(Answer::Stored),
        Some(_) => return Err(other_post(key)),
        None => {}
    }
    // Checked before anything is written: a refusal leaves nothing behind.
    let times = events
        .iter()
        .map(|event| whole(event.at.as_ms()))
        .collect::<Result<Vec<_>, _>>()?;
    transaction
        .prepare_cached("INSERT INTO event_posts (key, sha256, received_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![key, sha256, whole(received.as_ms())?])?;
    let received_ms = whole(received.as_ms())?;
    for (event, at_ms) in events.iter().zip(times) {
        let device = event.device.to_string();
        let row = Row {
            device: &device,
            way,
            plugin: event.plugin.as_ref().map(PluginName::as_str),
            event: &event.event,
            words: &event.words,
            body: &event.body,
            at_ms,
            received_ms,
        };
        insert_event(transaction, &row)?;
        let Some(proof) = &event.log else { continue };
        if let Some(told) = logs::follow(transaction, event.device, proof, received_ms)? {
            let row = Row {
                plugin: None,
                event: logs::PARTED,
                words: &told.words,
                body: &told.body,
                at_ms: received_ms,
                ..row
            };
            insert_event(transaction, &row)?;
        }
    }
    Ok(Answer::Stored)
}

/// One event, as it is stored.
struct Row<'a> {
    device: &'a str,
    way: Way,
    plugin: Option<&'a str>,
    event: &'a str,
    words: &'a str,
    body: &'a str,
    at_ms: i64,
    received_ms: i64,
}

fn insert_event(transaction: &Transaction<'_>, row: &Row<'_>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO events (received_ms, at_ms, device, plugin, event, words, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            row.received_ms,
            row.at_ms,
            row.device,
            row.plugin,
            row.event,
            row.words,
            row.body,
        ])?;
    derived::event(
        transaction,
        &derived::Event {
            id: transaction.last_insert_rowid(),
            device: row.device,
            way: Some(row.way),
            plugin: row.plugin,
            event: row.event,
            at_ms: row.at_ms,
            received_ms: row.received_ms,
            body: row.body,
        },
    )
}

fn label(
    transaction: &Transaction<'_>,
    device: DeviceId,
    label: Option<&str>,
) -> Result<Answer, WriteError> {
    if derived::label(transaction, device, label)? {
        Ok(Answer::Stored)
    } else {
        Err(WriteError::Refused(format!(
            "there is no device {device} here: it is listed once it has reported"
        )))
    }
}

/// SQLite's integers are signed.
pub(super) fn whole(number: u64) -> Result<i64, WriteError> {
    i64::try_from(number)
        .map_err(|_| WriteError::Refused(format!("the number {number} is too large to be stored")))
}
