//! `state`: one call's changes are kept aside and committed when it has ended without a
//! trap.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_core::{
    bytes::ByteCount,
    ids::PluginName,
    policy::Capability,
    ports::{State, StateError},
};

use crate::{
    bindings::bailiwick::plugin::state::{Error, Host},
    context::Context,
    limits::{Enforced, Enforcer},
};

/// What an entry costs the host beside key and value, in bytes: two strings, their place in
/// a tree, and what the allocator adds.
const ENTRY: u64 = 128;

/// Longest key, in bytes.
const KEY: usize = 128;

/// What a plugin keeps, as its current call sees it. Read from the port at the first use;
/// it counts as the host's memory for the plugin.
pub(crate) struct Store {
    limit: ByteCount,
    enforced: Enforced,
    /// With this call's changes. `None`: not read yet.
    values: Option<BTreeMap<String, Vec<u8>>>,
    /// This call's changes.
    changes: BTreeMap<String, Option<Vec<u8>>>,
    /// Keys and values of `values`, in bytes.
    kept: u64,
    /// What `values` and `changes` cost the host.
    held: u64,
}

impl Store {
    /// Bytes that are kept.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    pub(crate) fn new(limit: ByteCount, enforced: Enforced) -> Self {
        Self {
            limit,
            enforced,
            values: None,
            changes: BTreeMap::new(),
            kept: 0,
            held: 0,
        }
    }

    async fn load(
        &mut self,
        port: &Arc<dyn State>,
        plugin: &PluginName,
    ) -> Result<&mut BTreeMap<String, Vec<u8>>, StateError> {
        if self.values.is_none() {
            let values: BTreeMap<_, _> = port.load(plugin).await?.into_iter().collect();
            self.kept = values.iter().map(|(key, value)| size(key, value)).sum();
            self.held = values.iter().map(|(key, value)| cost(key, value)).sum();
            self.values = Some(values);
        }
        Ok(self.values.get_or_insert_default())
    }

    /// Whether this call has changed anything.
    pub(crate) fn is_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// This call's changes in the form in which the port takes them.
    pub(crate) fn take_changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let changes = std::mem::take(&mut self.changes);
        self.held -= changes
            .iter()
            .map(|(key, value)| cost(key, value.as_deref().unwrap_or_default()))
            .sum::<u64>();
        changes.into_iter().collect()
    }

    /// Forgets this call's changes.
    pub(crate) fn roll_back(&mut self) {
        self.changes.clear();
        self.values = None;
        (self.kept, self.held) = (0, 0);
    }

    /// Length of what is kept under `key`, with the key; 0 if there is nothing.
    fn before(&self, key: &str) -> u64 {
        let value = self.values.as_ref().and_then(|values| values.get(key));
        value.map_or(0, |value| size(key, value))
    }

    /// Whether `value` under `key` would stay within the limit.
    fn fits(&self, key: &str, value: &[u8]) -> bool {
        let others = self.kept - self.before(key);
        !self.enforced.is_on(Enforcer::State) || others + size(key, value) <= self.limit.get()
    }

    /// Most bytes that the host would hold if it took `value` under `key`.
    fn held_with(&self, key: &str, value: Option<&[u8]>) -> u64 {
        let copies = if value.is_some() { 2 } else { 1 };
        self.held + copies * cost(key, value.unwrap_or_default())
    }

    fn change(&mut self, key: String, value: Option<Vec<u8>>) {
        self.kept -= self.before(&key);
        let values = self.values.get_or_insert_default();
        let old = match &value {
            Some(value) => {
                self.kept += size(&key, value);
                self.held += cost(&key, value);
                values.insert(key.clone(), value.clone())
            }
            None => values.remove(&key),
        };
        if let Some(old) = old {
            self.held -= cost(&key, &old);
        }
        self.held += cost(&key, value.as_deref().unwrap_or_default());
        let length = key.len();
        if let Some(old) = self.changes.insert(key, value) {
            self.held -= ENTRY + (length + old.map_or(0, |old| old.len())) as u64;
        }
    }
}

/// As the `state` limit counts.
fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

/// As the `memory` limit counts.
fn cost(key: &str, value: &[u8]) -> u64 {
    ENTRY + size(key, value)
}

impl Context {
    fn check_key(&self, key: &str) -> Result<(), Error> {
        let fits = (1..=KEY).contains(&key.len())
            && key
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if fits || !self.account.enforces(Enforcer::StateKeys) {
            Ok(())
        } else {
            Err(Error::InvalidKey)
        }
    }

    /// What is kept, read if it has not been.
    async fn kept(
        &mut self,
        granted: bool,
    ) -> wasmtime::Result<Result<&mut BTreeMap<String, Vec<u8>>, Error>> {
        if !granted {
            return Ok(Err(Error::Denied));
        }
        let loaded = self.state.load(&self.ports.state, &self.plugin).await;
        if loaded.is_err() {
            return Ok(Err(Error::Unavailable));
        }
        self.account.keep(self.state.held)?;
        Ok(Ok(self.state.values.get_or_insert_default()))
    }
}

impl Host for Context {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let entered = self.enter(Capability::State)?;
        let answer = match self.kept(entered.granted).await? {
            Ok(values) => Ok(values.get(&key).cloned()),
            Err(error) => Err(error),
        };
        let answer = answer.and_then(|value| self.check_key(&key).map(|()| value));
        if let Ok(Some(value)) = &answer {
            self.account.pass(value.len() as u64)?;
        }
        self.leave(&entered);
        Ok(answer)
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        let entered = self.enter(Capability::State)?;
        let mut answer = self.kept(entered.granted).await?.map(drop);
        if answer.is_ok() {
            answer = self.check_key(&key);
        }
        if answer.is_ok() && !self.state.fits(&key, &value) {
            answer = Err(Error::QuotaExceeded(self.state.limit.get()));
        }
        if answer.is_ok() {
            self.account
                .keep(self.state.held_with(&key, Some(&value)))?;
            self.state.change(key, Some(value));
            self.account.keep(self.state.held)?;
        }
        self.leave(&entered);
        Ok(answer)
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), Error>> {
        let entered = self.enter(Capability::State)?;
        let mut answer = self.kept(entered.granted).await?.map(drop);
        if answer.is_ok() {
            answer = self.check_key(&key);
        }
        if answer.is_ok() {
            self.account.keep(self.state.held_with(&key, None))?;
            self.state.change(key, None);
            self.account.keep(self.state.held)?;
        }
        self.leave(&entered);
        Ok(answer)
    }

    async fn keys(&mut self) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let entered = self.enter(Capability::State)?;
        let answer = match self.kept(entered.granted).await? {
            Ok(values) => Ok(values.keys().cloned().collect::<Vec<_>>()),
            Err(error) => Err(error),
        };
        if let Ok(keys) = &answer {
            let text = keys.iter().map(String::len).sum();
            self.account.pass(super::list_cost(keys.len(), text))?;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Half of the keys were kept before.
    fn before() -> BTreeMap<String, Vec<u8>> {
        [("a".to_owned(), vec![1; 3]), ("b".to_owned(), Vec::new())].into()
    }

    struct Before;

    impl State for Before {
        fn load<'a>(
            &'a self,
            _: &'a PluginName,
        ) -> bailiwick_core::ports::BoxFuture<'a, Result<Vec<(String, Vec<u8>)>, StateError>>
        {
            Box::pin(async { Ok(before().into_iter().collect()) })
        }

        fn commit<'a>(
            &'a self,
            _: &'a PluginName,
            _: Vec<(String, Option<Vec<u8>>)>,
        ) -> bailiwick_core::ports::BoxFuture<'a, Result<(), StateError>> {
            Box::pin(async { Ok(()) })
        }
    }

    fn counted(store: &Store) -> (u64, u64) {
        let values = store.values.iter().flatten();
        let kept = values.clone().map(|(key, value)| size(key, value)).sum();
        let held: u64 = values.map(|(key, value)| cost(key, value)).sum();
        let changes = store
            .changes
            .iter()
            .map(|(key, value)| cost(key, value.as_deref().unwrap_or_default()));
        (kept, held + changes.sum::<u64>())
    }

    proptest! {
        /// `None` deletes; three ways on from a call: more changes, kept, rolled back.
        #[test]
        fn what_is_counted_on_the_way_is_what_is_there(
            steps in prop::collection::vec(
                ("[a-d]", prop::option::of(prop::collection::vec(any::<u8>(), 0..20)), 0_u8..8),
                0..40,
            )
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let port: Arc<dyn State> = Arc::new(Before);
            let plugin: PluginName = "sample".parse().unwrap();
            let mut store = Store::new(ByteCount::kib(1), Enforced::default());
            for (key, value, then) in steps {
                runtime.block_on(store.load(&port, &plugin)).unwrap();
                let most = store.held_with(&key, value.as_deref());
                store.change(key, value);
                prop_assert_eq!((store.kept, store.held), counted(&store));
                prop_assert!(store.held <= most);
                match then {
                    0 => drop(store.take_changes()),
                    1 => store.roll_back(),
                    _ => {}
                }
                prop_assert_eq!((store.kept, store.held), counted(&store));
            }
        }
    }
}
