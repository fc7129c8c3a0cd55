//! The machine and its firmware.

use bailiwick_sdk::{Cell, Collection, Field, Rows};

use crate::{Subject, dmi, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "hardware",
    collections,
    collect,
};

const TPM: &str = "/sys/class/tpm/tpm0/tpm_version_major";
/// The variable `SecureBoot` of the vendor "global" (UEFI 2.10, section 3.3).
const SECURE_BOOT: &str =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

fn collections() -> Vec<Collection> {
    vec![
        Collection::single(
            "hardware",
            [
                Field::text("vendor"),
                Field::text("product"),
                Field::text("family"),
                Field::text("serial").identifies_device(),
                Field::text("uuid").identifies_device(),
                Field::text("chassis"),
                Field::text("asset-tag").identifies_device(),
                Field::text("board-vendor"),
                Field::text("board"),
                Field::text("board-serial").identifies_device(),
                // Its major version: `2`, or `1` for 1.2.
                Field::text("tpm"),
            ],
        ),
        Collection::single(
            "firmware",
            [
                Field::text("vendor"),
                Field::text("version"),
                Field::text("date"),
                Field::text("release"),
                // `uefi` or `bios`: how this system was started.
                Field::text("mode"),
                Field::boolean("secure-boot"),
            ],
        ),
    ]
}

fn collect(source: &mut Source, rows: &mut Rows) {
    let chassis = source.line("/sys/class/dmi/id/chassis_type");
    let mut hardware: Vec<Cell> = [
        "sys_vendor",
        "product_name",
        "product_family",
        "product_serial",
        "product_uuid",
        "chassis_type",
        "chassis_asset_tag",
        "board_vendor",
        "board_name",
        "board_serial",
    ]
    .map(|name| Cell::text_if_any(dmi::field(source, name)))
    .into();
    hardware[5] = chassis.parse().ok().and_then(chassis_name).into();
    if hardware[1] == Cell::ABSENT {
        // Boards without DMI say what they are in the device tree, with a NUL at the end.
        let model = source.line("/sys/firmware/devicetree/base/model");
        hardware[1] = Cell::text_if_any(model.trim_end_matches('\0'));
    }
    hardware.push(Cell::text_if_any(source.line(TPM)));
    push_if_any(rows, "hardware", hardware);
    let firmware = ["bios_vendor", "bios_version", "bios_date", "bios_release"];
    let firmware = firmware.map(|name| Cell::text_if_any(dmi::field(source, name)));
    let mut firmware = Vec::from(firmware);
    let is_described = firmware.iter().any(|cell| *cell != Cell::ABSENT);
    let is_uefi = source.is_there("/sys/firmware/efi");
    let mode = if is_uefi {
        Some("uefi")
    } else {
        // A board that is started by neither describes no firmware.
        is_described.then_some("bios")
    };
    firmware.extend([mode.into(), secure_boot(source, is_uefi).into()]);
    push_if_any(rows, "firmware", firmware);
}

/// Whether what was started had to be signed. None where the firmware does not say.
fn secure_boot(source: &mut Source, is_uefi: bool) -> Option<bool> {
    if !is_uefi {
        return None;
    }
    // Four bytes of attributes come before the value (Linux, filesystems/efivarfs).
    match source.bytes(SECURE_BOOT)?.as_slice() {
        [_, _, _, _, value] => Some(*value == 1),
        _ => None,
    }
}

/// A row of which nothing is known is left out.
fn push_if_any(rows: &mut Rows, collection: &str, cells: Vec<Cell>) {
    if cells.iter().any(|cell| *cell != Cell::ABSENT) {
        rows.push(collection, cells);
    }
}

/// DMTF DSP0134 (SMBIOS) 3.7, table 17. The numbers that say nothing have no name.
fn chassis_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        3 | 4 | 6 | 7 => "desktop",
        5 => "pizza-box",
        8 => "portable",
        9 => "laptop",
        10 => "notebook",
        11 => "hand-held",
        12 => "docking-station",
        13 => "all-in-one",
        14 => "sub-notebook",
        15 => "space-saving",
        16 => "lunch-box",
        17 => "main-server",
        18 => "expansion",
        19 => "sub-chassis",
        20 => "bus-expansion",
        21 => "peripheral",
        22 => "raid",
        23 => "rack-mount",
        24 => "sealed-case",
        25 => "multi-system",
        28 => "blade",
        29 => "blade-enclosure",
        30 => "tablet",
        31 => "convertible",
        32 => "detachable",
        33 => "gateway",
        34 => "embedded",
        35 => "mini",
        36 => "stick",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    #[test]
    fn secure_boot_is_what_the_firmware_says() {
        let on = |content: &[u8], is_uefi| {
            let device = Device::new().file(SECURE_BOOT, content);
            device.run(|| secure_boot(&mut Source::default(), is_uefi))
        };
        assert_eq!(on(&[6, 0, 0, 0, 1], true), Some(true));
        assert_eq!(on(&[6, 0, 0, 0, 0], true), Some(false));
        assert_eq!(on(&[6, 0, 0, 0, 1], false), None);
        assert_eq!(on(&[6, 0, 0, 0], true), None);
        let without = Device::new().directory("/sys/firmware/efi");
        let found = without.run(|| secure_boot(&mut Source::default(), true));
        assert_eq!(found, None);
        assert_eq!(without.log(), []);
    }

    #[test]
    fn only_kinds_that_say_something_have_a_name() {
        assert_eq!(chassis_name(10), Some("notebook"));
        for kind in [0, 1, 2, 200] {
            assert_eq!(chassis_name(kind), None);
        }
    }
}
