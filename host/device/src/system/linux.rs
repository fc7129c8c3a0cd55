//! What Linux tells in /proc and /sys.

use std::{fs, path::Path};

use bailiwick_core::{bytes::ByteCount, ports::FileSystem};

use super::mounts::{self, Mount};

/// Different after each start; empty in a container that hides it.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// sysinfo reads at most 16 KiB of the mount table, which a machine with containers
/// passes, so it is read here.
pub(super) fn file_systems() -> Result<Vec<FileSystem>, String> {
    let table = fs::read("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    let found = mounts::parse(&String::from_utf8_lossy(&table));
    Ok(found.into_iter().filter_map(measure).collect())
}

/// A mount that can't be measured (gone meanwhile, no right to look) is left out.
fn measure(mount: Mount) -> Option<FileSystem> {
    let figures = rustix::fs::statvfs(mount.mount_point.as_str()).ok()?;
    let size = |blocks: u64| ByteCount::new(blocks.saturating_mul(figures.f_frsize));
    Some(FileSystem {
        total: size(figures.f_blocks),
        available: size(figures.f_bavail),
        removable: is_removable(&mount.number),
        mount_point: mount.mount_point,
        device: mount.device,
        kind: mount.kind,
        read_only: mount.read_only,
    })
}

/// What the kernel says of the disk with this `major:minor`, or of the disk that the
/// partition is on.
fn is_removable(number: &str) -> bool {
    let device = Path::new("/sys/dev/block").join(number);
    ["removable", "../removable"]
        .iter()
        .find_map(|name| fs::read_to_string(device.join(name)).ok())
        .is_some_and(|text| text.trim() == "1")
}
