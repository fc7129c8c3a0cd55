//! The ledger itself.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    action::{ActionId, Audience, Envelope, Order, Outcome},
    ids::DeviceId,
    time::Timestamp,
};
use bailiwick_transport::actions::{OutcomeMessage, ProgressMessage};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{
    Draft, LedgerError,
    rows::{self, Listed},
    schema,
};

/// Name of the database in the console's data folder.
const FILE: &str = "actions.sqlite";
/// A device that was away is asked until so long after an action's expiry: it answers with
/// what became of it, or that it is too late.
const ASKED: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Actions are kept for so long after they were drafted or sent.
const KEPT: Duration = Duration::from_secs(365 * 24 * 3_600);
/// Drafts and actions that are kept, the latest.
const MOST: i64 = 20_000;
/// Envelopes for one device at once, in bytes.
const AT_ONCE: usize = 512 * 1024;

/// An envelope that a device has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) action: ActionId,
    pub(crate) envelope: Vec<u8>,
}

/// Actions, and what devices tell of them.
pub(crate) struct Ledger(Mutex<Connection>);

impl Ledger {
    /// Opens the ledger of a console, and makes it if there is none.
    pub(crate) fn open(data: &Path) -> Result<Self, LedgerError> {
        schema::open(&data.join(FILE)).map(|connection| Self(Mutex::new(connection)))
    }

    /// Opens it beside `serve`, to be read alone.
    pub(crate) fn open_to_read(data: &Path) -> Result<Self, LedgerError> {
        schema::open_to_read(&data.join(FILE)).map(|connection| Self(Mutex::new(connection)))
    }

    /// Keeps a draft.
    pub(crate) fn draft(&self, draft: &Draft, now: Timestamp) -> Result<(), LedgerError> {
        let refused = |error: &dyn ToString| LedgerError::Refused(error.to_string());
        draft.check(now).map_err(|error| refused(&error))?;
        let text = serde_json::to_string(draft).map_err(|error| refused(&error))?;
        self.change(|transaction| {
            forget(transaction, now)?;
            transaction.execute(
                "INSERT INTO actions (id, made_ms, handler, verb, about, draft)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    draft.id.to_string(),
                    whole(now),
                    draft.handler.as_str(),
                    verb(&draft.order),
                    about(&draft.order),
                    text,
                ],
            )?;
            address(transaction, &draft.id, &draft.audience)?;
            Ok(())
        })
    }

    /// Takes a signed action in; the same once more changes nothing.
    pub(crate) fn take(&self, envelope: &Envelope, now: Timestamp) -> Result<(), LedgerError> {
        let document = envelope.document();
        let (id, bytes) = (document.id.to_string(), envelope.to_bytes());
        self.change(|transaction| {
            let known: Option<Option<Vec<u8>>> = transaction
                .prepare_cached("SELECT envelope FROM actions WHERE id = ?1")?
                .query_row([&id], |row| row.get(0))
                .optional()?;
            match known {
                Some(Some(known)) if known == bytes => return Ok(()),
                Some(Some(_)) => {
                    return Err(LedgerError::Refused(format!(
                        "the action {id} was signed in another form: draft a new one"
                    )));
                }
                Some(None) | None => {}
            }
            if document.expires <= now {
                return Err(LedgerError::Refused(
                    "it has expired: sign a new one".to_owned(),
                ));
            }
            forget(transaction, now)?;
            transaction.execute(
                "INSERT INTO actions (id, made_ms, sent_ms, handler, verb, about, key, expires_ms,
                 envelope) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (id) DO UPDATE SET sent_ms = ?2, handler = ?3, verb = ?4, about = ?5,
                 key = ?6, expires_ms = ?7, envelope = ?8, draft = NULL",
                params![
                    id,
                    whole(now),
                    document.handler.as_str(),
                    verb(&document.order),
                    about(&document.order),
                    document.key.to_string(),
                    whole(document.expires),
                    bytes,
                ],
            )?;
            transaction.execute("DELETE FROM addressed WHERE action = ?1", [&id])?;
            address(transaction, &document.id, &document.audience)?;
            Ok(())
        })
    }

    /// What waits for a device, oldest first, up to [`AT_ONCE`] bytes.
    pub(crate) fn pending(
        &self,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<Vec<Pending>, LedgerError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, envelope FROM actions WHERE envelope IS NOT NULL AND expires_ms > ?2
             AND (for_group IS NOT NULL
                  OR EXISTS (SELECT 1 FROM addressed WHERE device = ?1 AND action = id))
             AND NOT EXISTS (SELECT 1 FROM told
                  WHERE action = id AND device = ?1 AND outcome IS NOT NULL)
             ORDER BY sent_ms, id",
        )?;
        let mut rows = statement.query(params![device.to_string(), asked_since(now)])?;
        let (mut pending, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let envelope: Vec<u8> = row.get(1)?;
            bytes += envelope.len();
            if bytes > AT_ONCE && !pending.is_empty() {
                break;
            }
            if let Ok(action) = row.get::<_, String>(0)?.parse() {
                pending.push(Pending { action, envelope });
            }
        }
        Ok(pending)
    }

    /// Devices that are named and owe an outcome.
    pub(crate) fn awaited(&self, now: Timestamp) -> Result<Vec<DeviceId>, LedgerError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT DISTINCT device FROM addressed JOIN actions ON id = action
             WHERE envelope IS NOT NULL AND expires_ms > ?1
             AND NOT EXISTS (SELECT 1 FROM told WHERE told.action = addressed.action
                  AND told.device = addressed.device AND outcome IS NOT NULL)",
        )?;
        let devices = statement.query_map([asked_since(now)], |row| row.get::<_, String>(0))?;
        let devices: Vec<String> = devices.collect::<Result<_, _>>()?;
        Ok(devices.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Keeps what became of an action on a device. What ended stays as it ended; a refusal
    /// gives way to what became of it after all.
    pub(crate) fn outcome(
        &self,
        message: &OutcomeMessage,
        received: Timestamp,
    ) -> Result<(), LedgerError> {
        let text = serde_json::to_string(&message.outcome)
            .map_err(|error| LedgerError::Refused(error.to_string()))?;
        let refusal = matches!(message.outcome, Outcome::Refused { .. });
        self.change(|transaction| {
            known(transaction, &message.action, received)?;
            transaction.execute(
                "INSERT INTO told (action, device, at_ms, received_ms, outcome)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (action, device) DO UPDATE
                 SET at_ms = ?3, received_ms = ?4, outcome = ?5
                 WHERE outcome IS NULL
                    OR (NOT ?6 AND outcome ->> '$.ended' = 'refused')",
                params![
                    message.action.to_string(),
                    message.device.to_string(),
                    whole(message.at),
                    whole(received),
                    text,
                    refusal,
                ],
            )?;
            Ok(())
        })
    }

    /// Keeps the last word of a handler, of an action that this console knows.
    pub(crate) fn progress(
        &self,
        device: &DeviceId,
        action: &ActionId,
        message: &ProgressMessage,
    ) -> Result<(), LedgerError> {
        let words: String = message.progress.text.chars().take(256).collect();
        self.change(|transaction| {
            transaction.execute(
                "INSERT INTO told (action, device, progress_ms, percent, words)
                 SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM actions WHERE id = ?1)
                 ON CONFLICT (action, device) DO UPDATE
                 SET progress_ms = ?3, percent = ?4, words = ?5",
                params![
                    action.to_string(),
                    device.to_string(),
                    whole(message.at),
                    message.progress.percent,
                    words,
                ],
            )?;
            Ok(())
        })
    }

    /// The latest actions and drafts, newest first; of one device if it is named.
    pub(crate) fn list(
        &self,
        device: Option<&DeviceId>,
        at_most: u32,
    ) -> Result<Vec<Listed>, LedgerError> {
        rows::list(&self.lock(), device, at_most)
    }

    /// One action.
    pub(crate) fn find(&self, action: &ActionId) -> Result<Option<Listed>, LedgerError> {
        rows::find(&self.lock(), action)
    }

    fn change<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = work(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// A transaction that panicked was rolled back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(
    transaction: &Transaction<'_>,
    id: &ActionId,
    audience: &Audience,
) -> Result<(), LedgerError> {
    let id = id.to_string();
    match audience {
        Audience::Devices(devices) => {
            let mut insert = transaction
                .prepare_cached("INSERT INTO addressed (device, action) VALUES (?1, ?2)")?;
            for device in devices {
                insert.execute(params![device.to_string(), id])?;
            }
        }
        Audience::Group(group) => {
            transaction.execute(
                "UPDATE actions SET for_group = ?2 WHERE id = ?1",
                params![id, group.as_str()],
            )?;
        }
    }
    Ok(())
}

/// An action of which a device tells, and that came to it on another way than this console.
fn known(
    transaction: &Transaction<'_>,
    action: &ActionId,
    received: Timestamp,
) -> Result<(), LedgerError> {
    transaction.execute(
        "INSERT OR IGNORE INTO actions (id, made_ms) VALUES (?1, ?2)",
        params![action.to_string(), whole(received)],
    )?;
    Ok(())
}

/// Makes room for one more.
fn forget(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), LedgerError> {
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    transaction.execute(
        "DELETE FROM actions WHERE made_ms < ?1
         OR id IN (SELECT id FROM actions ORDER BY made_ms DESC LIMIT -1 OFFSET ?2)",
        params![whole(now).saturating_sub(kept), MOST - 1],
    )?;
    Ok(())
}

fn verb(order: &Order) -> &'static str {
    match order {
        Order::Run { .. } => "run",
        Order::Cancel { .. } => "cancel",
        Order::Rate { .. } => "rate",
    }
}

/// What it is about, in one line.
fn about(order: &Order) -> String {
    match order {
        Order::Run { arguments } => arguments.clone(),
        Order::Cancel { action } => action.to_string(),
        Order::Rate { every_ms, for_ms } => {
            format!("every {every_ms} ms for {} s", for_ms / 1_000)
        }
    }
}

fn asked_since(now: Timestamp) -> i64 {
    let asked = i64::try_from(ASKED.as_millis()).unwrap_or(i64::MAX);
    whole(now).saturating_sub(asked)
}

fn whole(time: Timestamp) -> i64 {
    i64::try_from(time.as_ms()).unwrap_or(i64::MAX)
}
