//! What a receiver says of a post, over HTTPS and over MQTT.

use bailiwick_core::{bytes::ByteCount, sending::Blame};
use reqwest::Response;

use crate::{Receipt, SendError};

/// The receiver's own form. A captive page or a proxy has none.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Answer {
    pub(crate) result: String,
    #[serde(default)]
    pub(crate) reason: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut answer: Self = serde_json::from_slice(bytes).ok()?;
        // It reaches logs and the screen of an administrator.
        answer.reason = printable(&answer.reason, 500);
        answer.result = printable(&answer.result, 40);
        Some(answer)
    }

    /// What it means where nothing else, like a status, speaks too.
    pub(crate) fn meaning(self) -> Result<Receipt, SendError> {
        match self.result.as_str() {
            "stored" => Ok(Receipt::Stored),
            "need-full" => Ok(Receipt::NeedFull),
            "refused" => Err(SendError::Refused {
                reason: self.reason,
            }),
            other => Err(SendError::Retry {
                after: None,
                blame: Blame::PerhapsThis,
                reason: format!("the receipt says `{other}`: {}", self.reason),
            }),
        }
    }
}

/// The body of an answer, if it arrives whole and is short.
pub(crate) async fn bytes(mut response: Response, at_most: ByteCount) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if (bytes.len() + chunk.len()) as u64 > at_most.get() {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(bytes)
}

fn printable(text: &str, at_most: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(at_most)
        .collect()
}
