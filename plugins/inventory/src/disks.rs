//! Disks, from /sys/block (Linux, Documentation/ABI/stable/sysfs-block), and the file
//! systems on them.

use bailiwick_sdk::{Cell, Collection, Field, Rows, system};

use crate::{Subject, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "disks",
    collections,
    collect,
};

/// Sizes in /sys/block are in sectors of this many bytes, whatever the disk's own are.
const SECTOR: u64 = 512;

/// Block devices that are no disks: they are made of memory or of a file.
const NO_DISKS: [&str; 4] = ["loop", "ram", "zram", "nbd"];

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
            ],
        ),
    ]
}

fn collect(source: &mut Source, rows: &mut Rows) {
    for entry in source.list("/sys/block") {
        if NO_DISKS
            .iter()
            .any(|prefix| is_numbered(&entry.name, prefix))
        {
            continue;
        }
        disk(source, rows, &entry.name);
    }
    for file_system in source.system(system::file_systems()).unwrap_or_default() {
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

    #[test]
    fn what_is_made_of_memory_is_no_disk() {
        assert!(is_numbered("loop12", "loop"));
        for name in ["loop", "looped1", "sda", "nvme0n1"] {
            assert!(!is_numbered(name, "loop"), "{name}");
        }
    }
}
