//! What waits to be sent, and what was sent lately.

use bailiwick_core::time::Timestamp;
use redb::ReadableDatabase;
use serde::{Deserialize, Serialize};

use super::decode::Decoder;
use bailiwick_store::{Confirmed, Lane, LookError, OutboxFigures, Sent, Waiting, look};

/// Entries of each list, unless another number is asked for.
pub(crate) const FEW: u32 = 20;
/// Bytes of decoded content of one answer: it stays below the longest message.
const CONTENT: usize = 5 * 1024 * 1024;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct OutboxQuery {
    /// What is in it, too.
    pub(crate) decoded: bool,
    /// At most so many of each list: the next that are sent, and the last that were.
    pub(crate) at_most: u32,
    /// Only what has this idempotency key.
    pub(crate) key: Option<String>,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct OutboxReport {
    /// How much waits.
    pub(crate) figures: OutboxFigures,
    /// What waits, in the order of sending.
    pub(crate) waiting: Vec<Entry>,
    /// What was sent, the oldest first.
    pub(crate) sent: Vec<Entry>,
    /// What the console failed at while it took everything else, the oldest first.
    #[serde(default)]
    pub(crate) given_up: Vec<Entry>,
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Entry {
    /// What it is, in words.
    pub(crate) what: String,
    /// Its idempotency key, under which the console has it.
    pub(crate) key: String,
    /// When it was made.
    pub(crate) made: Timestamp,
    /// Its size as it is sent.
    pub(crate) bytes: u64,
    /// When it was settled; none if it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settled: Option<Timestamp>,
    /// How it was settled; none if it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confirmed: Option<Confirmed>,
    /// What is in it, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<Content>,
}

/// What is in something that is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Content {
    /// For a person.
    Text(String),
    /// It can't be told, and why.
    Unknown(String),
}

impl OutboxReport {
    /// Reads what `query` asks for.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn read(
        database: &impl ReadableDatabase,
        query: &OutboxQuery,
    ) -> Result<Self, LookError> {
        let most = usize::try_from(query.at_most).unwrap_or(usize::MAX);
        let asked_for = |key: &str| query.key.as_deref().is_none_or(|wanted| wanted == key);
        let mut waiting = Vec::new();
        for lane in Lane::ALL {
            // One that is sought by its key may be anywhere.
            let most = if query.key.is_some() {
                usize::MAX
            } else {
                most - waiting.len()
            };
            let found = look::waiting(database, lane, most, |key| asked_for(key))?;
            waiting.extend(found);
        }
        let mut sent = look::sent(database)?;
        sent.retain(|one| asked_for(&one.key));
        sent.drain(..sent.len().saturating_sub(most));
        let mut given_up = look::given_up(database)?;
        given_up.retain(|one| asked_for(&one.key));
        given_up.drain(..given_up.len().saturating_sub(most));
        let mut decoder = match query.decoded {
            true => Some(Decoder::new(database, &waiting, [&sent, &given_up])?),
            false => None,
        };
        let mut room = CONTENT;
        let mut content = |what, body: &[u8]| {
            let decoder = decoder.as_mut()?;
            Some(within(&mut room, decoder.decode(what, body)))
        };
        Ok(Self {
            figures: look::figures(database)?,
            waiting: waiting
                .iter()
                .map(|one| waits(one, content(&one.what, &one.body)))
                .collect(),
            sent: sent
                .iter()
                .map(|one| was_sent(one, content(&one.what, &one.body)))
                .collect(),
            given_up: given_up
                .iter()
                .map(|one| was_sent(one, content(&one.what, &one.body)))
                .collect(),
        })
    }
}

/// The content, if there is room for it.
fn within(room: &mut usize, content: Content) -> Content {
    let length = match &content {
        Content::Text(text) | Content::Unknown(text) => text.len(),
    };
    match room.checked_sub(length) {
        Some(left) => {
            *room = left;
            content
        }
        None => Content::Unknown(format!(
            "{length} bytes of text are too many for one answer beside the others: ask for it \
             with --key"
        )),
    }
}

fn waits(one: &Waiting, content: Option<Content>) -> Entry {
    Entry {
        what: one.what.to_string(),
        key: one.key.clone(),
        made: one.at,
        bytes: one.body.len() as u64,
        settled: None,
        confirmed: None,
        content,
    }
}

fn was_sent(one: &Sent, content: Option<Content>) -> Entry {
    Entry {
        what: one.what.to_string(),
        key: one.key.clone(),
        made: one.at,
        bytes: one.body.len() as u64,
        settled: Some(one.sent),
        confirmed: Some(one.confirmed.clone()),
        content,
    }
}
