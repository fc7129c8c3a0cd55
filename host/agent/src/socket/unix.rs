//! The agent's side where there are Unix sockets.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};

use super::{
    Handler, SocketError,
    conversation::{AT_ONCE, converse},
};

/// After the kernel could not accept a connection (no descriptors left).
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// A socket that listens. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode, to remove this file and no other.
    identity: (u64, u64),
    owner: u32,
}

impl ControlSocket {
    /// Listens at `path`, which then has mode 0600. A socket that an agent left behind
    /// when it was killed is replaced.
    ///
    /// # Errors
    /// [`SocketError::AlreadyRunning`], [`SocketError::InTheWay`], [`SocketError::Failed`].
    pub(crate) async fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |doing, error: &io::Error| SocketError::Failed {
            doing,
            path: path.to_owned(),
            reason: error.to_string(),
        };
        clear(path).await?;
        let listener = UnixListener::bind(path).map_err(|error| failed("listen at", &error))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(|error| failed("restrict", &error))?;
        let metadata = fs::symlink_metadata(path).map_err(|error| failed("look at", &error))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
            owner: rustix::process::geteuid().as_raw(),
        })
    }

    /// Answers until it is dropped. A conversation that fails ends alone.
    pub(crate) async fn serve(&self, handler: Arc<dyn Handler>) {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) if self.is_allowed(&stream) => {
                    let handler = Arc::clone(&handler);
                    tokio::spawn(async move {
                        converse(stream, handler.as_ref()).await;
                        drop(slot);
                    });
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(AFTER_FAILURE).await,
            }
        }
    }

    /// The kernel tells who is on the other side (`SO_PEERCRED`): mode 0600 says who may
    /// connect, and not every file system keeps modes.
    fn is_allowed(&self, stream: &UnixStream) -> bool {
        stream
            .peer_cred()
            .is_ok_and(|peer| may_ask(peer.uid(), self.owner))
    }
}

/// Root, and the user that the agent runs as.
pub(super) fn may_ask(uid: u32, owner: u32) -> bool {
    uid == 0 || uid == owner
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours {
            // What stays is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket at which nobody listens.
async fn clear(path: &Path) -> Result<(), SocketError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(SocketError::Failed {
                doing: "look at",
                path: path.to_owned(),
                reason: error.to_string(),
            });
        }
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::InTheWay(path.to_owned()));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| SocketError::Failed {
                doing: "remove the abandoned",
                path: path.to_owned(),
                reason: error.to_string(),
            }),
        _ => Err(SocketError::AlreadyRunning(path.to_owned())),
    }
}

/// A connection to the socket at `path`.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}
