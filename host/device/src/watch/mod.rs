//! Changes of files, by the operating system's own notices: nothing is looked at, and nothing
//! runs, before something changes.
//!
//! A folder is watched and not what is beneath it. One that is reached over a symbolic link is
//! not: the grants are of names, and a link can lead to where nobody granted anything.

mod kept;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_core::{
    ids::PluginName,
    policy::Files,
    ports::{BoxFuture, Changes, Clock, UnavailableError, Watch},
};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::blocking;
use kept::Kept;

/// Watches for plugins, each by itself.
pub struct DeviceWatch {
    clock: Arc<dyn Clock>,
    plugins: Mutex<BTreeMap<PluginName, Arc<Watching>>>,
}

/// What is watched for one plugin.
struct Watching {
    grants: Arc<Files>,
    kept: Arc<Kept>,
    /// Folders that are watched, and which ones they are.
    folders: Mutex<BTreeMap<PathBuf, Identity>>,
}

/// Tells a folder from another one of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(Option<(u64, u64)>);

impl DeviceWatch {
    /// One that watches nothing.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let plugins = Mutex::default();
        Self { clock, plugins }
    }

    /// What is watched for `plugin` under `grants`, begun if need be.
    fn watching(&self, plugin: &PluginName, grants: &Arc<Files>) -> Arc<Watching> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let known = plugins.get(plugin).filter(|known| known.grants == *grants);
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let fresh = Arc::new(Watching {
            grants: Arc::clone(grants),
            kept: Arc::new(Kept::new(Arc::clone(grants), Arc::clone(&self.clock))),
            folders: Mutex::default(),
        });
        plugins.insert(plugin.clone(), Arc::clone(&fresh));
        fresh
    }
}

impl Watching {
    /// Watches what is not watched yet, and takes what was kept. Looks at folders: it blocks.
    fn changes(&self) -> Result<Changes, String> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut watcher = self.kept.watcher()?;
        let lost = self.kept.take_lost();
        if watcher.is_new {
            folders.clear();
        }
        let mut incomplete = watcher.is_new;
        let mut refused = None;
        for name in self.grants.folders() {
            let folder = PathBuf::from(name);
            let (was, is) = (folders.remove(&folder), identity(&folder));
            if was.is_some() && was == is && !lost.contains(&folder) {
                folders.extend(is.map(|is| (folder, is)));
                continue;
            }
            // What was before is not known, whether it can be watched now or not.
            incomplete = true;
            if was.is_some() {
                let _ = watcher.notices.unwatch(&folder);
            }
            match is.map(|is| watch(&mut watcher.notices, &folder, is)) {
                Some(Ok(true)) => folders.extend(is.map(|is| (folder, is))),
                Some(Ok(false)) | None => {}
                Some(Err(reason)) => refused = Some(reason),
            }
        }
        let mut changes = self.kept.take();
        changes.incomplete |= incomplete;
        self.kept.give_back(watcher.notices);
        match refused {
            Some(reason) => Err(reason),
            None => Ok(changes),
        }
    }
}

/// Which folder is there, if it has this name without a link.
fn identity(folder: &Path) -> Option<Identity> {
    let real = std::fs::canonicalize(folder).ok()?;
    let metadata = std::fs::symlink_metadata(folder).ok()?;
    (real == folder && metadata.is_dir()).then(|| Identity::of(&metadata))
}

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(Some((metadata.dev(), metadata.ino())))
    }

    /// Here a folder in another's place is told by the notices alone.
    #[cfg(not(unix))]
    fn of(_: &std::fs::Metadata) -> Self {
        Self(None)
    }
}

/// Whether `folder`, which was found to be `is`, is watched from here on.
fn watch(notices: &mut RecommendedWatcher, folder: &Path, is: Identity) -> Result<bool, String> {
    match notices.watch(folder, RecursiveMode::NonRecursive) {
        // Another one may have been put in its place meanwhile.
        Ok(()) if identity(folder) == Some(is) => Ok(true),
        Ok(()) => {
            let _ = notices.unwatch(folder);
            Ok(false)
        }
        Err(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
            Err("it watches no more folders".to_owned())
        }
        Err(_) => Ok(false),
    }
}

impl std::fmt::Debug for DeviceWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceWatch").finish_non_exhaustive()
    }
}

impl Watch for DeviceWatch {
    fn changes<'a>(
        &'a self,
        plugin: &'a PluginName,
        grants: &'a Arc<Files>,
    ) -> BoxFuture<'a, Result<Changes, UnavailableError>> {
        let watching = self.watching(plugin, grants);
        Box::pin(blocking::ask("changes of files", move || {
            watching.changes()
        }))
    }
}

#[cfg(test)]
mod tests;
