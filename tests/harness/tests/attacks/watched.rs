//! A watched folder that leads elsewhere, and one in which too much changes.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bailiwick_core::{
    ids::PluginName,
    policy::Files,
    ports::{BoxFuture, Changes, UnavailableError, Watch},
    time::Timestamp,
};
use bailiwick_device::{DeviceWatch, SystemClock};
use bailiwick_harness::hostile::Words;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tempfile::TempDir;

use super::device::{Device, Scene, ports};

/// More than a host keeps, and little enough for a guest to hold.
const MANY: usize = 1_500;

/// For notices to come on a machine that builds meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// Watches the folders by their names, wherever they lead, and tells what has a granted name.
#[derive(Default)]
struct ByName {
    notices: Mutex<Option<RecommendedWatcher>>,
    changed: Arc<Mutex<BTreeSet<String>>>,
}

impl ByName {
    fn begin(&self, grants: &Arc<Files>) -> RecommendedWatcher {
        let (changed, granted) = (Arc::clone(&self.changed), Arc::clone(grants));
        let mut notices =
            notify::recommended_watcher(move |notice: notify::Result<notify::Event>| {
                for path in notice.unwrap().paths {
                    let path = path.display().to_string();
                    if granted.file(&path, Timestamp::EPOCH).is_ok() {
                        changed.lock().unwrap().insert(path);
                    }
                }
            })
            .unwrap();
        for folder in grants.folders() {
            notices
                .watch(Path::new(folder), RecursiveMode::NonRecursive)
                .unwrap();
        }
        notices
    }
}

impl Watch for ByName {
    fn changes<'a>(
        &'a self,
        _: &'a PluginName,
        grants: &'a Arc<Files>,
    ) -> BoxFuture<'a, Result<Changes, UnavailableError>> {
        let mut notices = self.notices.lock().unwrap();
        notices.get_or_insert_with(|| self.begin(grants));
        let changes = Changes {
            paths: std::mem::take(&mut *self.changed.lock().unwrap())
                .into_iter()
                .collect(),
            incomplete: false,
        };
        Box::pin(async { Ok(changes) })
    }
}

pub(crate) fn link(device: Device, folder: &TempDir) -> BoxFuture<'static, Scene> {
    // Where a test is started from may be a link itself.
    let root = fs::canonicalize(folder.path()).unwrap();
    let secrets = root.join("secrets");
    for folder in [&secrets, &root.join("real")] {
        fs::create_dir(folder).unwrap();
    }
    symlink("secrets", root.join("link")).unwrap();
    let mut ports = ports();
    ports.watch = match device {
        Device::WithoutTheDefence => Arc::new(ByName::default()),
        Device::Ours => Arc::new(DeviceWatch::new(Arc::new(SystemClock::new()))),
    };
    let words = Words::from([("root", root.display().to_string())]);
    // Notices come in the order of what happened.
    let change = move || {
        fs::write(secrets.join("file"), "secret").unwrap();
        fs::write(root.join("real/file"), "public").unwrap();
    };
    let scene = Scene {
        words,
        instances: vec![ports],
        then: Some(Box::new(change)),
        is_harmed: None,
        _kept: Box::new(()),
    };
    Box::pin(async { scene })
}

pub(crate) fn flood(device: Device, folder: &TempDir) -> BoxFuture<'static, Scene> {
    let root = fs::canonicalize(folder.path()).unwrap().join("watched");
    fs::create_dir(&root).unwrap();
    let mut ports = ports();
    let kept = match device {
        Device::WithoutTheDefence => {
            let naive = ByName::default();
            let kept = Arc::clone(&naive.changed);
            ports.watch = Arc::new(naive);
            Some(kept)
        }
        Device::Ours => {
            ports.watch = Arc::new(DeviceWatch::new(Arc::new(SystemClock::new())));
            None
        }
    };
    let words = Words::from([("root", root.display().to_string())]);
    let change = move || {
        for number in 0..MANY {
            fs::write(root.join(format!("f{number}")), "").unwrap();
        }
        fs::write(root.join("last"), "").unwrap();
        // Ours tells of its own that there is more.
        let begun = Instant::now();
        while kept
            .as_ref()
            .is_some_and(|kept| kept.lock().unwrap().len() <= MANY)
        {
            assert!(begun.elapsed() < PATIENCE, "the notices do not come");
            std::thread::yield_now();
        }
    };
    let scene = Scene {
        words,
        instances: vec![ports],
        then: Some(Box::new(change)),
        is_harmed: None,
        _kept: Box::new(()),
    };
    Box::pin(async { scene })
}
