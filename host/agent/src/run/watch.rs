//! Notices that the settings file or the ceiling changed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::AccessKind};
use tokio::sync::Notify;

/// Watches some files, by the folders that hold them: editors write a new file and rename
/// it, and then the old one never changes again.
pub(crate) struct Watch {
    /// Watches as long as it lives.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Rings `changed` whenever one of `files` may have changed. A folder that is not
    /// there is not watched.
    ///
    /// # Errors
    /// The operating system watches no more.
    pub(crate) fn new(files: BTreeSet<PathBuf>, changed: Arc<Notify>) -> anyhow::Result<Self> {
        let folders: BTreeSet<PathBuf> = files
            .iter()
            .filter_map(|file| file.parent())
            .filter(|folder| folder.is_dir())
            .map(Path::to_owned)
            .collect();
        let mut watcher = notify::recommended_watcher(move |seen: notify::Result<_>| {
            if seen.map_or(true, |event| concerns(&files, &event)) {
                changed.notify_one();
            }
        })
        .context("the settings can't be watched: changes count at the next start")?;
        for folder in folders {
            watcher
                .watch(&folder, RecursiveMode::NonRecursive)
                .with_context(|| format!("{} can't be watched", folder.display()))?;
        }
        Ok(Self { _watcher: watcher })
    }
}

/// Reading them, as we do ourselves, is no change. An event without a path stands for
/// those that the system could not keep.
fn concerns(files: &BTreeSet<PathBuf>, event: &notify::Event) -> bool {
    let reading = matches!(event.kind, EventKind::Access(kind) if !is_written(kind));
    !reading && (event.paths.is_empty() || event.paths.iter().any(|path| files.contains(path)))
}

fn is_written(kind: AccessKind) -> bool {
    kind == AccessKind::Close(notify::event::AccessMode::Write)
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    async fn rings(changed: &Notify) -> bool {
        tokio::time::timeout(Duration::from_secs(20), changed.notified())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_file_is_noticed_when_it_is_made_written_replaced_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        let (file, other) = (real.join("a.toml"), real.join("b.toml"));
        let changed = Arc::new(Notify::new());
        let _watch = Watch::new([file.clone()].into(), Arc::clone(&changed)).unwrap();
        fs::write(&file, "1").unwrap();
        assert!(rings(&changed).await, "made");
        fs::write(&file, "2").unwrap();
        assert!(rings(&changed).await, "written");
        fs::write(&other, "3").unwrap();
        fs::rename(&other, &file).unwrap();
        assert!(rings(&changed).await, "replaced");
        fs::remove_file(&file).unwrap();
        assert!(rings(&changed).await, "removed");
    }

    #[test]
    fn reading_and_other_files_are_no_change() {
        use notify::event::{AccessMode, CreateKind};
        let files: BTreeSet<PathBuf> = [PathBuf::from("/f/a")].into();
        let event = |kind, path: &str| notify::Event::new(kind).add_path(path.into());
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Read));
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let made = EventKind::Create(CreateKind::File);
        assert!(!concerns(&files, &event(opened, "/f/a")));
        assert!(concerns(&files, &event(written, "/f/a")));
        assert!(concerns(&files, &event(made, "/f/a")));
        assert!(!concerns(&files, &event(made, "/f/b")));
        assert!(concerns(&files, &notify::Event::new(EventKind::Other)));
    }
}
