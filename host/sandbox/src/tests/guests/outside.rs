//! What guests can reach: a device that gives everything to whoever gets to it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bailiwick_core::{
    bytes::ByteCount,
    ids::PluginName,
    policy::Policy,
    ports::{
        BoxFuture, Entry, FileKind, FileMetadata, Files, FilesError, Log, LogLevel, Place, State,
        StateEntries, StateError,
    },
    time::Timestamp,
};

use crate::{Ports, probe, testing::clock};

/// How long the state takes if the policy's `config` has `slow`.
const SLOW: Duration = Duration::from_millis(600);

/// The device, which keeps what it was told.
#[derive(Default)]
pub(super) struct Outside {
    lines: Mutex<Vec<String>>,
    kept: Mutex<BTreeMap<String, Vec<u8>>>,
    slow: bool,
}

impl Outside {
    pub(super) fn new(policy: &Policy) -> Arc<Self> {
        Arc::new(Self {
            slow: policy.config.contains_key("slow"),
            ..Self::default()
        })
    }

    pub(super) fn ports(self: &Arc<Self>) -> Ports {
        let (mut ports, _) = probe::ports(clock(), false);
        ports.log = self.clone();
        ports.state = self.clone();
        ports.files = self.clone();
        ports
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// How much of it.
    pub(super) fn kept(&self) -> ByteCount {
        let kept = self.kept.lock().unwrap();
        let size = |(key, value): (&String, &Vec<u8>)| (key.len() + value.len()) as u64;
        ByteCount::new(kept.iter().map(size).sum())
    }
}

impl Log for Outside {
    fn write(&self, _: &PluginName, _: LogLevel, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}

impl State for Outside {
    fn load<'a>(&'a self, _: &'a PluginName) -> BoxFuture<'a, Result<StateEntries, StateError>> {
        Box::pin(async {
            if self.slow {
                tokio::time::sleep(SLOW).await;
            }
            let kept = self.kept.lock().unwrap();
            Ok(kept.clone().into_iter().collect())
        })
    }

    fn commit<'a>(
        &'a self,
        _: &'a PluginName,
        changes: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let mut kept = self.kept.lock().unwrap();
            for (key, value) in changes {
                match value {
                    Some(value) => kept.insert(key, value),
                    None => kept.remove(&key),
                };
            }
            Ok(())
        })
    }
}

/// Whatever is asked for is there.
impl Files for Outside {
    fn read<'a>(
        &'a self,
        _: Place<'a>,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        Box::pin(async { Ok(b"secret".to_vec()) })
    }

    fn read_part<'a>(
        &'a self,
        _: Place<'a>,
        _: u64,
        _: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        Box::pin(async { Ok(b"secret".to_vec()) })
    }

    fn list<'a>(
        &'a self,
        _: Place<'a>,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>> {
        let entry = Entry {
            name: "secret".to_owned(),
            kind: FileKind::File,
        };
        Box::pin(async { Ok(vec![entry]) })
    }

    fn look<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>> {
        let metadata = FileMetadata {
            kind: FileKind::File,
            size: ByteCount::new(6),
            modified: Timestamp::from_ms(0),
        };
        Box::pin(async move { Ok(metadata) })
    }

    fn read_link<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>> {
        Box::pin(async { Ok("secret".to_owned()) })
    }
}
