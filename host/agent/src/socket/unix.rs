//! The agent's side where there are Unix sockets.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::{
    io::{Errno, ioctl_fionbio},
    net::{AddressFamily, SocketAddrUnix, SocketType, connect as ask_for, socket},
};
use tokio::{net::UnixStream, sync::Semaphore};

use super::{
    Handler, SocketError,
    conversation::{AT_ONCE, Peer, converse},
};

/// Conversations at a time with users who may ask only about themselves. More are turned
/// away, so that they never keep root waiting.
const USERS_AT_ONCE: usize = 4;

/// After the kernel could not accept a connection (no descriptors left).
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// A socket that listens. Dropping it removes the file, where this process still may.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode, to remove this file and no other.
    identity: (u64, u64),
    owner: u32,
}

impl ControlSocket {
    /// Listens at `path`, to which every user may connect: what each may ask is decided by
    /// who the kernel says it is. A socket that an agent left behind is replaced. Whoever comes
    /// before [`Self::serve`] waits for that.
    ///
    /// # Errors
    /// [`SocketError::AlreadyRunning`], [`SocketError::InTheWay`], [`SocketError::Failed`].
    pub(crate) fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |doing, error: &io::Error| SocketError::Failed {
            doing,
            path: path.to_owned(),
            reason: error.to_string(),
        };
        clear(path)?;
        let listener = UnixListener::bind(path).map_err(|error| failed("listen at", &error))?;
        listener
            .set_nonblocking(true)
            .map_err(|error| failed("listen at", &error))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))
            .map_err(|error| failed("open to users", &error))?;
        let metadata = fs::symlink_metadata(path).map_err(|error| failed("look at", &error))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
            owner: rustix::process::geteuid().as_raw(),
        })
    }

    /// Answers until it is dropped. A conversation that fails ends alone.
    ///
    /// # Errors
    /// The system can't tell when somebody comes.
    pub(crate) async fn serve(&self, handler: Arc<dyn Handler>) -> io::Result<()> {
        let listener = tokio::net::UnixListener::from_std(self.listener.try_clone()?)?;
        let owners = Arc::new(Semaphore::new(AT_ONCE));
        let users = Arc::new(Semaphore::new(USERS_AT_ONCE));
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(AFTER_FAILURE).await;
                    continue;
                }
            };
            // The kernel tells who is on the other side (`SO_PEERCRED`).
            let Ok(uid) = stream.peer_cred().map(|peer| peer.uid()) else {
                continue;
            };
            let peer = peer(uid, self.owner);
            let slot = match peer {
                Peer::Owner => Arc::clone(&owners).acquire_owned().await.ok(),
                Peer::User(_) => Arc::clone(&users).try_acquire_owned().ok(),
            };
            let Some(slot) = slot else { continue };
            let handler = Arc::clone(&handler);
            tokio::spawn(async move {
                converse(stream, peer, handler.as_ref()).await;
                drop(slot);
            });
        }
    }
}

/// Who user `uid` is to an agent of user `owner`.
pub(super) fn peer(uid: u32, owner: u32) -> Peer {
    if uid == 0 || uid == owner {
        Peer::Owner
    } else {
        Peer::User(uid)
    }
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
fn clear(path: &Path) -> Result<(), SocketError> {
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
    match is_heard(path) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map_err(|error| SocketError::Failed {
            doing: "remove the abandoned",
            path: path.to_owned(),
            reason: error.to_string(),
        }),
        Ok(()) | Err(_) => Err(SocketError::AlreadyRunning(path.to_owned())),
    }
}

/// Whether somebody listens at `path`, who need not have the time to answer.
fn is_heard(path: &Path) -> rustix::io::Result<()> {
    // It is closed before anything is started, and macOS takes no flags here.
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    ioctl_fionbio(&socket, true)?;
    ask_for(&socket, &SocketAddrUnix::new(path)?)
}

/// A connection to the socket at `path`.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}
