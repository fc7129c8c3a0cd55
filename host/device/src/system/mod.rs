//! Facts about the machine.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod mounts;

use bailiwick_core::{
    bytes::ByteCount,
    ports::{BoxFuture, FileSystem, System, SystemDescription, UnavailableError},
    time::Timestamp,
};
use sysinfo::CpuRefreshKind;

use crate::blocking::ask;
#[cfg(not(target_os = "linux"))]
use elsewhere::{boot_id, file_systems};
#[cfg(target_os = "linux")]
use linux::{boot_id, file_systems};

/// File systems, as the contract says.
const MOST_FILE_SYSTEMS: usize = 1_024;

/// The machine that this program runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeviceSystem;

impl System for DeviceSystem {
    fn describe(&self) -> BoxFuture<'_, Result<SystemDescription, UnavailableError>> {
        Box::pin(ask("the machine's description", describe))
    }

    fn file_systems(&self) -> BoxFuture<'_, Result<Vec<FileSystem>, UnavailableError>> {
        Box::pin(ask("the mounted file systems", || {
            let mut found = file_systems()?;
            found.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
            found.truncate(MOST_FILE_SYSTEMS);
            Ok(found)
        }))
    }
}

fn describe() -> Result<SystemDescription, String> {
    let text = |error: sysinfo::Error| error.to_string();
    let mut system = sysinfo::System::new().map_err(text)?;
    system.refresh_memory();
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    let boot_seconds = sysinfo::System::boot_time().map_err(text)?;
    Ok(SystemDescription {
        host_name: sysinfo::System::host_name().map_err(text)?,
        family: std::env::consts::OS.to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        kernel: sysinfo::System::kernel_version().map_err(text)?,
        boot_time: Timestamp::from_ms(boot_seconds.saturating_mul(1_000)),
        boot_id: boot_id(),
        uptime_seconds: sysinfo::System::uptime().map_err(text)?,
        processors: u32::try_from(system.cpus().len()).unwrap_or(u32::MAX),
        memory: ByteCount::new(system.total_memory()),
        swap: ByteCount::new(system.total_swap()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_machine_has_a_name_a_processor_and_memory() {
        let machine = DeviceSystem.describe().await.unwrap();
        assert!(!machine.host_name.is_empty());
        assert!(machine.processors > 0);
        assert!(machine.memory > ByteCount::mib(64));
        assert!(machine.boot_time > Timestamp::EPOCH);
        assert_eq!(machine.family, std::env::consts::OS);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernels_own_words_are_repeated() {
        let machine = DeviceSystem.describe().await.unwrap();
        let kernel = |name: &str| {
            let path = format!("/proc/sys/kernel/{name}");
            std::fs::read_to_string(path).unwrap().trim().to_owned()
        };
        assert_eq!(machine.kernel, kernel("osrelease"));
        assert_eq!(machine.host_name, kernel("hostname"));
        assert_eq!(machine.boot_id, kernel("random/boot_id"));
    }

    #[tokio::test]
    async fn file_systems_are_in_order_and_none_is_the_kernels_own() {
        let found = DeviceSystem.file_systems().await.unwrap();
        assert!(found.is_sorted_by(|a, b| a.mount_point < b.mount_point));
        for one in &found {
            assert!(one.available <= one.total, "{one:?}");
            assert!(!["proc", "sysfs", "tmpfs"].contains(&one.kind.as_str()));
        }
    }
}
