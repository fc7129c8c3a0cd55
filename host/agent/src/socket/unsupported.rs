//! Platforms without the control socket.

use std::{path::Path, sync::Arc, time::Duration};

use bailiwick_core::ports::BoxFuture;

use super::{Request, Response, SocketError};

/// Finds the answers.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The answer to `request`.
    fn answer(&self, request: Request) -> BoxFuture<'_, Response>;
}

/// Can't be made on this platform.
#[derive(Debug)]
pub(crate) enum ControlSocket {}

impl ControlSocket {
    /// # Errors
    /// Always [`SocketError::Unsupported`].
    pub(crate) async fn bind(_path: &Path) -> Result<Self, SocketError> {
        Err(SocketError::Unsupported)
    }

    /// There is no value to call it on.
    pub(crate) async fn serve(&self, _handler: Arc<dyn Handler>) {
        match *self {}
    }
}

/// # Errors
/// Always [`SocketError::Unsupported`].
pub(crate) async fn ask(
    _path: &Path,
    _request: Request,
    _patience: Duration,
) -> Result<Response, SocketError> {
    Err(SocketError::Unsupported)
}
