//! Platforms other than Linux.

use bailiwick_core::{bytes::ByteCount, ports::FileSystem};

/// None is known here, so it is empty, as the contract says.
pub(super) fn boot_id() -> String {
    String::new()
}

pub(super) fn file_systems() -> Result<Vec<FileSystem>, String> {
    let disks = sysinfo::Disks::new_with_refreshed_list().map_err(|error| error.to_string())?;
    let all = disks.iter().map(|disk| FileSystem {
        mount_point: disk.mount_point().to_string_lossy().into_owned(),
        device: disk.name().to_string_lossy().into_owned(),
        kind: disk.file_system().to_string_lossy().to_lowercase(),
        total: ByteCount::new(disk.total_space()),
        available: ByteCount::new(disk.available_space()),
        read_only: disk.is_read_only(),
        removable: disk.is_removable(),
    });
    Ok(all.collect())
}
