//! What every change must pass before it is written: the reader that devices use accepts
//! it, and finds each new target through its delegation.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bailiwick_core::time::Timestamp;
use sigstore_tuf::{Updater, UpdaterConfig, transport::FetchFuture};

use crate::{Repository, RepositoryError, tree::delegates};

/// Devices walk at most this many root rotations.
const ROOT_ROTATIONS: u32 = 1_024;

/// The public folder as it would be after the change.
struct Overlay {
    public: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Overlay {
    fn read(&self, name: &str, at_most: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let bytes = match self.files.get(name) {
            Some(bytes) => bytes.clone(),
            None => match fs::read(self.public.join(name)) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(sigstore_tuf::Error::io(name, error)),
            },
        };
        if bytes.len() as u64 > at_most {
            return Err(sigstore_tuf::Error::transport(format!(
                "{name} has {} bytes, and devices read at most {at_most}",
                bytes.len()
            )));
        }
        Ok(Some(bytes))
    }
}

impl sigstore_tuf::Repository for Overlay {
    fn fetch_metadata<'a>(&'a self, name: &'a str, at_most: u64) -> FetchFuture<'a> {
        let read = self.read(name, at_most);
        Box::pin(async move { read })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, at_most: u64) -> FetchFuture<'a> {
        let read = self.read(path, at_most);
        Box::pin(async move { read })
    }
}

/// Refuses a change that a device would refuse.
pub(crate) fn check(
    repository: &Repository,
    files: &BTreeMap<String, Vec<u8>>,
    timestamp: &[u8],
    targets: &BTreeSet<String>,
    changed: &[String],
    now: Timestamp,
) -> Result<(), RepositoryError> {
    for path in targets {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._+-".contains(c);
        if !path
            .split('/')
            .all(|part| !part.is_empty() && part != ".." && part.chars().all(fits))
        {
            return refuse(format!("`{path}` is not a name that every reader resolves"));
        }
    }
    versions_rise_by_one(repository, files, changed)?;

    let mut files = files.clone();
    files.insert("timestamp.json".to_owned(), timestamp.to_vec());
    let overlay = Overlay {
        public: repository.public(),
        files,
    };
    let mut updater = updater(overlay, now).map_err(RepositoryError::Gate)?;
    for path in targets {
        let found = download(&mut updater, path, now).map_err(RepositoryError::Gate)?;
        if found.is_none() {
            return refuse(format!(
                "no role may sign `{path}`: it is outside of every delegation"
            ));
        }
    }
    Ok(())
}

/// The reader of devices on what is published. Nothing is too old for it.
pub(crate) fn reader(repository: &Repository) -> Result<Updater, RepositoryError> {
    let overlay = Overlay {
        public: repository.public(),
        files: BTreeMap::new(),
    };
    updater(overlay, Timestamp::EPOCH).map_err(RepositoryError::Unverified)
}

/// The bytes of a target, from a reader that [`reader`] made; `None` if no role lists it.
pub(crate) fn fetch(updater: &mut Updater, path: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
    download(updater, path, Timestamp::EPOCH).map_err(RepositoryError::Unverified)
}

/// A reader that has verified the metadata as of `now`, or why a device would not.
fn updater(overlay: Overlay, now: Timestamp) -> Result<Updater, String> {
    let told = |error: sigstore_tuf::Error| chain(&error);
    let first = overlay.read("1.root.json", u64::MAX).map_err(told)?;
    let first = first.ok_or("1.root.json is missing")?;
    let mut config = UpdaterConfig::default();
    config.max_root_rotations = ROOT_ROTATIONS;
    let mut updater = Updater::new(overlay, &first)
        .map_err(told)?
        .with_config(config);
    wait(updater.refresh(civil(now)))?.map_err(told)?;
    Ok(updater)
}

fn download(updater: &mut Updater, path: &str, now: Timestamp) -> Result<Option<Vec<u8>>, String> {
    let told = |error: sigstore_tuf::Error| chain(&error);
    let Some(found) = wait(updater.get_target_info(path, civil(now)))?.map_err(told)? else {
        return Ok(None);
    };
    wait(updater.download_target(&found, path))?
        .map(Some)
        .map_err(told)
}

fn civil(now: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(i64::try_from(now.as_ms()).unwrap_or(i64::MAX))
        .unwrap_or(jiff::Timestamp::MAX)
}

/// The reader accepts gaps; a gap here would mean that a draft was built on something
/// else than what is published.
fn versions_rise_by_one(
    repository: &Repository,
    files: &BTreeMap<String, Vec<u8>>,
    changed: &[String],
) -> Result<(), RepositoryError> {
    for role in changed {
        let before = repository
            .role(role)?
            .map_or(0, |signed| crate::metadata::version(&signed));
        let name = format!("{}.{role}.json", before + 1);
        let Some(bytes) = files.get(&name) else {
            return refuse(format!("the new version of {role} is not {}", before + 1));
        };
        let draft: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|error| RepositoryError::damaged(&name, error))?;
        let signed = &draft["signed"];
        let delegating = signed.get("delegations").is_some();
        if role != "targets" && delegating {
            return refuse(format!("{role} delegates further, which only targets may"));
        }
        if role == "targets" && !delegates(signed, "policies") {
            return refuse("targets does not delegate to policies".to_owned());
        }
    }
    Ok(())
}

fn refuse(reason: String) -> Result<(), RepositoryError> {
    Err(RepositoryError::Gate(reason))
}

/// Runs a future of the reader. The overlay answers at once, so one poll is enough.
fn wait<T>(future: impl Future<Output = T>) -> Result<T, String> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => Err("the reader waits for something that is not a file".to_owned()),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
