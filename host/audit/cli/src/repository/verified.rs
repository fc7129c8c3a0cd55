//! What the reader of devices verified of a repository.

use std::{
    collections::BTreeMap,
    path::Path,
    pin::pin,
    task::{Context as Task, Poll, Waker},
};

use anyhow::{Context as _, bail};
use bailiwick_audit::{Component, PolicyFile, inspect};
use bailiwick_core::{
    assignment::{self, Assignment},
    bytes::ByteCount,
    digest::Sha256,
    policy,
    ports::Fetch as _,
    release::{self, LONGEST_COMPONENT, Release, component_target, manifest_target},
    revocation::{self, Revocations},
    time::Timestamp,
};
use bailiwick_delivery::{Client, Found, SignedRole};
use semver::Version;

use super::folder::{Folder, Published};

/// The role of policies and of the assignment.
const POLICIES: &str = "policies";

/// Longest root, as devices bound it.
const LONGEST_ROOT: ByteCount = ByteCount::new(512_000);

/// A repository of which metadata were verified.
pub(super) struct Verified {
    folder: Folder,
    client: Client,
    root: Sha256,
    /// What the client keeps; it ends with this program.
    _state: tempfile::TempDir,
    now: Timestamp,
}

/// A version that a role lists.
pub(super) struct Listed {
    pub(super) version: Version,
    pub(super) sha256: Sha256,
    pub(super) found: Found,
}

impl Verified {
    /// Verifies what is in `folder`, from the first root on: that with digest `root`, or
    /// whichever is there.
    ///
    /// # Errors
    /// A device would not accept it.
    pub(super) fn open(
        folder: &Path,
        root: Option<Sha256>,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let folder = Folder(folder.to_owned());
        let root = match root {
            Some(root) => root,
            None => Sha256::of(
                &wait(folder.fetch("1.root.json", LONGEST_ROOT))??
                    .context("it is no public folder of a repository: 1.root.json is missing")?,
            ),
        };
        let state = tempfile::tempdir().context("no folder for metadata can be made")?;
        let mut client = Client::open(state.path(), root)?;
        wait(client.refresh(&folder, now))??;
        Ok(Self {
            folder,
            client,
            root,
            _state: state,
            now,
        })
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Digest of the first root.
    pub(super) fn root(&self) -> Sha256 {
        self.root
    }

    /// Every role that was read so far.
    pub(super) fn roles(&self) -> BTreeMap<String, SignedRole> {
        self.client.roles()
    }

    pub(super) fn assignment(&mut self) -> anyhow::Result<Assignment> {
        let text = self.of_policies(assignment::TARGET, assignment::LONGEST)?;
        Ok(Assignment::parse(assignment::TARGET, &text)?)
    }

    pub(super) fn revocations(&mut self) -> anyhow::Result<Revocations> {
        let text = self.of_policies(revocation::TARGET, revocation::LONGEST)?;
        Ok(Revocations::parse(revocation::TARGET, &text)?)
    }

    pub(super) fn lists_policy(&mut self, file: &str) -> anyhow::Result<bool> {
        let found = self.find(&format!("{POLICIES}/{file}"))?;
        Ok(found.is_some_and(|found| found.role == POLICIES))
    }

    pub(super) fn policy(&mut self, file: &str) -> anyhow::Result<PolicyFile> {
        let target = format!("{POLICIES}/{file}");
        let text = self.of_policies(&target, policy::LONGEST)?;
        Ok(PolicyFile::parse(&target, &text)?)
    }

    /// The component's entry in the role that lists it; `None` if none does.
    pub(super) fn listed(
        &mut self,
        (vendor, plugin): &Published,
        version: &Version,
    ) -> anyhow::Result<Option<Listed>> {
        let target = component_target(vendor, plugin, version);
        let Some(found) = self.find(&target)? else {
            return Ok(None);
        };
        let sha256 = found.listed.sha256;
        Ok(Some(Listed {
            version: version.clone(),
            sha256: sha256
                .with_context(|| format!("{} names no sha256 of {target}", found.role))?,
            found,
        }))
    }

    pub(super) fn component(
        &mut self,
        (vendor, plugin): &Published,
        listed: &Listed,
    ) -> anyhow::Result<Component> {
        let file = component_target(vendor, plugin, &listed.version);
        let bytes = self.download(&file, &listed.found, LONGEST_COMPONENT)?;
        let inspection = inspect(&bytes)?;
        Ok(Component { file, inspection })
    }

    /// What the vendor says of a version.
    pub(super) fn manifest(
        &mut self,
        (vendor, plugin): &Published,
        version: &Version,
    ) -> anyhow::Result<Release> {
        let target = manifest_target(vendor, plugin, version);
        let found = self.find(&target)?;
        let found = found.with_context(|| format!("no role lists {target}"))?;
        let bytes = self.download(&target, &found, release::LONGEST)?;
        Ok(Release::parse(&target, &utf8(bytes)?)?)
    }

    /// A document that counts only if the role of policies lists it.
    fn of_policies(&mut self, target: &str, at_most: ByteCount) -> anyhow::Result<String> {
        let found = self.find(target)?;
        let found = found.filter(|found| found.role == POLICIES);
        let found = found.with_context(|| format!("`{POLICIES}` does not list {target}"))?;
        utf8(self.download(target, &found, at_most)?)
    }

    fn find(&mut self, target: &str) -> anyhow::Result<Option<Found>> {
        Ok(wait(self.client.find(&self.folder, target, self.now))??)
    }

    fn download(
        &mut self,
        target: &str,
        found: &Found,
        at_most: ByteCount,
    ) -> anyhow::Result<Vec<u8>> {
        let length = ByteCount::new(found.listed.length);
        if length > at_most {
            bail!("{target} has {length}, and devices take {at_most}");
        }
        Ok(wait(self.client.download(&self.folder, target, found))??)
    }
}

fn utf8(bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).context("it is not UTF-8")
}

/// Runs a future of the reader. A folder answers at once, so one poll is enough.
fn wait<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => bail!("the reader waits for something that is not a file"),
    }
}
