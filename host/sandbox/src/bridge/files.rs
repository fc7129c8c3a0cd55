//! `files`: each path is checked against the grants, then read beneath the granted root.

use std::sync::Arc;

use bailiwick_core::{
    bytes::ByteCount,
    policy::{Call, Capability, Denial, Files},
    ports::{self, FileKind, FilesError, Place},
    time::Timestamp,
};

use super::decisions::cut;
use crate::{
    bindings::bailiwick::plugin::files::{Entry, Error, Host, Kind, Metadata},
    context::{Context, Entered},
    limits::Enforcer,
    trap::Trap,
};

/// Longest part that one call returns, in bytes.
const PART: u32 = 1024 * 1024;

/// What a grant covers, found for a path.
struct Found {
    root: String,
    path: String,
    now: Timestamp,
}

impl Found {
    /// As the plugin named it.
    fn whole(&self) -> String {
        format!("{}/{}", self.root.trim_end_matches('/'), self.path)
    }

    fn place<'a>(&'a self, grants: &'a Arc<Files>) -> Place<'a> {
        Place {
            root: &self.root,
            path: &self.path,
            grants,
            now: self.now,
        }
    }
}

fn call(path: &str) -> Call {
    Call::File {
        path: cut(path),
        link: None,
    }
}

impl Context {
    fn find(&mut self, entered: &Entered, path: &str) -> Result<Found, Error> {
        if !entered.granted {
            self.refused(call(path));
            return Err(Error::Denied);
        }
        let now = self.ports.clock.now();
        if !self.account.enforces(Enforcer::Paths) {
            return Ok(Found {
                root: "/".to_owned(),
                path: path.to_owned(),
                now,
            });
        }
        match self.files.file(path, now) {
            Ok((root, beneath)) => {
                if self.observed {
                    self.was_read(call(path));
                }
                Ok(Found {
                    root: root.to_owned(),
                    path: beneath.to_owned(),
                    now,
                })
            }
            Err(Denial::InvalidPath) => Err(Error::InvalidPath),
            Err(_) => {
                self.account.denials += 1;
                self.refused(call(path));
                Err(Error::Denied)
            }
        }
    }

    async fn read_whole(
        &mut self,
        found: &Found,
        at_most: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        // Read no more than fits: a file must not fill the host before it is refused.
        let left = self.account.memory_left();
        let bound = ByteCount::new(at_most.min(left));
        let place = found.place(&self.files);
        let read = self.ports.files.read(place, bound).await;
        match read {
            Ok(bytes) => {
                self.account.pass(bytes.len() as u64)?;
                Ok(Ok(bytes))
            }
            Err(FilesError::TooLarge(size)) if size.get() <= at_most && left < at_most => {
                self.account.pass(size.get().max(left.saturating_add(1)))?;
                Err(Trap::Memory.into())
            }
            Err(error) => Ok(Err(self.refusal(found, error))),
        }
    }

    async fn read_some(
        &mut self,
        found: &Found,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let length = length.min(PART);
        self.account.pass(u64::from(length))?;
        let read = self
            .ports
            .files
            .read_part(found.place(&self.files), offset, length)
            .await;
        Ok(read.map_err(|error| self.refusal(found, error)))
    }

    async fn list_all(&mut self, found: &Found) -> wasmtime::Result<Result<Vec<Entry>, Error>> {
        let left = ByteCount::new(self.account.memory_left());
        let place = found.place(&self.files);
        let entries = match self.ports.files.list(place, left).await {
            Ok(entries) => entries,
            Err(FilesError::TooLarge(size)) => {
                self.account
                    .pass(size.get().max(left.get().saturating_add(1)))?;
                return Err(Trap::Memory.into());
            }
            Err(error) => return Ok(Err(self.refusal(found, error))),
        };
        let cost = |entry: &ports::Entry| ports::Entry::cost(entry.name.len());
        self.account.pass(entries.iter().map(cost).sum())?;
        let entry = |entry: ports::Entry| Entry {
            kind: kind(entry.kind),
            name: entry.name,
        };
        Ok(Ok(entries.into_iter().map(entry).collect()))
    }

    /// In the contract's words. A way out of the root, and a link to what is not granted,
    /// are denied like everything outside; what the operating system said stays in the
    /// host.
    fn refusal(&mut self, found: &Found, error: FilesError) -> Error {
        match error {
            FilesError::NotFound => Error::NotFound,
            FilesError::Escapes | FilesError::Denied(_) => {
                self.account.denials += 1;
                self.led_astray(call(&found.whole()));
                Error::Denied
            }
            FilesError::WrongKind => Error::WrongKind,
            FilesError::TooLarge(size) => Error::TooLarge(size.get()),
            FilesError::Unavailable(_) => Error::Unavailable,
            _ => Error::Unavailable,
        }
    }
}

impl Host for Context {
    async fn read(
        &mut self,
        path: String,
        at_most: u64,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let entered = self.enter(Capability::Files)?;
        let answer = match self.find(&entered, &path) {
            Ok(found) => self.read_whole(&found, at_most).await?,
            Err(error) => Err(error),
        };
        self.leave(&entered);
        Ok(answer)
    }

    async fn read_part(
        &mut self,
        path: String,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let entered = self.enter(Capability::Files)?;
        let answer = match self.find(&entered, &path) {
            Ok(found) => self.read_some(&found, offset, length).await?,
            Err(error) => Err(error),
        };
        self.leave(&entered);
        Ok(answer)
    }

    async fn list(&mut self, path: String) -> wasmtime::Result<Result<Vec<Entry>, Error>> {
        let entered = self.enter(Capability::Files)?;
        let answer = match self.find(&entered, &path) {
            Ok(found) => self.list_all(&found).await?,
            Err(error) => Err(error),
        };
        self.leave(&entered);
        Ok(answer)
    }

    async fn look(&mut self, path: String) -> wasmtime::Result<Result<Metadata, Error>> {
        let entered = self.enter(Capability::Files)?;
        let answer = match self.find(&entered, &path) {
            Ok(found) => {
                let place = found.place(&self.files);
                let looked = self.ports.files.look(place).await;
                looked
                    .map_err(|error| self.refusal(&found, error))
                    .map(|metadata| Metadata {
                        kind: kind(metadata.kind),
                        size: metadata.size.get(),
                        modified: metadata.modified.as_ms(),
                    })
            }
            Err(error) => Err(error),
        };
        self.leave(&entered);
        Ok(answer)
    }

    async fn read_link(&mut self, path: String) -> wasmtime::Result<Result<String, Error>> {
        let entered = self.enter(Capability::Files)?;
        let answer = match self.find(&entered, &path) {
            Ok(found) => {
                let place = found.place(&self.files);
                let read = self.ports.files.read_link(place).await;
                read.map_err(|error| self.refusal(&found, error))
            }
            Err(error) => Err(error),
        };
        if let Ok(target) = &answer {
            self.account.pass(target.len() as u64)?;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

fn kind(of: FileKind) -> Kind {
    match of {
        FileKind::File => Kind::File,
        FileKind::Directory => Kind::Directory,
        FileKind::SymbolicLink => Kind::SymbolicLink,
        FileKind::Other => Kind::Other,
    }
}
