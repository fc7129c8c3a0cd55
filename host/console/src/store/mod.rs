//! What devices have sent, in one SQLite database.
//!
//! One thread writes ([`Store`]); an answer exists only after the commit that it speaks
//! of. Readers ([`read`]) have connections of their own.

mod changes;
mod derived;
mod files;
mod logs;
pub(crate) mod read;
mod retention;
mod schema;
pub(crate) mod view;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    thread::JoinHandle,
    time::Duration,
};

use bailiwick_core::{ids::DeviceId, time::Timestamp};
use tokio::sync::{mpsc, oneshot};

pub(crate) use files::IncomingFile;
pub(crate) use writer::IncomingEvent;
use writer::{Command, Write};

/// Name of the database in the console's data folder.
pub(crate) const FILE: &str = "console.sqlite";

/// Posts that wait for the writer: those that the HTTPS server and the broker let in at
/// once, and some of the page. More are refused for now, so that memory stays bounded.
const QUEUE: usize = 512;

/// What a device is told of its post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Committed.
    Stored,
    /// Committed, but without its base it says nothing: a full report is needed.
    NeedFull,
}

impl Answer {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::NeedFull => "need-full",
        }
    }
}

/// Why a post was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostError {
    /// It will never be accepted.
    #[error("{0}")]
    Refused(String),
    /// Nothing was stored; the same post can succeed later.
    #[error("{0}")]
    Unavailable(String),
}

/// The database can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(
        "the database {path} can't be opened: {reason}; check the folder, its owner and the free space"
    )]
    Open { path: PathBuf, reason: String },
    #[error("there is no database at {0}: `bailiwick-console serve` makes it when it first starts")]
    Missing(PathBuf),
    #[error(
        "the database {path} has version {version}, which a later bailiwick-console wrote: use that one"
    )]
    Newer { path: PathBuf, version: i64 },
    #[error("the database can't be read: {0}")]
    Read(#[from] rusqlite::Error),
}

impl StoreError {
    fn open(path: &Path, error: &rusqlite::Error) -> Self {
        Self::Open {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

/// The writer's end of the database.
#[derive(Debug)]
pub(crate) struct Store {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

impl Store {
    /// Opens the database in `folder` and starts its writer. A lock that another program
    /// holds is waited for at most `patience` in each commit.
    pub(crate) fn open(folder: &Path, patience: Duration) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let connection = schema::open_to_write(&path, patience)?;
        let (commands, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer::run(connection, queue))
            .map_err(|error| StoreError::Open {
                path,
                reason: error.to_string(),
            })?;
        Ok(Self { commands, thread })
    }

    /// What posts go through.
    pub(crate) fn inlet(&self) -> Inlet {
        Inlet {
            commands: self.commands.clone(),
            way: Way::Https,
        }
    }

    /// Ends the writer after everything that was accepted. Every [`Inlet`] must be gone.
    pub(crate) fn close(self) {
        drop(self.commands);
        // A panic of the writer has been printed, and nothing was acknowledged after it.
        let _ = self.thread.join();
    }
}

/// On which way a post came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Https,
    Mqtt,
}

impl Way {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Mqtt => "mqtt",
        }
    }
}

/// Hands posts to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Inlet {
    commands: mpsc::Sender<Command>,
    way: Way,
}

impl Inlet {
    /// The same for posts that come on this way. Without it they come over HTTPS.
    pub(crate) fn on(mut self, way: Way) -> Self {
        self.way = way;
        self
    }

    /// Stores one encoded report. It is queued by the call, and resolves after the commit.
    pub(crate) fn report(
        &self,
        key: String,
        body: Vec<u8>,
        received: Timestamp,
    ) -> impl Future<Output = Result<Answer, PostError>> + Send + use<> {
        self.post(Write::Report {
            way: self.way,
            key,
            body,
            received,
        })
    }

    /// Stores events; all or none. `sha256` is that of the whole post. Queued by the call,
    /// as [`Self::report`].
    pub(crate) fn events(
        &self,
        key: String,
        sha256: String,
        events: Vec<IncomingEvent>,
        received: Timestamp,
    ) -> impl Future<Output = Result<Answer, PostError>> + Send + use<> {
        self.post(Write::Events {
            way: self.way,
            key,
            sha256,
            events,
            received,
        })
    }

    /// Stores a file about a session, and resolves after the commit.
    pub(crate) fn file(
        &self,
        file: IncomingFile,
        received: Timestamp,
    ) -> impl Future<Output = Result<Answer, PostError>> + Send + use<> {
        self.post(Write::File { file, received })
    }

    /// Calls a device `label` on the page; none gives its own name back. A device that
    /// never reported is refused.
    pub(crate) async fn label(
        &self,
        device: DeviceId,
        label: Option<String>,
    ) -> Result<Answer, PostError> {
        self.post(Write::Label { device, label }).await
    }

    /// Forgets a part of what was received longer than `keep` ago.
    pub(crate) async fn forget(&self, now: Timestamp, keep: Duration) -> Result<(), PostError> {
        let before = retention::Before::new(now, keep);
        self.post(Write::Forget(before)).await.map(drop)
    }

    fn post(&self, write: Write) -> impl Future<Output = Result<Answer, PostError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let queued = self
            .commands
            .try_send(Command { write, answer })
            .map_err(|_| PostError::Unavailable("too many posts wait to be stored".to_owned()));
        async move {
            queued?;
            answered.await.unwrap_or_else(|_| {
                Err(PostError::Unavailable(
                    "the console is shutting down".to_owned(),
                ))
            })
        }
    }
}
