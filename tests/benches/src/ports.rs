//! The ports of this machine, but for log and state: a benchmark leaves nothing behind.

use std::{path::Path, sync::Arc};

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, Clock, Entry, FileMetadata, Files, FilesError, Place},
};
use bailiwick_device::{DeviceFiles, DeviceLinks, DeviceProcesses, DeviceSystem};
use bailiwick_sandbox::Ports;

pub(crate) fn device(clock: &Arc<dyn Clock>) -> Ports {
    Ports::reading(
        Arc::clone(clock),
        Arc::new(DeviceFiles::new()),
        Arc::new(DeviceSystem),
        Arc::new(DeviceLinks),
        Arc::new(DeviceProcesses::new(Arc::clone(clock))),
    )
}

/// This machine's files, but for one granted root, for which a folder stands.
pub(crate) struct Redirected {
    device: DeviceFiles,
    /// A granted root.
    from: &'static str,
    /// The folder that stands for it.
    to: String,
}

impl Redirected {
    pub(crate) fn new(from: &'static str, to: &Path) -> Self {
        Self {
            device: DeviceFiles::new(),
            from,
            to: to.display().to_string(),
        }
    }

    fn place<'a>(&'a self, place: Place<'a>) -> Place<'a> {
        if place.root != self.from {
            return place;
        }
        Place {
            root: &self.to,
            ..place
        }
    }
}

impl Files for Redirected {
    fn read<'a>(
        &'a self,
        place: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        self.device.read(self.place(place), at_most)
    }

    fn read_part<'a>(
        &'a self,
        place: Place<'a>,
        offset: u64,
        length: u32,
    ) -> BoxFuture<'a, Result<Vec<u8>, FilesError>> {
        self.device.read_part(self.place(place), offset, length)
    }

    fn list<'a>(
        &'a self,
        place: Place<'a>,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Vec<Entry>, FilesError>> {
        self.device.list(self.place(place), at_most)
    }

    fn look<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<FileMetadata, FilesError>> {
        self.device.look(self.place(place))
    }

    fn read_link<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<String, FilesError>> {
        self.device.read_link(self.place(place))
    }
}
