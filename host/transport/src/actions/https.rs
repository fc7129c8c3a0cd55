//! Actions over HTTPS: devices ask for theirs and post what became of them; operators hand
//! envelopes in.

use std::time::Duration;

use bailiwick_core::{bytes::ByteCount, ids::DeviceId, sending::Blame};
use reqwest::{StatusCode, Url};

use crate::{Address, Https, Receipt, SendError, answer, cause, reports::Ingest, retry_after};

/// The receiver answers within this if there are no actions; see [`Inbox::next`].
const PATIENCE: Duration = Duration::from_secs(45);
/// Longest answer that is read: a few envelopes.
const ANSWER: ByteCount = ByteCount::mib(1);

/// Where a device asks for its actions.
#[derive(Clone, Debug)]
pub struct Inbox {
    https: Https,
    url: Url,
}

/// The receiver's own form.
#[derive(serde::Deserialize)]
struct Actions {
    actions: Vec<String>,
}

impl Inbox {
    /// Asks the orchestration layer at `address`, `v1/actions/<device>` beneath it.
    pub fn new(https: &Https, address: &Address, device: &DeviceId) -> Self {
        Self {
            https: https.clone(),
            url: address.append(&format!("v1/actions/{device}")),
        }
    }

    /// The envelopes that wait for the device, as they are: nothing in them was checked.
    /// They come again until their outcomes have arrived. Where there are none the answer
    /// takes up to 25 s, and comes at once when there is one.
    ///
    /// # Errors
    /// [`SendError::Retry`]: nobody answered, or not in the receiver's form.
    pub async fn next(&self) -> Result<Vec<Vec<u8>>, SendError> {
        let url = &self.url;
        let retry = |after, reason| SendError::Retry {
            after,
            blame: Blame::Everything,
            reason,
        };
        let request = self.https.0.get(url.clone());
        let response = request.timeout(PATIENCE).send().await;
        let response = response.map_err(|error| {
            retry(
                None,
                format!("{url} can't be reached: {}", cause::words(&error)),
            )
        })?;
        let (status, after) = (response.status(), retry_after::wait(response.headers()));
        let body = answer::bytes(response, ANSWER).await;
        let actions = body.and_then(|body| serde_json::from_slice::<Actions>(&body).ok());
        match (status, actions) {
            (StatusCode::OK, Some(found)) => {
                let envelopes = found.actions.into_iter();
                Ok(envelopes.map(String::into_bytes).collect())
            }
            (status, _) => Err(retry(
                after,
                format!("{url} answered {} without actions", status.as_u16()),
            )),
        }
    }
}

/// Where outcomes, and an operator's envelopes, are handed in.
#[derive(Clone, Debug)]
pub struct Outbound(Ingest);

impl Outbound {
    /// Outcomes of a device go to `v1/outcomes` beneath `address`.
    pub fn outcomes(https: &Https, address: &Address) -> Self {
        let kind = "application/json";
        Self(Ingest::new(https, address, "v1/outcomes", kind))
    }

    /// Envelopes of an operator go to `v1/actions` beneath `address`.
    pub fn envelopes(https: &Https, address: &Address) -> Self {
        let kind = "application/vnd.bailiwick.action";
        Self(Ingest::new(https, address, "v1/actions", kind))
    }

    /// Hands one in. The same key goes with the same bytes in every attempt.
    ///
    /// # Errors
    /// As [`crate::Reports::send`].
    pub async fn send(&self, key: &str, body: Vec<u8>) -> Result<Receipt, SendError> {
        self.0.post(key, &[], body).await
    }
}
