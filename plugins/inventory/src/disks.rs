//! Disks, from /sys/block (Linux, Documentation/ABI/stable/sysfs-block), and the file
//! systems on them.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_sdk::{Cell, Collection, Field, Rows, files::Entry, system};

use crate::{Subject, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "disks",
    collections,
    collect,
};

/// Sizes in /sys/block are in sectors of this many bytes, whatever the disk's own are.
const SECTOR: u64 = 512;

/// Block devices that are no disks: they are made of memory, of a file or of disks.
const NO_DISKS: [&str; 6] = ["loop", "ram", "zram", "nbd", "dm-", "md"];

fn collections() -> Vec<Collection> {
    vec![
        Collection::keyed(
            "disks",
            [Field::text("name")],
            [
                Field::text("vendor"),
                Field::text("model"),
                Field::text("serial").identifies_device(),
                Field::unsigned("size").unit("bytes"),
                Field::boolean("rotational"),
                Field::boolean("removable"),
            ],
        ),
        Collection::keyed(
            "file-systems",
            [Field::text("mount-point")],
            [
                Field::text("device"),
                Field::text("kind"),
                Field::unsigned("total").unit("bytes"),
                // Logs grow all the time: a report is due when it begins to matter.
                Field::unsigned("available").unit("bytes").quantum(64 << 20),
                Field::boolean("read-only"),
                Field::boolean("removable"),
                Field::boolean("encrypted"),
            ],
        ),
    ]
}

fn collect(source: &mut Source, rows: &mut Rows) {
    let devices = source.list("/sys/block");
    for entry in &devices {
        if NO_DISKS
            .iter()
            .any(|prefix| is_numbered(&entry.name, prefix))
        {
            continue;
        }
        disk(source, rows, &entry.name);
    }
    let encrypted = encrypted(source, &devices);
    for file_system in source.system(system::file_systems()).unwrap_or_default() {
        // What is no device of this machine is encrypted elsewhere, or not.
        let is_device = file_system.device.starts_with("/dev/");
        let is_encrypted = is_device.then(|| encrypted.contains(&file_system.device));
        rows.push(
            "file-systems",
            [
                file_system.mount_point.into(),
                Cell::text_if_any(file_system.device),
                Cell::text_if_any(file_system.kind),
                file_system.total.into(),
                file_system.available.into(),
                file_system.read_only.into(),
                file_system.removable.into(),
                is_encrypted.into(),
            ],
        );
    }
}

fn disk(source: &mut Source, rows: &mut Rows, name: &str) {
    let mut field = |path: &str| source.line(&["/sys/block/", name, "/", path].concat());
    let size = field("size")
        .parse::<u64>()
        .ok()
        .and_then(|sectors| sectors.checked_mul(SECTOR));
    // A drive without a medium is 0 sectors long and comes and goes with what is put in.
    let Some(size) = size.filter(|size| *size > 0) else {
        return;
    };
    let first = |a: String, b: String| if a.is_empty() { b } else { a };
    let serial = first(field("device/serial"), field("serial"));
    rows.push(
        "disks",
        [
            name.into(),
            Cell::text_if_any(field("device/vendor")),
            Cell::text_if_any(field("device/model")),
            Cell::text_if_any(serial),
            size.into(),
            flag(&field("queue/rotational")).into(),
            flag(&field("removable")).into(),
        ],
    );
}

/// The names in /dev of what the device mapper encrypts (cryptsetup gives it a UUID that
/// begins with `CRYPT-`), and of what it makes of that: volumes of LVM.
fn encrypted(source: &mut Source, devices: &[Entry]) -> BTreeSet<String> {
    let mut mapped = BTreeMap::new();
    for device in devices
        .iter()
        .filter(|device| is_numbered(&device.name, "dm-"))
    {
        let folder = ["/sys/block/", &device.name, "/"].concat();
        let slaves = source.list(&[&folder, "slaves"].concat());
        mapped.insert(
            device.name.as_str(),
            Mapped {
                name: source.line(&[&folder, "dm/name"].concat()),
                encrypts: source
                    .line(&[&folder, "dm/uuid"].concat())
                    .starts_with("CRYPT-"),
                slaves: slaves.into_iter().map(|slave| slave.name).collect(),
            },
        );
    }
    let mut names = BTreeSet::new();
    for (device, Mapped { name, .. }) in &mapped {
        if is_encrypted(&mapped, device, MOST_LAYERS) {
            names.insert(["/dev/", device].concat());
            names.insert(["/dev/mapper/", name].concat());
        }
    }
    names
}

/// Most devices upon each other that are looked at: the kernel allows fewer.
const MOST_LAYERS: u8 = 8;

/// A device that the device mapper makes of others.
#[derive(Debug)]
struct Mapped {
    name: String,
    encrypts: bool,
    slaves: Vec<String>,
}

/// Whether all that `device` stores is encrypted, by itself or by everything beneath it.
fn is_encrypted(mapped: &BTreeMap<&str, Mapped>, device: &str, layers: u8) -> bool {
    let (Some(device), Some(layers)) = (mapped.get(device), layers.checked_sub(1)) else {
        return false;
    };
    let beneath = |slave: &String| is_encrypted(mapped, slave, layers);
    device.encrypts || (!device.slaves.is_empty() && device.slaves.iter().all(beneath))
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// `loop7` is a `loop`.
fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    #[test]
    fn volumes_are_encrypted_if_all_beneath_them_is() {
        let mut device = Device::new().file("/sys/block/sda/size", "8");
        for (number, name, uuid, slaves) in [
            (0, "luks", "CRYPT-LUKS2-0a1b-luks", vec!["sda3"]),
            (1, "vg-root", "LVM-0a1b", vec!["dm-0"]),
            (2, "vg-data", "LVM-0a1c", vec!["dm-0", "sdb1"]),
            (3, "plain", "LVM-0a1d", vec!["sdb2"]),
            // Not possible, and no reason to look for ever.
            (4, "self", "LVM-0a1e", vec!["dm-4"]),
        ] {
            let folder = format!("/sys/block/dm-{number}");
            device = device
                .file(&format!("{folder}/dm/name"), format!("{name}\n"))
                .file(&format!("{folder}/dm/uuid"), format!("{uuid}\n"));
            for slave in slaves {
                device = device.directory(&format!("{folder}/slaves/{slave}"));
            }
        }
        let found = device.run(|| {
            let mut source = Source::default();
            let devices = source.list("/sys/block");
            encrypted(&mut source, &devices)
        });
        let expected = [
            "/dev/dm-0",
            "/dev/dm-1",
            "/dev/mapper/luks",
            "/dev/mapper/vg-root",
        ];
        assert!(found.iter().eq(expected), "{found:?}");
        assert_eq!(device.log(), []);
    }

    #[test]
    fn what_is_made_of_something_else_is_no_disk() {
        let is_disk = |name| !NO_DISKS.iter().any(|prefix| is_numbered(name, prefix));
        for name in ["loop12", "ram0", "dm-3", "md127"] {
            assert!(!is_disk(name), "{name}");
        }
        for name in ["loop", "looped1", "sda", "nvme0n1", "mdx1"] {
            assert!(is_disk(name), "{name}");
        }
    }
}
