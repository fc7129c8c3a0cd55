//! Paths that lead elsewhere than they say: by links, by a second name, by what is put in their
//! place meanwhile; and one that leads to nothing that ends.

use std::{
    fs::{self, OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
};

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, Entry, FileMetadata, Files, FilesError, Place},
};
use bailiwick_harness::hostile::Words;
use rustix::fs::{CWD, OFlags, RenameFlags};
use tempfile::TempDir;

use super::device::{Device, Scene, ports};

/// Reads what a path names beneath the granted root, as most programs do.
struct ByName;

/// The same, once it has looked that the path leads nowhere else.
struct LookedAtBefore {
    /// How often something was put in its place.
    exchanges: Arc<AtomicU64>,
}

fn path(place: &Place<'_>) -> PathBuf {
    Path::new(place.root).join(place.path)
}

async fn read(path: PathBuf) -> Result<Vec<u8>, FilesError> {
    let read = tokio::task::spawn_blocking(move || fs::read(path)).await;
    read.unwrap().map_err(|_| FilesError::NotFound)
}

/// What guests here do not ask for.
macro_rules! nothing_else {
    () => {
        fn read_part<'a>(
            &'a self,
            _: Place<'a>,
            _: u64,
            _: u32,
        ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
            Box::pin(async { Err(FilesError::WrongKind) })
        }

        fn list<'a>(
            &'a self,
            _: Place<'a>,
            _: ByteCount,
        ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>> {
            Box::pin(async { Err(FilesError::WrongKind) })
        }

        fn look<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>> {
            Box::pin(async { Err(FilesError::WrongKind) })
        }

        fn read_link<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>> {
            Box::pin(async { Err(FilesError::WrongKind) })
        }
    };
}

impl Files for ByName {
    fn read<'a>(
        &'a self,
        place: Place<'a>,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        Box::pin(read(path(&place)))
    }

    nothing_else!();
}

impl Files for LookedAtBefore {
    fn read<'a>(
        &'a self,
        place: Place<'a>,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        Box::pin(async move {
            let path = path(&place);
            let before = self.exchanges.load(Acquire);
            let leads_to = fs::canonicalize(&path).map_err(|_| FilesError::NotFound)?;
            if !leads_to.starts_with(place.root) {
                return Err(FilesError::Escapes);
            }
            // Whoever opens it by its name has lost some time by then.
            while self.exchanges.load(Acquire) == before {
                thread::yield_now();
            }
            read(path).await
        })
    }

    nothing_else!();
}

/// A granted folder beside a secret, and its path.
fn granted(folder: &TempDir) -> (PathBuf, PathBuf) {
    // Where a test is started from may be a link itself.
    let folder = fs::canonicalize(folder.path()).unwrap();
    let (granted, secret) = (folder.join("granted"), folder.join("secret"));
    fs::create_dir(&granted).unwrap();
    fs::write(&secret, "secret").unwrap();
    (granted, secret)
}

fn scene(device: Device, root: &Path, naive: Arc<dyn Files>, kept: Box<dyn Send>) -> Scene {
    let mut ports = ports();
    if device == Device::WithoutTheDefence {
        ports.files = naive;
    }
    Scene {
        words: Words::from([("root", root.display().to_string())]),
        instances: vec![ports],
        then: None,
        is_harmed: None,
        _kept: kept,
    }
}

pub(crate) fn link_out(device: Device, folder: &TempDir) -> BoxFuture<'static, Scene> {
    let (granted, _) = granted(folder);
    symlink("../secret", granted.join("file")).unwrap();
    let scene = scene(device, &granted, Arc::new(ByName), Box::new(()));
    Box::pin(async { scene })
}

pub(crate) fn link_to_denied(device: Device, folder: &TempDir) -> BoxFuture<'static, Scene> {
    let (granted, _) = granted(folder);
    fs::create_dir(granted.join("private")).unwrap();
    fs::write(granted.join("private/key"), "secret").unwrap();
    symlink("private/key", granted.join("file")).unwrap();
    let scene = scene(device, &granted, Arc::new(ByName), Box::new(()));
    Box::pin(async { scene })
}

pub(crate) fn hard_link(device: Device, folder: &TempDir) -> BoxFuture<'static, Scene> {
    let (granted, secret) = granted(folder);
    // Where anybody can give it a name.
    fs::set_permissions(&granted, Permissions::from_mode(0o777)).unwrap();
    fs::hard_link(secret, granted.join("file")).unwrap();
    let scene = scene(device, &granted, Arc::new(ByName), Box::new(()));
    Box::pin(async { scene })
}

/// Ends whoever waits for the other end of a pipe.
struct Pipe(PathBuf);

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut open = OpenOptions::new();
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        // Where nobody waits there is nobody to end.
        drop(open.write(true).custom_flags(nonblocking).open(&self.0));
    }
}

pub(crate) fn pipe(device: Device, folder: &TempDir) -> BoxFuture<'static, Scene> {
    let (granted, _) = granted(folder);
    let pipe = granted.join("file");
    rustix::fs::mkfifoat(CWD, &pipe, 0o600.into()).unwrap();
    let scene = scene(device, &granted, Arc::new(ByName), Box::new(Pipe(pipe)));
    Box::pin(async { scene })
}

/// Puts a link to a folder of secrets in the place of a folder and takes it away again, until it
/// is dropped.
struct Exchanging {
    over: Arc<AtomicBool>,
    exchanges: Arc<AtomicU64>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Exchanging {
    fn begin(one: PathBuf, other: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let exchanges = Arc::new(AtomicU64::new(0));
        let (is_over, count) = (Arc::clone(&over), Arc::clone(&exchanges));
        let exchange = move || {
            while !is_over.load(Relaxed) {
                rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                count.fetch_add(1, Release);
                // As fast as it can, and nobody else is kept from running.
                thread::yield_now();
            }
        };
        let thread = Some(thread::spawn(exchange));
        Self {
            over,
            exchanges,
            thread,
        }
    }
}

impl Drop for Exchanging {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

pub(crate) fn exchanged(device: Device, folder: &TempDir) -> BoxFuture<'static, Scene> {
    let (granted, _) = granted(folder);
    let secrets = granted.with_file_name("secrets");
    for (folder, text) in [(granted.join("folder"), "public"), (secrets, "secret")] {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file"), text).unwrap();
    }
    let link = granted.join("link");
    symlink("../secrets", &link).unwrap();
    let exchanging = Exchanging::begin(granted.join("folder"), link);
    let naive = LookedAtBefore {
        exchanges: Arc::clone(&exchanging.exchanges),
    };
    let scene = scene(device, &granted, Arc::new(naive), Box::new(exchanging));
    Box::pin(async { scene })
}
