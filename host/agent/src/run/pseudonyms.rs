//! Digests under keys of this device, which stay in its store: a file that only the agent's
//! own user can read.

use aws_lc_rs::hmac;
use bailiwick_core::{
    policy::{Sensitive, pseudonym},
    ports::Pseudonyms,
};
use bailiwick_store::Store;

/// Under which name the store keeps the key.
const KEY: &str = "pseudonyms-key";

/// What plugins are given in place of values that their policies hash.
pub(super) struct Digests(hmac::Key);

impl Digests {
    /// Under the device's key, which is made at the agent's first start: an instance that wants
    /// a digest can't wait for the store.
    ///
    /// # Errors
    /// The store can't be read or written, or there is no randomness.
    pub(super) async fn open(store: &Store) -> anyhow::Result<Self> {
        Ok(Self(key(store, KEY).await?))
    }
}

impl Pseudonyms for Digests {
    fn digest(&self, field: Sensitive, value: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(field.name().as_bytes());
        // No name of a field holds it: so no two pairs are one text.
        context.update(&[0]);
        context.update(value.as_bytes());
        pseudonym(context.sign().as_ref())
    }
}

/// A key that the store keeps under this name, or a fresh one that it keeps from now on.
///
/// # Errors
/// The store can't be read or written, or there is no randomness.
pub(super) async fn key(store: &Store, name: &'static str) -> anyhow::Result<hmac::Key> {
    let kept = store.value(name).await?;
    let key = match kept.and_then(|key| <[u8; 32]>::try_from(key).ok()) {
        Some(key) => key,
        None => {
            let mut fresh = [0; 32];
            aws_lc_rs::rand::fill(&mut fresh)
                .map_err(|_| anyhow::anyhow!("the operating system gives no random bytes"))?;
            store.set_value(name, Some(fresh.to_vec())).await?;
            fresh
        }
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
}

#[cfg(test)]
mod tests {
    use bailiwick_core::time::Timestamp;

    use super::*;

    async fn device() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_ms(1);
        let (store, _) = Store::open(folder.path(), now).await.unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn a_value_has_one_digest_on_a_device_and_another_elsewhere() {
        let ((_one, here), (_other, there)) = (device().await, device().await);
        let digests = Digests::open(&here).await.unwrap();
        let of = |digests: &Digests, value| digests.digest(Sensitive::User, value);
        let alice = of(&digests, "alice");
        assert_eq!(alice.len(), 34, "{alice}");
        assert!(!alice.contains("alice"));
        let again = Digests::open(&here).await.unwrap();
        assert_eq!(of(&again, "alice"), alice, "after a restart, too");
        assert_ne!(of(&digests, "alicf"), alice);
        let typed = digests.digest(Sensitive::CommandLine, "alice");
        assert_ne!(
            typed, alice,
            "what is a name tells nothing of what was typed"
        );
        let elsewhere = Digests::open(&there).await.unwrap();
        assert_ne!(of(&elsewhere, "alice"), alice);
    }
}
