//! Real folders, and what is told of them.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use bailiwick_core::{
    policy::Policy,
    time::{Monotonic, Timestamp},
};

use super::*;

/// A clock that a test sets.
#[derive(Default)]
struct Set(AtomicU64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::ZERO.after(Duration::from_secs(self.0.load(Relaxed)))
    }

    fn thread_cpu_ns(&self) -> u64 {
        0
    }
}

struct Stage {
    _folder: tempfile::TempDir,
    real: PathBuf,
    grants: Arc<Files>,
    clock: Arc<Set>,
    watch: DeviceWatch,
}

impl Stage {
    /// What is in `a` is granted, but for `a/no`, and `b/x.toml`.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        for name in ["a", "b", "c"] {
            fs::create_dir(real.join(name)).unwrap();
        }
        let grant = |effect: &str, paths: &str| {
            format!(
                "[[grant]]\ncapability = \"watch\"\neffect = \"{effect}\"\n\
                 roots = [{{ root = \"{}\", paths = [{paths}] }}]\nreason = \"A test.\"\n\
                 approved-by = \"tests\"\nrisk = \"low\"\n",
                real.display()
            )
        };
        let text = format!(
            "{}{}{}",
            include_str!("../../../core/fixtures/policy.toml"),
            grant("allow", "\"a/*\", \"b/x.toml\""),
            grant("deny", "\"a/no\""),
        );
        let grants = Arc::new(Policy::parse("p.toml", &text).unwrap().watch());
        let clock = Arc::new(Set::default());
        Self {
            _folder: folder,
            real,
            grants,
            watch: DeviceWatch::new(clock.clone()),
            clock,
        }
    }

    async fn changes(&self) -> Changes {
        let plugin = "sample".parse().unwrap();
        self.watch.changes(&plugin, &self.grants).await.unwrap()
    }

    /// All that is told until `last` is. Notices come from the kernel by another thread, and
    /// whoever asks is told what came: there is nothing to wait for but to ask again.
    async fn until(&self, last: &str) -> Changes {
        let last = self.path(last);
        let end = Instant::now() + Duration::from_secs(20);
        let mut all = Changes::default();
        while !all.paths.contains(&last) {
            assert!(Instant::now() < end, "{last} is never told: {all:?}");
            let some = self.changes().await;
            all.paths.extend(some.paths);
            all.incomplete |= some.incomplete;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        all.paths.sort_unstable();
        all.paths.dedup();
        all
    }

    fn path(&self, name: &str) -> String {
        self.real.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str) {
        fs::write(self.path(name), name).unwrap();
    }
}

#[tokio::test]
async fn what_is_granted_is_told_once_and_nothing_beside_it() {
    let stage = Stage::new();
    assert_eq!(
        stage.changes().await,
        Changes {
            paths: Vec::new(),
            incomplete: true
        }
    );
    assert_eq!(stage.changes().await, Changes::default());
    for name in ["a/no", "b/y.toml", "c/1", "a/1", "b/x.toml"] {
        stage.write(name);
    }
    fs::read(stage.path("a/1")).unwrap();
    stage.write("a/last");
    let told = stage.until("a/last").await;
    let expected = ["a/1", "a/last", "b/x.toml"].map(|name| stage.path(name));
    assert_eq!(
        (told.paths.as_slice(), told.incomplete),
        (&expected[..], false)
    );
    fs::rename(stage.path("a/1"), stage.path("c/1")).unwrap();
    let moved = stage.until("a/1").await;
    assert_eq!(moved.paths, [stage.path("a/1")]);
    fs::remove_file(stage.path("a/last")).unwrap();
    assert!(!stage.until("a/last").await.incomplete);
}

#[tokio::test]
async fn more_than_is_kept_is_said_and_not_held() {
    let stage = Stage::new();
    stage.changes().await;
    for number in 0..1_100 {
        stage.write(&format!("a/{number}"));
    }
    let end = Instant::now() + Duration::from_secs(20);
    let (mut most, mut incomplete) = (0, false);
    while !incomplete {
        assert!(Instant::now() < end, "nothing was missed: {most}");
        // Asking takes what is kept, so notices need time to come before it.
        tokio::time::sleep(Duration::from_millis(20)).await;
        // As long as nobody asks, it grows to the bound.
        let told = stage.changes().await;
        most = most.max(told.paths.len());
        incomplete = told.incomplete;
        for number in 0..1_100 {
            stage.write(&format!("a/{number}"));
        }
    }
    assert!(most <= 1_024, "{most}");
}

#[tokio::test]
async fn a_folder_that_goes_away_and_comes_back_is_watched_again() {
    let stage = Stage::new();
    stage.changes().await;
    fs::remove_dir(stage.path("a")).unwrap();
    // Not there: nobody knows what would have been told.
    assert!(stage.changes().await.incomplete);
    fs::create_dir(stage.path("a")).unwrap();
    assert!(stage.changes().await.incomplete);
    // What its end had to tell has come by now, or comes before the next.
    stage.write("a/1");
    stage.until("a/1").await;
    // Another one in its place.
    fs::rename(stage.path("a"), stage.path("old")).unwrap();
    fs::create_dir(stage.path("a")).unwrap();
    assert!(stage.changes().await.incomplete);
    stage.write("old/2");
    stage.write("a/3");
    let told = stage.until("a/3").await;
    assert!(!told.paths.contains(&stage.path("a/2")), "{told:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_is_told_of_what_a_link_leads_to() {
    let stage = Stage::new();
    fs::remove_dir(stage.path("a")).unwrap();
    std::os::unix::fs::symlink(stage.path("c"), stage.path("a")).unwrap();
    assert!(stage.changes().await.incomplete);
    stage.write("c/secret");
    stage.write("b/x.toml");
    let told = stage.until("b/x.toml").await;
    assert_eq!(told.paths, [stage.path("b/x.toml")]);
    assert!(told.incomplete, "a granted folder is not watched");
}

#[tokio::test]
async fn who_does_not_ask_is_watched_for_no_more() {
    let stage = Stage::new();
    stage.changes().await;
    let plugin: PluginName = "sample".parse().unwrap();
    let kept = Arc::clone(&stage.watch.plugins.lock().unwrap()[&plugin].kept);
    assert!(kept.is_watching());
    stage.clock.0.store(2 * 86_400 + 1, Relaxed);
    stage.write("a/1");
    let end = Instant::now() + Duration::from_secs(20);
    // Asking would begin anew: what a notice from another thread does is looked at.
    while kept.is_watching() {
        assert!(Instant::now() < end, "it is still watched");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // Whoever asks then begins anew.
    let anew = stage.changes().await;
    assert_eq!((anew.paths.len(), anew.incomplete), (0, true));
    stage.write("a/2");
    stage.until("a/2").await;
}
