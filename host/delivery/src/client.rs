//! The hardened TUF client: one folder, one first root, one endpoint.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_core::{bytes::ByteCount, digest::Sha256, ports::Fetch, time::Timestamp};
use sigstore_tuf::TrustedMetadataSet;

use crate::{
    DiskError, Listed, OpenError, Reader, RefreshError, SignedRole, TargetError, disk,
    floors::Floors, path, reader::Sigstore, signed, staged::Staged,
};

/// Longest root, as the library bounds it.
const LONGEST_ROOT: u64 = 512_000;
/// Longest metadata file, as the library bounds it.
pub(crate) const LONGEST_METADATA: u64 = 5_000_000;

/// Verifies metadata and finds targets.
///
/// ```text
/// roots/first.json  roots/2.root.json …  the chain from the first root
/// verified/timestamp.json …              what was verified last, perhaps incomplete
/// floors-a.json  floors-b.json           lowest versions and time
/// ```
pub struct Client {
    folder: PathBuf,
    first_root: Sha256,
    targets: String,
    floors: Floors,
    session: Option<Session>,
}

/// What a successful refresh leaves for look-ups.
struct Session {
    reader: Box<dyn Reader>,
    staged: Staged,
    /// Who signed roles in which something was found. A role is read once in a session, and
    /// whoever looks for a hundred targets need not have its signatures verified a hundred times.
    signed_by: Vec<(String, Vec<String>)>,
}

impl Session {
    /// Names of the keys that signed `role`, which was read.
    fn signed_by(&mut self, role: &str) -> Vec<String> {
        if let Some((_, keys)) = self.signed_by.iter().find(|(known, _)| known == role) {
            return keys.clone();
        }
        let mut roles = signed::roles(self.reader.trusted(), |name| self.staged.get(name));
        let keys = roles.remove(role).map(|role| role.keys).unwrap_or_default();
        self.signed_by.push((role.to_owned(), keys.clone()));
        keys
    }
}

/// A target that a role lists.
#[derive(Clone, Debug)]
pub struct Found {
    /// Length and digest.
    pub listed: Listed,
    /// The role that lists it.
    pub role: String,
    /// Names of the keys that signed that role.
    pub keys: Vec<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("folder", &self.folder)
            .field("first_root", &self.first_root)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Uses `folder`, which may be empty; trusts the root with digest `first_root` and
    /// whatever follows from it.
    pub fn open(folder: &Path, first_root: Sha256) -> Result<Self, OpenError> {
        Ok(Self {
            floors: Floors::load(folder)?,
            ..Self::without_floors(folder.to_owned(), first_root)
        })
    }

    /// One that remembers nothing, and reads nothing of what it remembered before.
    pub(crate) fn without_floors(folder: PathBuf, first_root: Sha256) -> Self {
        Self {
            folder,
            first_root,
            targets: String::new(),
            floors: Floors::default(),
            session: None,
        }
    }

    /// Nothing older than `trusted` counts from now on.
    pub(crate) fn raise_floors(
        &mut self,
        trusted: &TrustedMetadataSet,
    ) -> Result<(), RefreshError> {
        self.floors = self.floors.raised(trusted)?;
        Ok(())
    }

    /// For a repository that keeps targets elsewhere than beside the metadata: `prefix`
    /// stands before each target path that is fetched, and ends in `/`.
    #[must_use]
    pub fn with_targets_beneath(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.targets);
        self
    }

    /// Keeps a first root that came by another way than the endpoint.
    pub fn install_first_root(&self, bytes: &[u8]) -> Result<(), RefreshError> {
        self.check_first_root(bytes)?;
        Ok(disk::write(&self.first_root_path(), bytes)?)
    }

    /// The first root, if it was fetched or installed.
    pub(crate) fn first_root(&self) -> Result<Option<Vec<u8>>, DiskError> {
        let bytes = disk::read(&self.first_root_path(), LONGEST_ROOT)?;
        Ok(bytes.filter(|bytes| Sha256::of(bytes) == self.first_root))
    }

    /// The root of version `number`, not verified.
    pub(crate) fn root(&self, number: u64) -> Result<Option<Vec<u8>>, DiskError> {
        let path = self
            .folder
            .join("roots")
            .join(format!("{number}.root.json"));
        disk::read(&path, LONGEST_ROOT)
    }

    fn first_root_path(&self) -> PathBuf {
        self.folder.join("roots").join("first.json")
    }

    fn check_first_root(&self, bytes: &[u8]) -> Result<(), RefreshError> {
        let found = Sha256::of(bytes);
        if found != self.first_root {
            return Err(RefreshError::FirstRoot {
                expected: self.first_root,
                found,
            });
        }
        Ok(())
    }

    /// Brings the metadata up to date.
    ///
    /// When it fails, what was verified on the way still raises the floors and is kept as
    /// a start for the next time, as TUF 5.3 to 5.6 say; look-ups need a success.
    pub async fn refresh(&mut self, fetch: &dyn Fetch, now: Timestamp) -> Result<(), RefreshError> {
        self.session = None;
        let first = match self.first_root()? {
            Some(bytes) => bytes,
            None => self.fetch_first_root(fetch).await?,
        };
        let staged = self.stage()?;
        let mut reader: Box<dyn Reader> =
            Box::new(Sigstore::new(&first, &staged, self.targets.clone())?);
        let (time, behind) = self.floors.time(now);
        let outcome = reader
            .refresh(fetch, civil(time), &clock_note(behind))
            .await;

        let raised = self.floors.raised(reader.trusted());
        let mut floors = match (&outcome, raised) {
            (Ok(()), Err(rollback)) => return Err(rollback),
            // What was kept is older than the floors: nothing new came that could count.
            (Err(_), Err(_)) => return outcome,
            (_, Ok(floors)) => floors,
        };
        if outcome.is_ok() {
            floors.clock = floors.clock.max(Some(time));
        }
        if floors != self.floors {
            floors.save(&self.folder)?;
            self.floors = floors;
        }
        self.keep(&staged)?;
        outcome?;
        self.session = Some(Session {
            reader,
            staged,
            signed_by: Vec::new(),
        });
        Ok(())
    }

    async fn fetch_first_root(&self, fetch: &dyn Fetch) -> Result<Vec<u8>, RefreshError> {
        let (file, role) = ("1.root.json".to_owned(), "root".to_owned());
        let bytes = match fetch.fetch(&file, ByteCount::new(LONGEST_ROOT)).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(RefreshError::Missing { file, role }),
            Err(cause) => return Err(RefreshError::Fetch { file, role, cause }),
        };
        if crate::relay::is_web_page(&bytes) {
            return Err(RefreshError::WebPage { file, role });
        }
        self.install_first_root(&bytes)?;
        Ok(bytes)
    }

    /// How far the clock is behind the last success, if that is more than the tolerance.
    pub fn clock_behind(&self, now: Timestamp) -> Option<Duration> {
        self.floors.time(now).1
    }

    /// Every role as the last refresh verified it; empty before one succeeded.
    pub fn roles(&self) -> BTreeMap<String, SignedRole> {
        self.session.as_ref().map_or_else(BTreeMap::new, |session| {
            signed::roles(session.reader.trusted(), |name| session.staged.get(name))
        })
    }

    /// Finds the role that lists `path`; `None` if none does.
    pub async fn find(
        &mut self,
        fetch: &dyn Fetch,
        path: &str,
        now: Timestamp,
    ) -> Result<Option<Found>, TargetError> {
        path::check(path)?;
        let (time, _) = self.floors.time(now);
        let Some(session) = &mut self.session else {
            return Err(TargetError::NotRefreshed(path.to_owned()));
        };
        let listed = session.reader.resolve(fetch, path, civil(time)).await;
        let listed = listed.map_err(|cause| TargetError::Metadata {
            path: path.to_owned(),
            cause: Box::new(cause),
        })?;
        let role = signed::listing_role(session.reader.trusted(), path);
        let found = listed.zip(role).map(|(listed, role)| {
            let keys = session.signed_by(&role);
            Found { listed, role, keys }
        });
        let staged = session.staged.clone();
        self.keep(&staged)?;
        Ok(found)
    }

    /// Which role could sign `path`, for an error's text; `None` if no role may.
    pub(crate) fn responsible_role(&self, path: &str) -> Option<String> {
        let session = self.session.as_ref()?;
        signed::responsible_role(session.reader.trusted(), path)
    }

    /// Fetches a target that was found, and proves that the bytes are those listed.
    pub async fn download(
        &mut self,
        fetch: &dyn Fetch,
        path: &str,
        found: &Found,
    ) -> Result<Vec<u8>, TargetError> {
        let Some(session) = &mut self.session else {
            return Err(TargetError::NotRefreshed(path.to_owned()));
        };
        let path = path.to_owned();
        match session.reader.download(fetch, &path, &found.listed).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(TargetError::Missing(path)),
            Err(RefreshError::Fetch { cause, .. }) => Err(TargetError::Fetch { path, cause }),
            Err(RefreshError::Mixed { reason, .. } | RefreshError::Malformed { reason, .. }) => {
                Err(TargetError::Changed { path, reason })
            }
            Err(cause) => Err(TargetError::Metadata {
                path,
                cause: Box::new(cause),
            }),
        }
    }

    /// The signed file of each role that look-ups have verified, by its file name.
    pub(crate) fn metadata(&self, name: &str) -> Option<Vec<u8>> {
        self.session.as_ref()?.staged.get(name)
    }

    /// Reads what was verified before. All of it is verified again; what does not fit is
    /// passed over, and the floors hold without it.
    fn stage(&self) -> Result<Staged, DiskError> {
        let mut files = BTreeMap::new();
        for (folder, prefix) in [("verified", ""), ("roots", "root_history/")] {
            let folder = self.folder.join(folder);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(DiskError::new("read", folder)(error)),
            };
            for entry in entries {
                let path = entry.map_err(DiskError::new("read", &folder))?.path();
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                if name.ends_with(".json")
                    && let Ok(Some(bytes)) = disk::read(&path, LONGEST_METADATA)
                {
                    files.insert(format!("{prefix}{name}"), bytes);
                }
            }
        }
        Ok(Staged::new(files))
    }

    fn keep(&self, staged: &Staged) -> Result<(), DiskError> {
        for (name, bytes) in staged.all() {
            let path = match name.strip_prefix("root_history/") {
                Some(root) => self.folder.join("roots").join(root),
                None => self.folder.join("verified").join(&name),
            };
            // A damaged file is written over, whatever it is.
            if disk::read(&path, LONGEST_METADATA).ok().flatten().as_ref() != Some(&bytes) {
                disk::write(&path, &bytes)?;
            }
        }
        Ok(())
    }
}

fn civil(time: Timestamp) -> jiff::Timestamp {
    i64::try_from(time.as_ms())
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX)
}

fn clock_note(behind: Option<Duration>) -> String {
    behind.map_or_else(String::new, |behind| {
        format!(
            ", when the last refresh succeeded; the clock of this device is {} min behind that: set it",
            behind.as_secs() / 60
        )
    })
}
