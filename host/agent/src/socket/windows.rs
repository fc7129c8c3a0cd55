//! The agent's side on Windows: a named pipe.
//!
//! Who may ask is decided by the pipe's default access list: the local system, administrators
//! and the user who made it have full access; everybody else may at most read. A request has
//! to be written, so only the former can make one. Requests from other machines are rejected.

use std::{io, path::Path, sync::Arc, time::Duration};

use bailiwick_core::digest::Sha256;
use tokio::{
    net::windows::named_pipe::{ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions},
    sync::{Mutex, Semaphore},
};

use super::{
    Handler, SocketError,
    conversation::{AT_ONCE, Peer, converse},
};

/// `ERROR_PIPE_BUSY`: every instance of the pipe is in a conversation.
const BUSY: i32 = 231;
/// Between two tries at a busy pipe, which whoever asks bounds in time; and after the system
/// had no further pipe to give.
const AGAIN: Duration = Duration::from_millis(100);

/// A pipe that listens.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    name: String,
    /// The instance that waits for the next connection.
    next: Mutex<NamedPipeServer>,
}

impl ControlSocket {
    /// Listens at the pipe that belongs to `path`.
    ///
    /// # Errors
    /// [`SocketError::AlreadyRunning`], [`SocketError::Failed`].
    pub(crate) fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |error: &io::Error| SocketError::Failed {
            doing: "listen at the pipe of",
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let name = name(path).map_err(|error| failed(&error))?;
        let first = ServerOptions::new()
            .first_pipe_instance(true)
            .reject_remote_clients(true)
            .create(&name)
            .map_err(|error| match error.kind() {
                // The first instance of a name can't be made twice.
                io::ErrorKind::PermissionDenied => SocketError::AlreadyRunning(path.to_owned()),
                _ => failed(&error),
            })?;
        Ok(Self {
            name,
            next: Mutex::new(first),
        })
    }

    /// Answers until it is dropped. A conversation that fails ends alone.
    ///
    /// # Errors
    /// None.
    pub(crate) async fn serve(&self, handler: Arc<dyn Handler>) -> io::Result<()> {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut next = self.next.lock().await;
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            let connected = next.connect().await;
            // The successor is there before this one is used, so the name never goes away.
            let stream = std::mem::replace(&mut *next, self.successor().await);
            if connected.is_err() {
                continue;
            }
            let handler = Arc::clone(&handler);
            tokio::spawn(async move {
                converse(stream, Peer::Owner, handler.as_ref()).await;
                drop(slot);
            });
        }
        Ok(())
    }

    async fn successor(&self) -> NamedPipeServer {
        loop {
            let made = ServerOptions::new()
                .reject_remote_clients(true)
                .create(&self.name);
            match made {
                Ok(pipe) => return pipe,
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

/// A connection to the pipe that belongs to `path`.
pub(super) async fn connect(path: &Path) -> io::Result<NamedPipeClient> {
    let name = name(path)?;
    loop {
        match ClientOptions::new().open(&name) {
            Err(error) if error.raw_os_error() == Some(BUSY) => tokio::time::sleep(AGAIN).await,
            opened => return opened,
        }
    }
}

/// Pipes have a name space of their own: the name holds a digest of the path.
fn name(path: &Path) -> io::Result<String> {
    let path = std::path::absolute(path)?;
    let digest = Sha256::of(path.as_os_str().as_encoded_bytes());
    Ok(format!(r"\\.\pipe\bailiwick-{digest}"))
}
