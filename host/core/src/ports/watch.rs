//! Changes of files, kept until somebody asks.

use std::sync::Arc;

use super::{BoxFuture, UnavailableError};
use crate::{ids::PluginName, policy};

/// What changed since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Absolute, in order, each once, and covered by the grants before anything expires.
    pub paths: Vec<String>,
    /// Something else may have changed as well.
    pub incomplete: bool,
}

/// Watches files.
pub trait Watch: Send + Sync {
    /// What of `grants` changed since `plugin` asked last. The first time, and whenever the
    /// grants are others, it begins to watch the folders that [`policy::Files::folders`] names:
    /// then and whenever anything may have been missed the answer is incomplete. Whoever does
    /// not ask for two days is watched for no more.
    fn changes<'a>(
        &'a self,
        plugin: &'a PluginName,
        grants: &'a Arc<policy::Files>,
    ) -> BoxFuture<'a, Result<Changes, UnavailableError>>;
}

/// Watches nothing: for trials of plugins.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWatch;

impl Watch for NoWatch {
    fn changes<'a>(
        &'a self,
        _: &'a PluginName,
        _: &'a Arc<policy::Files>,
    ) -> BoxFuture<'a, Result<Changes, UnavailableError>> {
        Box::pin(async {
            Err(UnavailableError {
                what: "changes of files",
                reason: "nothing is watched here".to_owned(),
            })
        })
    }
}
