use std::{
    fs,
    os::fd::AsFd as _,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink, net::UnixListener},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bailiwick_core::{
    policy,
    ports::{FileKind, FilesError},
    time::Timestamp,
};

use super::*;

const PLENTY: ByteCount = ByteCount::mib(1);

/// With no grant and no denial: a path that its owner's links lead anywhere beneath.
static NOTHING: std::sync::LazyLock<Arc<policy::Files>> = std::sync::LazyLock::new(Arc::default);

fn at<'a>(root: &'a str, path: &'a str) -> Place<'a> {
    Place {
        root,
        path,
        grants: &NOTHING,
        now: Timestamp::EPOCH,
    }
}

/// A root with a file in it, beside a secret that is not beneath it.
struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        fs::write(folder.path().join("root/file"), "content").unwrap();
        Self { folder }
    }

    fn root(&self) -> String {
        self.path("").to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("root").join(name)
    }

    fn secret(&self) -> std::path::PathBuf {
        self.folder.path().join("secret")
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, FilesError> {
        DeviceFiles::new()
            .read(at(&self.root(), path), PLENTY)
            .await
    }
}

fn mkfifo(path: &Path) {
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
}

#[tokio::test]
async fn reads_a_file_and_a_link_that_stays_beneath() {
    let place = Tree::new();
    symlink("file", place.path("link")).unwrap();
    assert_eq!(place.read("file").await.unwrap(), b"content");
    assert_eq!(place.read("link").await.unwrap(), b"content");
    assert_eq!(place.read("none").await, Err(FilesError::NotFound));
    assert_eq!(place.read("file/x").await, Err(FilesError::NotFound));
}

#[tokio::test]
async fn nothing_leads_out() {
    let place = Tree::new();
    symlink(place.secret(), place.path("absolute")).unwrap();
    symlink("../secret", place.path("relative")).unwrap();
    symlink("..", place.path("up")).unwrap();
    symlink("circle", place.path("circle")).unwrap();
    let secret = place.secret();
    let files = DeviceFiles::new();
    let root = place.root();
    for path in [
        "absolute",
        "relative",
        "up/secret",
        "../secret",
        "x/../../secret",
        "circle",
        secret.to_str().unwrap(),
    ] {
        assert_eq!(place.read(path).await, Err(FilesError::Escapes), "{path}");
        let part = files.read_part(at(&root, path), 0, 9).await;
        assert_eq!(part, Err(FilesError::Escapes), "{path}");
        let looked = files.look(at(&root, path)).await;
        assert_eq!(looked, Err(FilesError::Escapes), "{path}");
    }
    assert_eq!(
        files.list(at(&root, "up"), PLENTY).await,
        Err(FilesError::Escapes)
    );
    let through = files.read_link(at(&root, "up/root/absolute")).await;
    assert_eq!(through, Err(FilesError::Escapes));
}

#[tokio::test]
async fn a_link_tells_what_it_says_without_being_followed() {
    let place = Tree::new();
    symlink("/nowhere/at/all", place.path("link")).unwrap();
    let files = DeviceFiles::new();
    let said = files.read_link(at(&place.root(), "link")).await;
    assert_eq!(said.as_deref(), Ok("/nowhere/at/all"));
    let said = files.read_link(at(&place.root(), "file")).await;
    assert_eq!(said, Err(FilesError::WrongKind));
}

#[tokio::test]
async fn only_regular_files_are_read_and_a_pipe_does_not_hang() {
    let place = Tree::new();
    mkfifo(&place.path("pipe"));
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    for name in ["pipe", "socket", "folder", ""] {
        assert_eq!(place.read(name).await, Err(FilesError::WrongKind), "{name}");
    }
    let files = DeviceFiles::new();
    let looked = files.look(at(&place.root(), "pipe")).await.unwrap();
    assert_eq!(looked.kind, FileKind::Other);
    let device = files.read(at("/dev", "zero"), PLENTY).await;
    assert_eq!(device, Err(FilesError::WrongKind));
    let listed = files.list(at(&place.root(), "file"), PLENTY).await;
    assert_eq!(listed, Err(FilesError::WrongKind));
}

#[tokio::test]
async fn a_hard_link_in_a_folder_that_others_write_is_refused() {
    let place = Tree::new();
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    fs::hard_link(place.secret(), place.path("hard")).unwrap();
    symlink("hard", place.path("soft")).unwrap();
    assert_eq!(place.read("hard").await, Err(FilesError::Escapes));
    let grants = grants(&place, r#""hard", "soft""#, r#""none""#);
    let root = place.root();
    let soft = Place {
        grants: &grants,
        ..at(&root, "soft")
    };
    let read = DeviceFiles::new().read(soft, PLENTY).await;
    assert_eq!(read, Err(FilesError::Escapes));
    assert_eq!(place.read("file").await.unwrap(), b"content");
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(place.read("hard").await.unwrap(), b"secret");
}

#[tokio::test]
async fn too_large_is_told_with_the_size() {
    let place = Tree::new();
    let files = DeviceFiles::new();
    let read = |at_most| {
        let (files, root) = (files.clone(), place.root());
        async move { files.read(at(&root, "file"), ByteCount::new(at_most)).await }
    };
    assert_eq!(read(7).await.unwrap(), b"content");
    let too_large = Err(FilesError::TooLarge(ByteCount::new(7)));
    assert_eq!(read(6).await, too_large);
    assert_eq!(read(0).await, too_large);
}

#[tokio::test]
async fn parts_end_with_the_file() {
    let place = Tree::new();
    let files = DeviceFiles::new();
    let root = place.root();
    for (offset, length, expected) in [
        (0, 3, "con"),
        (3, 100, "tent"),
        (7, 1, ""),
        (900, 1, ""),
        (u64::MAX, 1, ""),
        (0, 0, ""),
    ] {
        let part = files.read_part(at(&root, "file"), offset, length).await;
        assert_eq!(part.unwrap(), expected.as_bytes(), "{offset}+{length}");
    }
    fs::write(place.path("long"), vec![1; 3 << 20]).unwrap();
    let part = files
        .read_part(at(&root, "long"), 0, u32::MAX)
        .await
        .unwrap();
    assert_eq!(part.len(), 1 << 20);
}

#[tokio::test]
async fn entries_come_in_order_and_without_names_that_are_no_text() {
    let place = Tree::new();
    fs::create_dir(place.path("dir")).unwrap();
    symlink("/nowhere", place.path("a")).unwrap();
    fs::write(
        place.path("").join(std::ffi::OsStr::from_bytes(b"\xff")),
        "",
    )
    .unwrap();
    let entries = DeviceFiles::new()
        .list(at(&place.root(), ""), PLENTY)
        .await
        .unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.kind))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", FileKind::SymbolicLink),
            ("dir", FileKind::Directory),
            ("file", FileKind::File)
        ]
    );
    // One byte less than they take.
    let files = DeviceFiles::new();
    let fits = ByteCount::new(Entry::cost(1) + Entry::cost(3) + Entry::cost(4));
    assert!(files.list(at(&place.root(), ""), fits).await.is_ok());
    let short = ByteCount::new(fits.get() - 1);
    let refused = files.list(at(&place.root(), ""), short).await;
    assert_eq!(refused, Err(FilesError::TooLarge(fits)));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn proc_is_read_to_its_end_and_its_magic_links_are_not_followed() {
    let files = DeviceFiles::new();
    let looked = files.look(at("/proc", "version")).await.unwrap();
    assert_eq!(looked.size, ByteCount::new(0));
    let version = files.read(at("/proc", "version"), PLENTY).await.unwrap();
    assert!(version.starts_with(b"Linux version"), "{version:?}");
    let cut = files.read(at("/proc", "version"), ByteCount::new(5)).await;
    assert_eq!(cut, Err(FilesError::TooLarge(ByteCount::new(6))));
    let magic = files.read(at("/proc", "self/exe"), PLENTY).await;
    assert_eq!(magic, Err(FilesError::Escapes));
    let through = files
        .read(at("/proc", "self/root/etc/passwd"), PLENTY)
        .await;
    assert_eq!(through, Err(FilesError::Escapes));
}

/// Kernels without `openat2`, and programs that may not call it, walk every path.
#[test]
fn a_walk_finds_what_the_kernel_finds_in_one_step() {
    let tree = Tree::new();
    fs::create_dir_all(tree.path("a/b")).unwrap();
    fs::write(tree.path("a/b/deep"), "deep").unwrap();
    let root = Dir::open_ambient_dir(tree.root(), cap_std::ambient_authority()).unwrap();
    for path in [".", "file", "a", "a/b", "a/b/deep"] {
        let walked = walk::walk(root.as_fd(), path, beneath::Last::Follow).unwrap();
        let found = beneath::find(&root, path, beneath::Last::Follow).unwrap();
        assert_eq!(walked.path(), found.path(), "{path}");
        assert_eq!(walked.metadata(), found.metadata(), "{path}");
        assert_eq!(walked.linked, policy::Linked::No, "{path}");
        match walked.kind() {
            FileKind::Directory => {
                let names = walked.folder(&root).unwrap().entries().unwrap().count();
                assert_eq!(
                    found.folder(&root).unwrap().entries().unwrap().count(),
                    names
                );
            }
            _ => assert_eq!(
                std::io::read_to_string(walked.file(&root).unwrap()).unwrap(),
                std::io::read_to_string(found.file(&root).unwrap()).unwrap(),
            ),
        }
    }
    let missing = walk::walk(root.as_fd(), "a/none/x", beneath::Last::Follow);
    assert_eq!(missing.err(), Some(FilesError::NotFound));
    let through = walk::walk(root.as_fd(), "file/x", beneath::Last::Follow);
    assert_eq!(through.err(), Some(FilesError::NotFound));
}

/// What a policy with these grants and denials beneath the tree's root would check with.
fn grants(tree: &Tree, allowed: &str, denied: &str) -> Arc<policy::Files> {
    let text = include_str!("../../../core/fixtures/policy.toml");
    let head = text.split("[[grant]]").next().unwrap();
    let grant = |effect: &str, paths: &str| {
        format!(
            "[[grant]]\ncapability = \"files\"\neffect = \"{effect}\"\nroots = \
             [{{ root = \"{}\", paths = [{paths}] }}]\nreason = \"A test.\"\n\
             approved-by = \"tests\"\nrisk = \"low\"\n",
            tree.root().trim_end_matches('/')
        )
    };
    let text = format!("{head}{}{}", grant("allow", allowed), grant("deny", denied));
    Arc::new(policy::Policy::parse("p", &text).unwrap().files())
}

#[tokio::test]
async fn a_link_gives_a_denied_file_no_second_name() {
    let tree = Tree::new();
    fs::create_dir_all(tree.path("open/deep")).unwrap();
    fs::create_dir_all(tree.path("shut")).unwrap();
    fs::write(tree.path("shut/key"), "secret").unwrap();
    fs::write(tree.path("open/key"), "secret").unwrap();
    fs::write(tree.path("open/plain"), "plain").unwrap();
    symlink("../shut/key", tree.path("open/file-link")).unwrap();
    symlink("key", tree.path("open/same-folder")).unwrap();
    symlink("../shut", tree.path("open/folder-link")).unwrap();
    symlink("../../open/folder-link", tree.path("open/deep/chain")).unwrap();
    symlink("plain", tree.path("open/fine")).unwrap();
    let grants = grants(&tree, r#""open", "open/**""#, r#""shut", "open/key""#);
    let files = DeviceFiles::new();
    let root = tree.root();
    let place = |path| Place {
        grants: &grants,
        ..at(&root, path)
    };
    let denied = |error: Option<FilesError>, path: &str| {
        assert!(
            matches!(error, Some(FilesError::Denied(_))),
            "{path}: {error:?}"
        );
    };
    for path in [
        "open/file-link",
        "open/same-folder",
        "open/folder-link/key",
        "open/deep/chain/key",
    ] {
        denied(files.read(place(path), PLENTY).await.err(), path);
        denied(files.read_part(place(path), 0, 1).await.err(), path);
        denied(files.look(place(path)).await.err(), path);
    }
    for path in ["open/folder-link", "open/deep/chain"] {
        denied(files.list(place(path), PLENTY).await.err(), path);
        denied(files.look(place(path)).await.err(), path);
    }
    fs::remove_file(tree.path("shut/key")).unwrap();
    symlink("elsewhere", tree.path("shut/key")).unwrap();
    let read = files.read_link(place("open/folder-link/key")).await;
    denied(read.err(), "read-link");
    // The text of a link is the link's own, and what it leads to stays shut.
    let read = files.read_link(place("open/file-link")).await;
    assert_eq!(read.as_deref(), Ok("../shut/key"));
    let read = files.read(place("open/fine"), PLENTY).await;
    assert_eq!(read.as_deref(), Ok(&b"plain"[..]));
}

/// Somebody who can write in a granted folder links to what is neither theirs nor granted.
#[tokio::test]
async fn a_link_that_anybody_can_have_made_reaches_only_what_is_granted() {
    let tree = Tree::new();
    fs::create_dir(tree.path("shared")).unwrap();
    fs::set_permissions(tree.path("shared"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(tree.path("also-granted"), "granted").unwrap();
    symlink("../file", tree.path("shared/to-file")).unwrap();
    symlink("../also-granted", tree.path("shared/to-granted")).unwrap();
    let grants = grants(&tree, r#""shared/*", "also-granted""#, r#""none""#);
    let files = DeviceFiles::new();
    let root = tree.root();
    let place = |path| Place {
        grants: &grants,
        ..at(&root, path)
    };
    let read = files.read(place("shared/to-file"), PLENTY).await;
    assert_eq!(read, Err(FilesError::Denied(policy::Denial::NotGranted)));
    let read = files.read(place("shared/to-granted"), PLENTY).await;
    assert_eq!(read.as_deref(), Ok(&b"granted"[..]));
}

/// A granted file is exchanged for a link to a denied one, again and again, while it is
/// read: the check and the opening never see two different things.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_swapped_for_a_link_to_a_denied_one_gives_nothing_away() {
    let tree = Tree::new();
    fs::create_dir(tree.path("open")).unwrap();
    fs::create_dir(tree.path("shut")).unwrap();
    fs::write(tree.path("shut/key"), "secret").unwrap();
    fs::write(tree.path("open/name"), "content").unwrap();
    symlink("../shut/key", tree.path("open/other")).unwrap();
    let grants = grants(&tree, r#""open/**""#, r#""shut""#);
    let swapper = Swapper::start(tree.path("open/name"), tree.path("open/other"));
    let files = DeviceFiles::new();
    let root = tree.root();
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..2_000 {
        let place = Place {
            grants: &grants,
            ..at(&root, "open/name")
        };
        match files.read(place, PLENTY).await {
            Ok(content) => {
                assert_eq!(content, b"content");
                granted += 1;
            }
            Err(FilesError::Denied(_) | FilesError::Escapes | FilesError::NotFound) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    swapper.stop();
    assert!(granted > 0 && refused > 0, "{granted} {refused}");
}

/// Exchanges two names until it is stopped.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Swapper {
    fn start(a: std::path::PathBuf, b: std::path::PathBuf) -> Self {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
            }
        });
        Self { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// A folder is exchanged for a link to the outside again and again while it is read: every
/// answer is the granted content or an error, never the secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_swapped_for_a_link_gives_nothing_away() {
    let place = Tree::new();
    fs::create_dir(place.folder.path().join("outside")).unwrap();
    fs::write(place.folder.path().join("outside/name"), "secret").unwrap();
    fs::create_dir(place.path("swapped")).unwrap();
    fs::write(place.path("swapped/name"), "granted").unwrap();
    symlink("../outside", place.path("other")).unwrap();
    let swapper = Swapper::start(place.path("swapped"), place.path("other"));
    let files = DeviceFiles::new();
    let root = place.root();
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..2_000 {
        match files.read(at(&root, "swapped/name"), PLENTY).await {
            Ok(content) => {
                assert_eq!(content, b"granted");
                granted += 1;
            }
            Err(FilesError::Escapes | FilesError::NotFound) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    swapper.stop();
    assert!(granted > 0 && refused > 0, "{granted} {refused}");
}
