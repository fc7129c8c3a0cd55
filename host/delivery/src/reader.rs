//! What the TUF library must do for us, and `sigstore-tuf` doing it.

use bailiwick_core::{
    digest::Sha256,
    ports::{BoxFuture, Fetch},
};
use sigstore_tuf::{Error, TargetFile, TrustedMetadataSet, Updater, UpdaterConfig};

use crate::{
    RefreshError,
    explain::{Occasion, refresh_error},
    relay::{Failure, Relay},
    staged::Staged,
};

/// Root rotations that are walked in one refresh: more than hourly rotations in a month.
const ROOT_ROTATIONS: u32 = 1_024;

/// A target as a role lists it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its length in bytes.
    pub length: u64,
    /// Its digest, if the role names one.
    pub sha256: Option<Sha256>,
    file: TargetFile,
}

/// The TUF client workflow (TUF 1.0, section 5) over metadata that is staged in memory.
/// An implementation verifies; floors, disk and clock are [`crate::Client`]'s.
pub trait Reader: Send {
    /// Sections 5.3 to 5.6: root, timestamp, snapshot, top-level targets.
    fn refresh<'a>(
        &'a mut self,
        fetch: &'a dyn Fetch,
        now: jiff::Timestamp,
        clock: &'a str,
    ) -> BoxFuture<'a, Result<(), RefreshError>>;

    /// Section 5.6.7: walks the delegations to the role that lists `path`.
    fn resolve<'a>(
        &'a mut self,
        fetch: &'a dyn Fetch,
        path: &'a str,
        now: jiff::Timestamp,
    ) -> BoxFuture<'a, Result<Option<Listed>, RefreshError>>;

    /// Section 5.7: the bytes of a target, proven to be those that were listed. `None` if
    /// the endpoint has no such file.
    fn download<'a>(
        &'a mut self,
        fetch: &'a dyn Fetch,
        path: &'a str,
        listed: &'a Listed,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, RefreshError>>;

    /// What is trusted now.
    fn trusted(&self) -> &TrustedMetadataSet;
}

/// `sigstore-tuf`'s updater.
pub(crate) struct Sigstore {
    updater: Updater,
    relay: Relay,
}

impl Sigstore {
    /// Starts from the first root, which the caller has compared with its digest.
    pub(crate) fn new(
        first_root: &[u8],
        staged: &Staged,
        targets: String,
    ) -> Result<Self, RefreshError> {
        let relay = Relay::new(staged.clone(), targets);
        let mut config = UpdaterConfig::default();
        config.max_root_rotations = ROOT_ROTATIONS;
        let updater = Updater::new(relay.clone(), first_root)
            .map_err(|error| {
                let occasion = Occasion {
                    file: "1.root.json".to_owned(),
                    failure: None,
                    now: jiff::Timestamp::UNIX_EPOCH,
                    clock: String::new(),
                    rotations: ROOT_ROTATIONS,
                };
                refresh_error(&error, occasion)
            })?
            .with_config(config)
            .with_store(staged.clone());
        Ok(Self { updater, relay })
    }
}

fn explained(relay: &Relay, error: &Error, now: jiff::Timestamp, clock: &str) -> RefreshError {
    let (file, failure) = relay.last();
    let occasion = Occasion {
        file,
        failure,
        now,
        clock: clock.to_owned(),
        rotations: ROOT_ROTATIONS,
    };
    refresh_error(error, occasion)
}

impl Reader for Sigstore {
    fn refresh<'a>(
        &'a mut self,
        fetch: &'a dyn Fetch,
        now: jiff::Timestamp,
        clock: &'a str,
    ) -> BoxFuture<'a, Result<(), RefreshError>> {
        Box::pin(async move {
            let Self { updater, relay } = self;
            let done = relay.drive(updater.refresh(now), fetch).await;
            done.map_err(|error| explained(relay, &error, now, clock))
        })
    }

    fn resolve<'a>(
        &'a mut self,
        fetch: &'a dyn Fetch,
        path: &'a str,
        now: jiff::Timestamp,
    ) -> BoxFuture<'a, Result<Option<Listed>, RefreshError>> {
        Box::pin(async move {
            let Self { updater, relay } = self;
            let found = relay.drive(updater.get_target_info(path, now), fetch).await;
            let found = found.map_err(|error| explained(relay, &error, now, ""))?;
            Ok(found.map(|file| Listed {
                length: file.length,
                sha256: file.hashes.get("sha256").and_then(|hex| hex.parse().ok()),
                file,
            }))
        })
    }

    fn download<'a>(
        &'a mut self,
        fetch: &'a dyn Fetch,
        path: &'a str,
        listed: &'a Listed,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, RefreshError>> {
        Box::pin(async move {
            let Self { updater, relay } = self;
            let bytes = relay
                .drive(updater.download_target(&listed.file, path), fetch)
                .await;
            match bytes {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) => match relay.last() {
                    (_, Some(Failure::Missing)) => Ok(None),
                    (file, failure) => {
                        let occasion = Occasion {
                            file,
                            failure,
                            now: jiff::Timestamp::UNIX_EPOCH,
                            clock: String::new(),
                            rotations: ROOT_ROTATIONS,
                        };
                        Err(refresh_error(&error, occasion))
                    }
                },
            }
        })
    }

    fn trusted(&self) -> &TrustedMetadataSet {
        self.updater.trusted()
    }
}
