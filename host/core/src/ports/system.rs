//! The machine.

use super::{BoxFuture, UnavailableError};
use crate::{bytes::ByteCount, time::Timestamp};

/// What the operating system knows of the machine.
pub trait System: Send + Sync {
    /// The machine.
    fn describe(&self) -> BoxFuture<'_, Result<SystemDescription, UnavailableError>>;
    /// Mounted file systems that hold data, in order of mount point, at most 1,024.
    fn file_systems(&self) -> BoxFuture<'_, Result<Vec<FileSystem>, UnavailableError>>;
}

/// See the record of the same name in `wit/system.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract documents each field")]
pub struct SystemDescription {
    pub host_name: String,
    pub family: String,
    pub architecture: String,
    pub kernel: String,
    pub boot_time: Timestamp,
    pub boot_id: String,
    pub uptime_seconds: u64,
    pub processors: u32,
    pub memory: ByteCount,
    pub swap: ByteCount,
}

/// See the record of the same name in `wit/system.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract documents each field")]
pub struct FileSystem {
    pub mount_point: String,
    pub device: String,
    pub kind: String,
    pub total: ByteCount,
    pub available: ByteCount,
    pub read_only: bool,
    pub removable: bool,
}
