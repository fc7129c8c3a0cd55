//! Hands the library's requests to the port that the caller lent for one call.
//!
//! The library owns its repository for as long as it lives, and a port is borrowed. So
//! the library's future is polled here, and when it waits for a file the request lies in a
//! slot that only this module fills and empties; nothing is spawned.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use bailiwick_core::{
    bytes::ByteCount,
    digest::Sha256,
    ports::{Fetch, FetchError},
};
use sigstore_tuf::{Error, Repository, transport::FetchFuture};

use crate::staged::Staged;

/// What the endpoint did when it gave no file.
#[derive(Debug)]
pub(crate) enum Failure {
    Fetch(FetchError),
    Missing,
    WebPage,
}

struct Request {
    path: String,
    at_most: u64,
    metadata: bool,
}

#[derive(Default)]
struct Slot {
    request: Option<Request>,
    answer: Option<sigstore_tuf::Result<Option<Vec<u8>>>>,
    /// The file that was asked for last.
    file: String,
    failure: Option<Failure>,
}

/// The library's side and ours.
#[derive(Clone)]
pub(crate) struct Relay {
    slot: Arc<Mutex<Slot>>,
    staged: Staged,
    /// Before each target path on the endpoint: empty or with `/` at the end.
    targets: String,
}

enum Step<T> {
    Done(T),
    Fetch(Request),
}

impl Relay {
    pub(crate) fn new(staged: Staged, targets: String) -> Self {
        Self {
            slot: Arc::default(),
            staged,
            targets,
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that was asked for last, and what went wrong with it on the way.
    pub(crate) fn last(&self) -> (String, Option<Failure>) {
        let mut slot = self.slot();
        (slot.file.clone(), slot.failure.take())
    }

    /// Runs `work` to its end, fetching what it asks for.
    pub(crate) async fn drive<T>(&self, work: impl Future<Output = T>, fetch: &dyn Fetch) -> T {
        // A call that was given up may have left something.
        *self.slot() = Slot::default();
        let mut work = pin!(work);
        loop {
            let step = poll_fn(|context| match work.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(Step::Done(done)),
                Poll::Pending => match self.slot().request.take() {
                    Some(request) => Poll::Ready(Step::Fetch(request)),
                    None => Poll::Pending,
                },
            })
            .await;
            match step {
                Step::Done(done) => return done,
                Step::Fetch(request) => {
                    let answer = self.answer(&request, fetch).await;
                    self.slot().answer = Some(answer);
                }
            }
        }
    }

    async fn answer(
        &self,
        request: &Request,
        fetch: &dyn Fetch,
    ) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let at_most = ByteCount::new(request.at_most);
        let failure = match fetch.fetch(&request.path, at_most).await {
            Ok(Some(bytes)) if bytes.len() as u64 > request.at_most => {
                Failure::Fetch(FetchError::TooLarge {
                    url: request.path.clone(),
                    at_most,
                })
            }
            Ok(Some(bytes)) if request.metadata && is_web_page(&bytes) => Failure::WebPage,
            Ok(Some(bytes)) => return Ok(Some(bytes)),
            Ok(None) => {
                self.slot().failure = Some(Failure::Missing);
                return Ok(None);
            }
            Err(error) => Failure::Fetch(error),
        };
        self.slot().failure = Some(failure);
        Err(Error::transport("see the relay's failure"))
    }

    fn ask(&self, path: String, at_most: u64, metadata: bool) -> FetchFuture<'_> {
        {
            let mut slot = self.slot();
            slot.file.clone_from(&path);
            slot.failure = None;
            slot.request = Some(Request {
                path,
                at_most,
                metadata,
            });
        }
        Box::pin(poll_fn(|_| {
            self.slot().answer.take().map_or(Poll::Pending, Poll::Ready)
        }))
    }

    /// A delegated role that was verified before and is still the one that the verified
    /// snapshot pins. The library would fetch it again on every start.
    fn kept(&self, name: &str) -> Option<Vec<u8>> {
        let (_, file) = name.split_once('.')?;
        let bytes = self.staged.get(file)?;
        let snapshot: serde_json::Value =
            serde_json::from_slice(&self.staged.get("snapshot.json")?).ok()?;
        let pinned = snapshot["signed"]["meta"][file]["hashes"]["sha256"].as_str()?;
        (pinned.parse() == Ok(Sha256::of(&bytes))).then_some(bytes)
    }
}

impl Repository for Relay {
    fn fetch_metadata<'a>(&'a self, name: &'a str, at_most: u64) -> FetchFuture<'a> {
        match self.kept(name) {
            Some(bytes) => Box::pin(async { Ok(Some(bytes)) }),
            None => self.ask(name.to_owned(), at_most, true),
        }
    }

    fn fetch_target<'a>(&'a self, path: &'a str, at_most: u64) -> FetchFuture<'a> {
        self.ask(format!("{}{path}", self.targets), at_most, false)
    }
}

/// Metadata begins with `{`; a page begins with a tag, perhaps after a byte order mark.
pub(crate) fn is_web_page(bytes: &[u8]) -> bool {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    start.trim_ascii_start().starts_with(b"<")
}
