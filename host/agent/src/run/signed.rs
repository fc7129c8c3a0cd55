//! Settings that the `policies` role signs: fetched with each refresh, kept for the starts
//! without a connection.

use bailiwick_core::{
    digest::Sha256,
    ports::Fetch,
    settings::{Layer, SIGNED_TARGET},
};
use bailiwick_delivery::{Delivery, TargetError};

use super::{activate, host::Host};
use bailiwick_store::{Store, StoreError};

/// Under which name the store keeps them.
const KEPT: &str = "signed-settings";

/// What a refresh found.
pub(crate) struct Signed {
    /// None if the repository signs no settings.
    pub(crate) text: Option<String>,
    /// What of the store of targets holds them.
    pub(crate) sha256: Option<Sha256>,
}

/// As last kept.
///
/// # Errors
/// The store failed.
pub(crate) async fn stored(store: &Store) -> Result<Option<String>, StoreError> {
    let kept = store.value(KEPT).await?;
    Ok(kept.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// The text of a target that only the `policies` role may sign.
///
/// # Errors
/// Another role signed it, or it is not text.
pub(crate) fn text(
    target: bailiwick_delivery::VerifiedTarget,
    name: &str,
) -> anyhow::Result<String> {
    activate::signed_by(&target, "policies", name)?;
    activate::text(target.bytes)
}

/// As the repository signs them now, kept if they can be used.
///
/// # Errors
/// They could not be fetched, are not signed by the role that may, or set what a signed
/// document may not: the last ones stay.
pub(crate) async fn fetch(
    host: &Host,
    delivery: &mut Delivery,
    fetch: &dyn Fetch,
) -> anyhow::Result<Signed> {
    let found = delivery
        .target(fetch, SIGNED_TARGET, host.clock.now())
        .await;
    let signed = match found {
        Err(TargetError::NotListed { .. }) => Signed {
            text: None,
            sha256: None,
        },
        Err(error) => return Err(error.into()),
        Ok(target) => {
            activate::signed_by(&target, "policies", SIGNED_TARGET)?;
            let text = activate::text(target.bytes)?;
            Layer::signed(&text)?;
            Signed {
                text: Some(text),
                sha256: Some(target.sha256),
            }
        }
    };
    if stored(&host.store).await? != signed.text {
        let bytes = signed.text.clone().map(String::into_bytes);
        host.store.set_value(KEPT, bytes).await?;
    }
    Ok(signed)
}
