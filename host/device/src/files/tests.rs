use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink, net::UnixListener},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bailiwick_core::ports::{FileKind, FilesError};

use super::*;

const PLENTY: ByteCount = ByteCount::mib(1);

/// A root with a file in it, beside a secret that is not beneath it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
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
        DeviceFiles::new().read(&self.root(), path, PLENTY).await
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
    let place = Place::new();
    symlink("file", place.path("link")).unwrap();
    assert_eq!(place.read("file").await.unwrap(), b"content");
    assert_eq!(place.read("link").await.unwrap(), b"content");
    assert_eq!(place.read("none").await, Err(FilesError::NotFound));
    assert_eq!(place.read("file/x").await, Err(FilesError::NotFound));
}

#[tokio::test]
async fn nothing_leads_out() {
    let place = Place::new();
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
        let part = files.read_part(&root, path, 0, 9).await;
        assert_eq!(part, Err(FilesError::Escapes), "{path}");
        let looked = files.look(&root, path).await;
        assert_eq!(looked, Err(FilesError::Escapes), "{path}");
    }
    assert_eq!(
        files.list(&root, "up", PLENTY).await,
        Err(FilesError::Escapes)
    );
    let through = files.read_link(&root, "up/root/absolute").await;
    assert_eq!(through, Err(FilesError::Escapes));
}

#[tokio::test]
async fn a_link_tells_what_it_says_without_being_followed() {
    let place = Place::new();
    symlink("/nowhere/at/all", place.path("link")).unwrap();
    let files = DeviceFiles::new();
    let said = files.read_link(&place.root(), "link").await;
    assert_eq!(said.as_deref(), Ok("/nowhere/at/all"));
    let said = files.read_link(&place.root(), "file").await;
    assert_eq!(said, Err(FilesError::WrongKind));
}

#[tokio::test]
async fn only_regular_files_are_read_and_a_pipe_does_not_hang() {
    let place = Place::new();
    mkfifo(&place.path("pipe"));
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    for name in ["pipe", "socket", "folder", ""] {
        assert_eq!(place.read(name).await, Err(FilesError::WrongKind), "{name}");
    }
    let files = DeviceFiles::new();
    let looked = files.look(&place.root(), "pipe").await.unwrap();
    assert_eq!(looked.kind, FileKind::Other);
    let device = files.read("/dev", "zero", PLENTY).await;
    assert_eq!(device, Err(FilesError::WrongKind));
    let listed = files.list(&place.root(), "file", PLENTY).await;
    assert_eq!(listed, Err(FilesError::WrongKind));
}

#[tokio::test]
async fn a_hard_link_in_a_folder_that_others_write_is_refused() {
    let place = Place::new();
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    fs::hard_link(place.secret(), place.path("hard")).unwrap();
    symlink("hard", place.path("soft")).unwrap();
    assert_eq!(place.read("hard").await, Err(FilesError::Escapes));
    assert_eq!(place.read("soft").await, Err(FilesError::Escapes));
    assert_eq!(place.read("file").await.unwrap(), b"content");
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(place.read("hard").await.unwrap(), b"secret");
}

#[tokio::test]
async fn too_large_is_told_with_the_size() {
    let place = Place::new();
    let files = DeviceFiles::new();
    let read = |at_most| {
        let (files, root) = (files.clone(), place.root());
        async move { files.read(&root, "file", ByteCount::new(at_most)).await }
    };
    assert_eq!(read(7).await.unwrap(), b"content");
    let too_large = Err(FilesError::TooLarge(ByteCount::new(7)));
    assert_eq!(read(6).await, too_large);
    assert_eq!(read(0).await, too_large);
}

#[tokio::test]
async fn parts_end_with_the_file() {
    let place = Place::new();
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
        let part = files.read_part(&root, "file", offset, length).await;
        assert_eq!(part.unwrap(), expected.as_bytes(), "{offset}+{length}");
    }
    fs::write(place.path("long"), vec![1; 3 << 20]).unwrap();
    let part = files.read_part(&root, "long", 0, u32::MAX).await.unwrap();
    assert_eq!(part.len(), 1 << 20);
}

#[tokio::test]
async fn entries_come_in_order_and_without_names_that_are_no_text() {
    let place = Place::new();
    fs::create_dir(place.path("dir")).unwrap();
    symlink("/nowhere", place.path("a")).unwrap();
    fs::write(
        place.path("").join(std::ffi::OsStr::from_bytes(b"\xff")),
        "",
    )
    .unwrap();
    let entries = DeviceFiles::new()
        .list(&place.root(), "", PLENTY)
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
    assert!(files.list(&place.root(), "", fits).await.is_ok());
    let short = ByteCount::new(fits.get() - 1);
    let refused = files.list(&place.root(), "", short).await;
    assert_eq!(refused, Err(FilesError::TooLarge(fits)));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn proc_is_read_to_its_end_and_its_magic_links_are_not_followed() {
    let files = DeviceFiles::new();
    let looked = files.look("/proc", "version").await.unwrap();
    assert_eq!(looked.size, ByteCount::new(0));
    let version = files.read("/proc", "version", PLENTY).await.unwrap();
    assert!(version.starts_with(b"Linux version"), "{version:?}");
    let cut = files.read("/proc", "version", ByteCount::new(5)).await;
    assert_eq!(cut, Err(FilesError::TooLarge(ByteCount::new(6))));
    let magic = files.read("/proc", "self/exe", PLENTY).await;
    assert_eq!(magic, Err(FilesError::Escapes));
    let through = files.read("/proc", "self/root/etc/passwd", PLENTY).await;
    assert_eq!(through, Err(FilesError::Escapes));
}

/// A folder is exchanged for a link to the outside again and again while it is read: every
/// answer is the granted content or an error, never the secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_swapped_for_a_link_gives_nothing_away() {
    let place = Place::new();
    fs::create_dir(place.folder.path().join("outside")).unwrap();
    fs::write(place.folder.path().join("outside/name"), "secret").unwrap();
    fs::create_dir(place.path("swapped")).unwrap();
    fs::write(place.path("swapped/name"), "granted").unwrap();
    symlink("../outside", place.path("other")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (stop, a, b) = (
            Arc::clone(&stop),
            place.path("swapped"),
            place.path("other"),
        );
        std::thread::spawn(move || {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
            }
        })
    };
    let files = DeviceFiles::new();
    let root = place.root();
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..2_000 {
        match files.read(&root, "swapped/name", PLENTY).await {
            Ok(content) => {
                assert_eq!(content, b"granted");
                granted += 1;
            }
            Err(FilesError::Escapes | FilesError::NotFound) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(granted > 0 && refused > 0, "{granted} {refused}");
}
