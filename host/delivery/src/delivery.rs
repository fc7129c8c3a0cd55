//! What the agent uses: refresh, targets, and what was verified last.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_core::{
    DocumentError,
    assignment::{self, Assignment},
    bytes::ByteCount,
    digest::Sha256,
    ports::Fetch,
    release::LONGEST_COMPONENT,
    revocation::{self, Revocations},
    time::Timestamp,
};

use crate::{
    Client, DiskError, OpenError, RefreshError, SignedRole, TargetError,
    accepted::{Accepted, FILES, POLICIES},
    content::{Content, KeptTargets, LIMIT},
    disk, signed,
};

/// A document that every refresh brings.
struct Document {
    path: &'static str,
    longest: ByteCount,
    /// What is accepted is started from without a network, so it must be readable.
    check: fn(&str) -> Result<(), DocumentError>,
}

const DOCUMENTS: [Document; 2] = [
    Document {
        path: assignment::TARGET,
        longest: assignment::LONGEST,
        check: |text| Assignment::parse(assignment::TARGET, text).map(drop),
    },
    Document {
        path: revocation::TARGET,
        longest: revocation::LONGEST,
        check: |text| Revocations::parse(revocation::TARGET, text).map(drop),
    },
];

/// Verified updates from one repository.
#[derive(Debug)]
pub struct Delivery {
    client: Client,
    accepted: PathBuf,
    content: Content,
}

/// What a refresh verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// Bytes of `policies/assignment.toml`.
    pub assignment: Vec<u8>,
    /// Bytes of `policies/revoked.toml`.
    pub revoked: Vec<u8>,
    /// Every role by name: its version, its expiry and who signed it.
    pub roles: BTreeMap<String, SignedRole>,
    /// The clock of this device is behind the last success by this much; expiries were
    /// held against the time of that success.
    pub clock_behind: Option<Duration>,
}

/// A target with proof of where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTarget {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub sha256: Sha256,
    /// The role that lists it.
    pub role: String,
    /// Names of the keys that signed that role.
    pub keys: Vec<String>,
}

impl Delivery {
    /// Uses `folder`, which may be empty. State belongs to one first root: with another
    /// root in the settings the device begins anew, and the old state stays untouched.
    pub fn open(folder: &Path, first_root: Sha256) -> Result<Self, OpenError> {
        let state = state(folder, &first_root);
        Ok(Self {
            client: Client::open(&state, first_root)?,
            accepted: state.join("accepted.json"),
            content: Content::new(&folder.join("targets")),
        })
    }

    /// Brings metadata, assignment and revocations up to date. On an error everything that
    /// was accepted before stays as it was.
    pub async fn refresh(
        &mut self,
        fetch: &dyn Fetch,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let clock_behind = self.client.clock_behind(now);
        self.client.refresh(fetch, now).await?;
        // Damage is repaired by what comes now; a newer format is not written over.
        let before = match Accepted::load(&self.accepted) {
            Ok(before) => before,
            Err(OpenError::Disk(error)) => return Err(error.into()),
            Err(error @ OpenError::Newer { .. }) => {
                return Err(
                    DiskError::new("written", &self.accepted)(io::Error::other(error)).into(),
                );
            }
            Err(OpenError::Damaged { .. }) => None,
        };
        let mut documents = BTreeMap::new();
        for document in &DOCUMENTS {
            let text = self.document(fetch, document, before.as_ref(), now).await;
            let text = text.map_err(|reason| RefreshError::Document {
                path: document.path,
                reason: Box::new(reason),
            })?;
            documents.insert(document.path.to_owned(), text);
        }
        let roles = self.client.roles();
        let mut metadata = BTreeMap::new();
        for name in FILES {
            let bytes = self.client.metadata(name).unwrap_or_default();
            let text = String::from_utf8(bytes).map_err(|_| RefreshError::Malformed {
                file: name.to_owned(),
                role: name.trim_end_matches(".json").to_owned(),
                reason: "it is not UTF-8".to_owned(),
            })?;
            metadata.insert(name.to_owned(), text);
        }
        let root = roles.get("root").map_or(0, |root| root.version);
        let accepted = Accepted::new(root, metadata, documents);
        if before.as_ref() != Some(&accepted) {
            accepted.save(&self.accepted)?;
        }
        Ok(refreshed(accepted, roles, clock_behind))
    }

    async fn document(
        &mut self,
        fetch: &dyn Fetch,
        document: &Document,
        before: Option<&Accepted>,
        now: Timestamp,
    ) -> Result<String, TargetError> {
        let (path, longest) = (document.path, document.longest);
        let found = self.client.find(fetch, path, now).await?;
        let found = found.filter(|found| found.role == POLICIES);
        let found = found.ok_or_else(|| TargetError::NotListed {
            path: path.to_owned(),
            role: POLICIES.to_owned(),
        })?;
        let unusable = |reason: String| TargetError::Unusable {
            path: path.to_owned(),
            reason,
        };
        let length = ByteCount::new(found.listed.length);
        if length > longest {
            return Err(unusable(format!(
                "it has {length}, and devices take {longest}"
            )));
        }
        let kept = before.and_then(|before| before.documents.get(path));
        if let Some(text) = kept
            && Some(Sha256::of(text.as_bytes())) == found.listed.sha256
        {
            return Ok(text.clone());
        }
        let bytes = self.client.download(fetch, path, &found).await?;
        let text = String::from_utf8(bytes).map_err(|_| unusable("it is not UTF-8".to_owned()))?;
        (document.check)(&text).map_err(|error| unusable(error.to_string()))?;
        Ok(text)
    }

    /// A target, from the store or the endpoint. A refresh must have succeeded since the
    /// start; without one, [`Self::stored`] gives what was verified before.
    pub async fn target(
        &mut self,
        fetch: &dyn Fetch,
        path: &str,
        now: Timestamp,
    ) -> Result<VerifiedTarget, TargetError> {
        let Some(found) = self.client.find(fetch, path, now).await? else {
            let path = path.to_owned();
            return Err(match self.client.responsible_role(&path) {
                Some(role) => TargetError::NotListed { path, role },
                None => TargetError::NoRole(path),
            });
        };
        let unusable = |reason: String| TargetError::Unusable {
            path: path.to_owned(),
            reason,
        };
        let sha256 = found
            .listed
            .sha256
            .ok_or_else(|| unusable(format!("{} names no sha256 of it", found.role)))?;
        let length = ByteCount::new(found.listed.length);
        if length > LONGEST_COMPONENT {
            return Err(unusable(format!(
                "it has {length}, and devices take {LONGEST_COMPONENT}"
            )));
        }
        let bytes = match self.content.get(&sha256)? {
            Some(bytes) if bytes.len() as u64 == found.listed.length => bytes,
            _ => {
                let bytes = self.client.download(fetch, path, &found).await?;
                if !self.content.put(&sha256, &bytes)? {
                    return Err(TargetError::Full {
                        path: path.to_owned(),
                        length,
                        limit: LIMIT,
                    });
                }
                bytes
            }
        };
        Ok(VerifiedTarget {
            bytes,
            sha256,
            role: found.role,
            keys: found.keys,
        })
    }

    /// A target that was verified before, by its digest. `None` if it is not kept or was
    /// damaged. It proves that the bytes are the same, not that they are still wanted.
    pub fn stored(&self, sha256: &Sha256) -> Result<Option<Vec<u8>>, DiskError> {
        self.content.get(sha256)
    }

    /// The targets that are kept, for whoever reads them without the rest.
    pub fn kept(&self) -> KeptTargets {
        KeptTargets(self.content.clone())
    }

    /// Removes every stored target but `keep`.
    pub fn prune(&self, keep: &BTreeSet<Sha256>) -> Result<(), DiskError> {
        self.content.prune(keep)
    }

    /// What was accepted last, verified again from the first root; `None` on a new device.
    /// Expired metadata counts here, and only here. What does not verify is set aside.
    pub fn offline(&self) -> Result<Option<Refreshed>, OpenError> {
        let accepted = match Accepted::load(&self.accepted) {
            Err(error @ OpenError::Damaged { .. }) => {
                disk::quarantine(&self.accepted)?;
                return Err(error);
            }
            loaded => loaded?,
        };
        let Some(accepted) = accepted else {
            return Ok(None);
        };
        match accepted.verify(&self.client) {
            Ok(trusted) => {
                let file = |name: &str| {
                    accepted
                        .metadata
                        .get(name)
                        .map(|text| text.clone().into_bytes())
                };
                let roles = signed::roles(&trusted, file);
                Ok(Some(refreshed(accepted, roles, None)))
            }
            Err(reason) => {
                disk::quarantine(&self.accepted)?;
                Err(OpenError::Damaged { reason })
            }
        }
    }
}

/// Where in `folder` the state is that belongs to this first root.
pub(crate) fn state(folder: &Path, first_root: &Sha256) -> PathBuf {
    let short: String = first_root.to_string().chars().take(16).collect();
    folder.join(format!("tuf-{short}"))
}

fn refreshed(
    mut accepted: Accepted,
    roles: BTreeMap<String, SignedRole>,
    clock_behind: Option<Duration>,
) -> Refreshed {
    let mut document = |path: &str| {
        accepted
            .documents
            .remove(path)
            .unwrap_or_default()
            .into_bytes()
    };
    Refreshed {
        assignment: document(assignment::TARGET),
        revoked: document(revocation::TARGET),
        roles,
        clock_behind,
    }
}
