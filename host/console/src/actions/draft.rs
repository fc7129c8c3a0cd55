//! An action that nobody has signed.

use std::time::Duration;

use bailiwick_core::{
    action::{ActionId, Audience, Document, DocumentFault, OperatorKey, Order},
    ids::PluginName,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// What an operator is to sign: all of a document but who signs it, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Draft {
    /// 1.
    pub(crate) draft: u32,
    pub(crate) id: ActionId,
    pub(crate) audience: Audience,
    pub(crate) handler: PluginName,
    pub(crate) order: Order,
    /// From the signature on, in seconds.
    pub(crate) expires_in_s: u64,
}

impl Draft {
    /// Checks the bounds of what will be signed.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), DocumentFault> {
        let nobody = OperatorKey::from_bytes([0; 32]);
        self.document(nobody, now).map(drop)
    }

    /// What is signed.
    pub(crate) fn document(
        &self,
        key: OperatorKey,
        now: Timestamp,
    ) -> Result<Document, DocumentFault> {
        Document::new(
            self.id,
            self.audience.clone(),
            self.handler.clone(),
            self.order.clone(),
            (now, now.after(Duration::from_secs(self.expires_in_s))),
            key,
        )
    }
}

/// A new id.
pub(crate) fn fresh_id() -> anyhow::Result<ActionId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(ActionId::from_bytes(bytes))
}
