//! Artifacts on a real disk. The format's own tests are beside it.

use std::fs;

use super::*;
use crate::engine::engine;

/// Answers like a compiler and counts how often it was asked.
struct Counting(AtomicU64);

impl Compile for Counting {
    fn compile<'a>(
        &'a self,
        component: &'a [u8],
    ) -> bailiwick_core::ports::BoxFuture<'a, Result<Vec<u8>, CompileError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok([b"compiled ", component].concat()) })
    }
}

fn opened() -> (tempfile::TempDir, Artifacts) {
    let parent = tempfile::tempdir().expect("a folder");
    let artifacts = reopened(&parent);
    (parent, artifacts)
}

fn reopened(parent: &tempfile::TempDir) -> Artifacts {
    let engine = engine().expect("an engine");
    Artifacts::open(&parent.path().join("artifacts"), &engine).expect("a private folder")
}

#[test]
fn what_was_stored_is_loaded_by_the_next_start() {
    let (parent, artifacts) = opened();
    let component = Sha256::of(b"a");
    artifacts.store(&component, b"code").expect("stored");
    let artifact = reopened(&parent).load(&component).expect("loaded");
    assert_eq!(artifact.bytes(), b"code");
    assert!(artifacts.load(&Sha256::of(b"b")).is_none());
    assert_eq!(artifacts.discarded(), Discarded::default());
}

#[test]
fn a_tampered_file_is_removed_and_counted() {
    let (parent, artifacts) = opened();
    let component = Sha256::of(b"a");
    artifacts.store(&component, b"code").expect("stored");
    let path = parent.path().join("artifacts").join(file_name(&component));
    let mut bytes = fs::read(&path).expect("the file");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(&path, bytes).expect("written");
    assert!(artifacts.load(&component).is_none());
    assert!(!path.exists());
    assert_eq!(artifacts.discarded().tampered, 1);
}

#[test]
fn an_artifact_put_in_the_place_of_another_is_refused() {
    let (parent, artifacts) = opened();
    let (harmless, wanted) = (Sha256::of(b"harmless"), Sha256::of(b"wanted"));
    artifacts.store(&wanted, b"code").expect("stored");
    let folder = parent.path().join("artifacts");
    fs::rename(
        folder.join(file_name(&wanted)),
        folder.join(file_name(&harmless)),
    )
    .expect("moved");
    assert!(artifacts.load(&harmless).is_none());
    assert_eq!(artifacts.discarded().tampered, 1);
}

#[test]
fn a_new_key_refuses_what_the_old_one_vouched_for() {
    let (parent, artifacts) = opened();
    let component = Sha256::of(b"a");
    artifacts.store(&component, b"code").expect("stored");
    fs::remove_file(parent.path().join("artifacts/key")).expect("removed");
    let artifacts = reopened(&parent);
    assert!(artifacts.load(&component).is_none());
    assert_eq!(artifacts.discarded().tampered, 1);
}

#[test]
fn only_the_artifacts_in_use_are_retained() {
    let (_parent, artifacts) = opened();
    let (old, new) = (Sha256::of(b"old"), Sha256::of(b"new"));
    artifacts.store(&old, b"old").expect("stored");
    artifacts.store(&new, b"new").expect("stored");
    artifacts.retain(&[new]).expect("retained");
    assert!(artifacts.load(&old).is_none());
    assert!(artifacts.load(&new).is_some());
    assert_eq!(artifacts.discarded(), Discarded::default());
}

#[tokio::test]
async fn compiles_once_and_again_after_tampering() {
    let (parent, artifacts) = opened();
    let compiler = Counting(AtomicU64::new(0));
    for _ in 0..2 {
        let artifact = artifacts
            .load_or_compile(b"x", &compiler)
            .await
            .expect("made");
        assert_eq!(artifact.bytes(), b"compiled x");
    }
    assert_eq!(compiler.0.load(Ordering::Relaxed), 1);
    let path = parent
        .path()
        .join("artifacts")
        .join(file_name(&Sha256::of(b"x")));
    fs::write(&path, b"cut").expect("written");
    let artifact = artifacts
        .load_or_compile(b"x", &compiler)
        .await
        .expect("made");
    assert_eq!(artifact.bytes(), b"compiled x");
    assert_eq!(compiler.0.load(Ordering::Relaxed), 2);
    assert_eq!(artifacts.discarded().tampered, 1);
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn folder_and_files_are_private() {
        let (parent, artifacts) = opened();
        artifacts.store(&Sha256::of(b"a"), b"code").expect("stored");
        let folder = parent.path().join("artifacts");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for entry in fs::read_dir(&folder).expect("listed") {
            assert_eq!(mode(&entry.expect("an entry").path()), 0o600);
        }
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let (parent, _artifacts) = opened();
        let folder = parent.path().join("artifacts");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).expect("changed");
        let error = Artifacts::open(&folder, &engine().expect("an engine")).expect_err("refused");
        assert!(error.to_string().contains("its mode is 0750"), "{error}");
    }

    #[test]
    fn a_symbolic_link_in_place_of_an_artifact_is_not_followed() {
        let (parent, artifacts) = opened();
        let component = Sha256::of(b"a");
        artifacts.store(&component, b"code").expect("stored");
        let path = parent.path().join("artifacts").join(file_name(&component));
        let elsewhere = parent.path().join("elsewhere");
        fs::rename(&path, &elsewhere).expect("moved");
        symlink(&elsewhere, &path).expect("linked");
        assert!(artifacts.load(&component).is_none());
        assert_eq!(artifacts.discarded().tampered, 1);
        assert!(elsewhere.exists());
    }
}
