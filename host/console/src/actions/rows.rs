//! The ledger as it is read.

use bailiwick_core::{
    action::{ActionId, Outcome},
    ids::DeviceId,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::{Draft, LedgerError};

/// Devices of one action that are listed.
const DEVICES: i64 = 1_000;

/// An action, and how it stands on each device.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) made_ms: i64,
    /// None if it is a draft.
    pub(crate) sent_ms: Option<i64>,
    pub(crate) handler: Option<String>,
    /// `run`, `cancel` or `rate`.
    pub(crate) verb: Option<String>,
    pub(crate) about: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) expires_ms: Option<i64>,
    #[serde(skip)]
    pub(crate) draft: Option<Draft>,
    pub(crate) devices: Vec<Told>,
}

/// What one device told, or owes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Told {
    pub(crate) device: String,
    pub(crate) outcome: Option<Outcome>,
    /// When it ended, by the device's clock.
    pub(crate) at_ms: Option<i64>,
    /// When this console heard of it, by its own clock.
    pub(crate) received_ms: Option<i64>,
    pub(crate) percent: Option<u8>,
    pub(crate) words: Option<String>,
}

impl Told {
    /// How it stands, for people.
    pub(crate) fn sentence(&self) -> String {
        match &self.outcome {
            Some(Outcome::Done { result }) => format!("done: {result}"),
            Some(Outcome::Failed { reason }) => format!("failed: {reason}"),
            Some(Outcome::Refused { reason }) => format!("refused: {reason}"),
            Some(Outcome::TimedOut) => "ran out of time".to_owned(),
            Some(Outcome::Cancelled) => "called off".to_owned(),
            Some(Outcome::Interrupted) => "interrupted: what it did is unknown".to_owned(),
            None => match (&self.words, self.percent) {
                (Some(words), Some(percent)) => format!("{percent} %: {words}"),
                (Some(words), None) => words.clone(),
                (None, _) => "nothing told yet".to_owned(),
            },
        }
    }
}

pub(super) fn list(
    connection: &Connection,
    device: Option<&DeviceId>,
    at_most: u32,
) -> Result<Vec<Listed>, LedgerError> {
    let device = device.map(ToString::to_string);
    let mut statement = connection.prepare_cached(
        "SELECT * FROM actions WHERE ?1 IS NULL OR for_group IS NOT NULL
         OR EXISTS (SELECT 1 FROM addressed WHERE device = ?1 AND action = id)
         OR EXISTS (SELECT 1 FROM told WHERE device = ?1 AND action = id)
         ORDER BY made_ms DESC, id LIMIT ?2",
    )?;
    let actions = statement.query_map(params![device, at_most], action)?;
    let mut actions: Vec<Listed> = actions.collect::<Result<_, _>>()?;
    for action in &mut actions {
        action.devices = devices(connection, &action.id)?;
    }
    Ok(actions)
}

pub(super) fn find(connection: &Connection, id: &ActionId) -> Result<Option<Listed>, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT * FROM actions WHERE id = ?1")?;
    let found = statement.query_row([id.to_string()], action).optional()?;
    let Some(mut found) = found else {
        return Ok(None);
    };
    found.devices = devices(connection, &found.id)?;
    Ok(Some(found))
}

fn action(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let draft: Option<String> = row.get("draft")?;
    Ok(Listed {
        id: row.get("id")?,
        made_ms: row.get("made_ms")?,
        sent_ms: row.get("sent_ms")?,
        handler: row.get("handler")?,
        verb: row.get("verb")?,
        about: row.get("about")?,
        key: row.get("key")?,
        group: row.get("for_group")?,
        expires_ms: row.get("expires_ms")?,
        draft: draft.and_then(|draft| serde_json::from_str(&draft).ok()),
        devices: Vec::new(),
    })
}

fn devices(connection: &Connection, action: &str) -> Result<Vec<Told>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT device, outcome, at_ms, received_ms, percent, words FROM (
            SELECT device FROM addressed WHERE action = ?1
            UNION SELECT device FROM told WHERE action = ?1
         ) LEFT JOIN (SELECT * FROM told WHERE action = ?1) USING (device)
         ORDER BY device LIMIT ?2",
    )?;
    let told = statement.query_map(params![action, DEVICES], |row| {
        let outcome: Option<String> = row.get(1)?;
        Ok(Told {
            device: row.get(0)?,
            outcome: outcome.and_then(|text| serde_json::from_str(&text).ok()),
            at_ms: row.get(2)?,
            received_ms: row.get(3)?,
            percent: row.get(4)?,
            words: row.get(5)?,
        })
    })?;
    Ok(told.collect::<Result<_, _>>()?)
}
