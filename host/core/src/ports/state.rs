//! What plugins keep.

use super::BoxFuture;
use crate::ids::PluginName;

/// A plugin's own key-value store. One call's changes arrive in one [`State::commit`].
pub trait State: Send + Sync {
    /// Everything that is kept for `plugin`, in order of keys.
    fn load<'a>(
        &'a self,
        plugin: &'a PluginName,
    ) -> BoxFuture<'a, Result<StateEntries, StateError>>;
    /// Makes `changes` durable, all or none. `None` deletes.
    fn commit<'a>(
        &'a self,
        plugin: &'a PluginName,
        changes: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>>;
}

/// Keeps nothing: for trials of plugins, which must leave nothing behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoState;

impl State for NoState {
    fn load<'a>(&'a self, _: &'a PluginName) -> BoxFuture<'a, Result<StateEntries, StateError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn commit<'a>(
        &'a self,
        _: &'a PluginName,
        _: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Keys with their values, in order of keys.
pub type StateEntries = Vec<(String, Vec<u8>)>;

/// The store under [`State`] failed.
#[derive(Debug, thiserror::Error)]
#[error("the state of plugin `{plugin}` could not be {doing}: {reason}")]
pub struct StateError {
    /// Whose state.
    pub plugin: PluginName,
    /// `read` or `written`.
    pub doing: &'static str,
    /// What the store said.
    pub reason: String,
}
