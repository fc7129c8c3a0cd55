//! A repository, a static host and a device, and what a thief of keys can do.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    pin::pin,
    sync::OnceLock,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bailiwick_core::{
    CONTRACT,
    bytes::ByteCount,
    digest::Sha256,
    ids::{PluginName, VendorName},
    ports::{BoxFuture, Fetch, FetchError},
    release::World,
    time::Timestamp,
};
use bailiwick_delivery::{Delivery, RefreshError, Refreshed, TargetError, VerifiedTarget};
use bailiwick_repository::{Init, Key, Publish, Repository, envelope};
use semver::Version;
use serde_json::{Value, json};
use tempfile::TempDir;

/// 24 hours.
pub const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Path of the component that [`Desk::begin`] publishes.
pub const COMPONENT: &str = "vendor/acme/inventory/0.1.0.wasm";

/// 2026-11-23T12:00:00Z.
pub fn noon() -> Timestamp {
    Timestamp::from_ms(1_795_435_200_000)
}

/// Who publishes.
pub fn vendor() -> VendorName {
    "acme".parse().unwrap()
}

/// What is published.
pub fn plugin() -> PluginName {
    "inventory".parse().unwrap()
}

/// A static host: a folder, and answers that someone put in the way.
#[derive(Default)]
pub struct Host {
    /// The folder.
    pub public: PathBuf,
    /// What is served in place of a file, by its name.
    pub instead: BTreeMap<String, Vec<u8>>,
    /// What is served in place of every file.
    pub everything: Option<Vec<u8>>,
}

impl Fetch for Host {
    fn fetch<'a>(
        &'a self,
        path: &'a str,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, FetchError>> {
        let put = self.everything.as_ref().or(self.instead.get(path));
        let bytes = put
            .cloned()
            .or_else(|| fs::read(self.public.join(path)).ok());
        Box::pin(async move { Ok(bytes) })
    }
}

/// Everything here answers at once.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a future waits, and nothing here could wake it"),
    }
}

/// A repository with one vendor and one published component, and an empty device.
pub struct Desk {
    /// Everything is beneath it.
    pub folder: TempDir,
    /// What the owner writes.
    pub repository: Repository,
    /// What the device reads.
    pub host: Host,
    /// The device.
    pub delivery: Delivery,
    /// Which first root the device trusts.
    pub root: Sha256,
}

impl Desk {
    /// Everything was made at [`noon`].
    pub fn begin() -> Self {
        // Keys, certificates and their place on the disk take a second, and are made once.
        static FIRST: OnceLock<(TempDir, Sha256)> = OnceLock::new();
        let (first, root) = FIRST.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let init = Init {
                vendors: vec![vendor(), "evil".parse().unwrap()],
                server_names: Vec::new(),
                now: noon(),
            };
            let path = folder.path().join("repository");
            let made = Repository::init(&path, &init).unwrap();
            publish(&Repository::open(&path).unwrap(), 1);
            (folder, made.root_sha256)
        });
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in store_files(first.path()) {
            let path = folder.path().join(path.strip_prefix(first.path()).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let repository = Repository::open(&folder.path().join("repository")).unwrap();
        let host = Host {
            public: repository.public(),
            ..Host::default()
        };
        let delivery = Delivery::open(&folder.path().join("device"), *root).unwrap();
        Self {
            folder,
            repository,
            host,
            delivery,
            root: *root,
        }
    }

    /// The device refreshes at `now`.
    pub fn refresh_at(&mut self, now: Timestamp) -> Result<Refreshed, RefreshError> {
        wait(self.delivery.refresh(&self.host, now))
    }

    /// The device refreshes at [`noon`].
    pub fn refresh(&mut self) -> Result<Refreshed, RefreshError> {
        self.refresh_at(noon())
    }

    /// The device wants a target at [`noon`].
    pub fn target(&mut self, path: &str) -> Result<VerifiedTarget, TargetError> {
        wait(self.delivery.target(&self.host, path, noon()))
    }

    /// The same device after a restart.
    pub fn restart(&mut self) {
        self.delivery = Delivery::open(&self.folder.path().join("device"), self.root).unwrap();
    }

    /// Where the device keeps metadata.
    pub fn state(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.folder.path().join("device")).unwrap();
        entries
            .find_map(|entry| {
                let path = entry.unwrap().path();
                path.file_name()?
                    .to_str()?
                    .starts_with("tuf-")
                    .then_some(path)
            })
            .unwrap()
    }

    /// A copy of what is served now, for serving it again later.
    pub fn record(&self) -> BTreeMap<String, Vec<u8>> {
        let public = self.repository.public();
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&public).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
        files
    }

    /// A key of the repository by its name, as a thief has it.
    pub fn key(&self, name: &str) -> Key {
        let folders = [self.repository.keys(), self.repository.online_keys()];
        let files = folders.map(|folder| folder.join(format!("{name}.json")));
        Key::load(files.iter().find(|file| file.exists()).unwrap()).unwrap()
    }

    /// The signed part of a public file.
    pub fn signed(&self, file: &str) -> Value {
        let text = fs::read(self.repository.public().join(file)).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["signed"].clone()
    }

    /// Serves `roles`, each signed by the named key, under a snapshot and a timestamp that a
    /// thief of the online keys signs.
    pub fn forge(&self, roles: &[(&str, Value, &str)], change: impl FnOnce(&mut Value)) {
        let public = self.repository.public();
        let mut timestamp = self.signed("timestamp.json");
        let before = timestamp["meta"]["snapshot.json"]["version"]
            .as_u64()
            .unwrap();
        let mut snapshot = self.signed(&format!("{before}.snapshot.json"));
        for (role, signed, key) in roles {
            let bytes = envelope(signed, &[&self.key(key)]).unwrap();
            snapshot["meta"][format!("{role}.json")] = pin(signed, &bytes);
            fs::write(
                public.join(format!("{}.{role}.json", signed["version"])),
                bytes,
            )
            .unwrap();
        }
        snapshot["version"] = json!(before + 1);
        change(&mut snapshot);
        let bytes = envelope(&snapshot, &[&self.key("snapshot-2026")]).unwrap();
        fs::write(
            public.join(format!("{}.snapshot.json", snapshot["version"])),
            &bytes,
        )
        .unwrap();
        timestamp["meta"]["snapshot.json"] = pin(&snapshot, &bytes);
        timestamp["version"] = json!(timestamp["version"].as_u64().unwrap() + 1);
        let bytes = envelope(&timestamp, &[&self.key("timestamp-2026")]).unwrap();
        fs::write(public.join("timestamp.json"), bytes).unwrap();
    }

    /// The newest signed part of a role with its version raised.
    pub fn next(&self, role: &str) -> Value {
        let status = self.repository.status().unwrap();
        let found = status
            .roles
            .iter()
            .find(|found| found.name == role)
            .unwrap();
        let mut signed = self.signed(&format!("{}.{role}.json", found.version));
        signed["version"] = json!(found.version + 1);
        signed
    }
}

/// How a parent role pins a metadata file.
pub fn pin(signed: &Value, bytes: &[u8]) -> Value {
    json!({"version": signed["version"], "length": bytes.len(), "hashes": {"sha256": Sha256::of(bytes)}})
}

/// The bytes of a published component.
pub fn component(minor: u64) -> Vec<u8> {
    format!("component {minor}").into_bytes()
}

/// Publishes version 0.`minor`.0.
pub fn publish(repository: &Repository, minor: u64) {
    let version = Version::new(0, minor, 0);
    let (vendor, plugin, bytes) = (vendor(), plugin(), component(minor));
    let new = Publish {
        vendor: &vendor,
        plugin: &plugin,
        version: &version,
        world: World::Collector,
        contract: &CONTRACT,
        minimum_host: &CONTRACT,
        component: &bytes,
    };
    repository.publish(&new, noon()).unwrap();
}

/// Revokes every version of the plugin.
pub fn revoke(repository: &Repository) {
    let versions = "*".parse().unwrap();
    repository
        .revoke(&vendor(), &plugin(), &versions, "It \"leaks\".", noon())
        .unwrap();
}

/// Every file beneath `folder` with its bytes.
pub fn store_files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(store_files(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}
