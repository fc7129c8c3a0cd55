//! Ports that keep and read nothing.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bailiwick_core::{
    bytes::ByteCount,
    ids::PluginName,
    ports::{
        BoxFuture, Clock, Entry, FileMetadata, FileSystem, Files, FilesError, Link, Links, Log,
        LogLevel, Place, Processes, Route, State, StateError, System, SystemDescription,
        UnavailableError,
    },
    process::ProcessTable,
};

use crate::context::Ports;

/// What reached the outside.
#[derive(Default)]
pub(crate) struct Reached {
    pub(crate) lines: AtomicU64,
    pub(crate) state: AtomicU64,
}

/// All ports but the clock. The probe imports `log`, `clock` and `state` alone.
struct Nothing {
    reached: Arc<Reached>,
    /// Whether the state never answers.
    hangs: bool,
}

/// Ports with `clock`, and what reached them.
pub(crate) fn ports(clock: Arc<dyn Clock>, hangs: bool) -> (Ports, Arc<Reached>) {
    let reached = Arc::new(Reached::default());
    let nothing = Arc::new(Nothing {
        reached: Arc::clone(&reached),
        hangs,
    });
    let ports = Ports {
        log: nothing.clone(),
        state: nothing.clone(),
        ..Ports::reading(
            clock,
            nothing.clone(),
            nothing.clone(),
            nothing.clone(),
            nothing,
        )
    };
    (ports, reached)
}

impl Processes for Nothing {
    fn table(
        &self,
        _: std::time::Duration,
    ) -> BoxFuture<'_, Result<Arc<ProcessTable>, UnavailableError>> {
        Box::pin(async {
            Err(UnavailableError {
                what: "the processes",
                reason: "the probe reads none".to_owned(),
            })
        })
    }
}

impl Log for Nothing {
    fn write(&self, _: &PluginName, _: LogLevel, _: &str) {
        self.reached.lines.fetch_add(1, Relaxed);
    }
}

impl State for Nothing {
    fn load<'a>(
        &'a self,
        _: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<(String, Vec<u8>)>, StateError>> {
        if self.hangs {
            return Box::pin(std::future::pending());
        }
        Box::pin(async { Ok(Vec::new()) })
    }

    fn commit<'a>(
        &'a self,
        _: &'a PluginName,
        changes: Vec<(String, Option<Vec<u8>>)>,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let size = |(key, value): &(String, Option<Vec<u8>>)| {
            (key.len() + value.as_ref().map_or(0, Vec::len)) as u64
        };
        let bytes = changes.iter().map(size).sum();
        self.reached.state.fetch_add(bytes, Relaxed);
        Box::pin(async { Ok(()) })
    }
}

/// What every port answers that the probe does not use.
fn none<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, FilesError>> {
    Box::pin(async { Err(FilesError::NotFound) })
}

fn unavailable<'a, T: Send + 'a>(what: &'static str) -> BoxFuture<'a, Result<T, UnavailableError>> {
    let reason = "the probe has none".to_owned();
    Box::pin(async move { Err(UnavailableError { what, reason }) })
}

impl Files for Nothing {
    fn read<'a>(
        &'a self,
        _: Place<'a>,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        none()
    }

    fn read_part<'a>(
        &'a self,
        _: Place<'a>,
        _: u64,
        _: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        none()
    }

    fn list<'a>(
        &'a self,
        _: Place<'a>,
        _: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>> {
        none()
    }

    fn look<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>> {
        none()
    }

    fn read_link<'a>(&'a self, _: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>> {
        none()
    }
}

impl System for Nothing {
    fn describe(&self) -> BoxFuture<'_, Result<SystemDescription, UnavailableError>> {
        unavailable("the machine")
    }

    fn file_systems(&self) -> BoxFuture<'_, Result<Vec<FileSystem>, UnavailableError>> {
        unavailable("the list of file systems")
    }
}

impl Links for Nothing {
    fn links(&self) -> BoxFuture<'_, Result<Vec<Link>, UnavailableError>> {
        unavailable("the list of links")
    }

    fn routes(&self) -> BoxFuture<'_, Result<Vec<Route>, UnavailableError>> {
        unavailable("the list of routes")
    }
}
