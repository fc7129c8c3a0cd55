//! The whole collector on fake devices.

use bailiwick_sdk::{
    Collection, Collector, Field, Rows, Schema,
    fake::Device,
    network::{Address, Link, Route},
    system::{Description, FileSystem},
};
use proptest::prelude::*;

use super::Inventory;

fn address(ip: &str, prefix: u8) -> Address {
    Address {
        ip: ip.to_owned(),
        prefix,
    }
}

/// A notebook with Debian.
fn notebook() -> Device {
    Device::new()
        .file("/sys/class/dmi/id/sys_vendor", "LENOVO\n")
        .file("/sys/class/dmi/id/product_serial", "PF3ABCDE\n")
        .file("/sys/class/dmi/id/chassis_type", "10\n")
        .file("/sys/class/dmi/id/bios_version", "R1FET53W (1.27 )\n")
        .file("/proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD Ryzen 7\n\n")
        .file("/sys/devices/pci/nvme0n1/size", "1000215216\n")
        .file("/sys/devices/pci/nvme0n1/device/model", "SAMSUNG MZVL2512\n")
        .file("/sys/devices/pci/nvme0n1/queue/rotational", "0\n")
        .symbolic_link("/sys/block/nvme0n1", "../devices/pci/nvme0n1")
        .file("/sys/devices/virtual/loop0/size", "8\n")
        .symbolic_link("/sys/block/loop0", "../devices/virtual/loop0")
        .symbolic_link("/etc/os-release", "../usr/lib/os-release")
        .file("/usr/lib/os-release", "ID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n")
        .file("/etc/resolv.conf", "nameserver 192.0.2.1\n")
        .directory("/sys/firmware/efi/efivars")
        .file("/sys/class/tpm/tpm0/tpm_version_major", "2\n")
        .file("/etc/group", "root:x:0:\nsudo:x:27:anna\n")
        .file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nanna:x:1000:1000:Anna,,,:/home/anna:/bin/bash\n")
        .file("/var/lib/dpkg/status", "Package: adduser\nStatus: install ok installed\nArchitecture: all\nVersion: 3.134\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n")
        .symbolic_link("/var/lib/flatpak/app/org.gimp.GIMP/current", "x86_64/stable")
        .symbolic_link("/var/lib/flatpak/app/org.gimp.GIMP/x86_64/stable/active", "0a1b2c")
        .file("/var/lib/snapd/sequence/core22.json", "{}")
        .symbolic_link("/snap/core22/current", "1380")
        .file("/snap/core22/1380/meta/snap.yaml", "name: core22\nversion: '20240408'\n")
        .file("/usr/lib/systemd/system/ssh.service", "[Unit]\n")
        .description(Description {
            host_name: "annas-notebook".to_owned(),
            family: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            kernel: "6.1.0-21-amd64".to_owned(),
            boot_time: 1_780_000_000_000,
            boot_id: "5c0ffee5".to_owned(),
            uptime_seconds: 77,
            processors: 16,
            memory: 32 << 30,
            swap: 0,
        })
        .file_systems([FileSystem {
            mount_point: "/".to_owned(),
            device: "/dev/nvme0n1p2".to_owned(),
            kind: "ext4".to_owned(),
            total: 500 << 30,
            available: 300 << 30,
            read_only: false,
            removable: false,
        }])
        .links([Link {
            name: "wlan0".to_owned(),
            index: 3,
            mac: "aa:bb:cc:dd:ee:ff".to_owned(),
            mtu: 1_500,
            up: true,
            loopback: false,
            addresses: vec![address("192.0.2.7", 24), address("2001:db8::7", 64)],
        }])
        .routes([
            Route {
                destination: address("0.0.0.0", 0),
                gateway: Some("192.0.2.1".to_owned()),
                link: "wlan0".to_owned(),
                metric: 600,
            },
            Route {
                destination: address("192.0.2.0", 24),
                gateway: None,
                link: "wlan0".to_owned(),
                metric: 600,
            },
        ])
}

fn collect(device: &Device) -> Rows {
    device.run(|| Inventory::new().collect()).unwrap()
}

#[test]
fn a_notebook_has_rows_in_every_collection_that_its_files_fill() {
    let device = notebook();
    let rows = collect(&device);
    for (collection, expected) in [
        ("hardware", 1),
        ("firmware", 1),
        ("processors", 1),
        ("memory", 1),
        ("memory-modules", 0),
        ("disks", 1),
        ("file-systems", 1),
        ("links", 1),
        ("addresses", 2),
        ("gateways", 1),
        ("name-servers", 1),
        ("operating-system", 1),
        ("system", 1),
        ("software", 3),
        ("services", 1),
        ("users", 2),
        ("groups", 2),
        ("group-members", 1),
    ] {
        assert_eq!(rows.count(collection), expected, "{collection}");
    }
    assert_eq!(device.log(), []);
}

#[test]
fn rows_can_hold_collections_of_another_plugin_besides() {
    let mut collections = Inventory::schema().collections().to_vec();
    collections.push(Collection::single("site", [Field::text("room")]));
    let mut rows = Rows::new(&Schema::new(collections));
    rows.push("site", ["1.23".into()]);
    let device = notebook();
    device.run(|| Inventory::new().collect_into(&mut rows));
    assert_eq!((rows.count("site"), rows.count("users")), (1, 2));
    // They come last: what is before them is what the inventory alone gives.
    assert!(
        rows.into_bytes()
            .starts_with(&collect(&device).into_bytes())
    );
}

#[test]
fn the_same_device_gives_the_same_rows() {
    let device = notebook();
    assert_eq!(collect(&device).into_bytes(), collect(&device).into_bytes());
}

#[test]
fn values_reach_the_buffer() {
    let bytes = collect(&notebook()).into_bytes();
    for value in [
        "LENOVO",
        "notebook",
        "uefi",
        "SAMSUNG MZVL2512",
        "debian",
        "adduser",
        "org.gimp.GIMP",
        "20240408",
        "ssh.service",
        "anna",
    ] {
        assert!(
            bytes
                .windows(value.len())
                .any(|window| window == value.as_bytes()),
            "{value}"
        );
    }
}

#[test]
fn one_denied_folder_empties_what_is_in_it_and_is_told_of_once() {
    let device = notebook().deny_below("/etc/passwd");
    let mut inventory = Inventory::new();
    let rows = device.run(|| {
        inventory.collect().unwrap();
        inventory.collect().unwrap()
    });
    assert_eq!((rows.count("users"), rows.count("software")), (0, 3));
    assert_eq!(device.log().len(), 1);
}

#[test]
fn with_everything_denied_each_subject_tells_once_and_nothing_fails() {
    let device = Device::new().deny("files").deny("system").deny("network");
    let rows = collect(&device);
    assert_eq!(rows.count("software"), 0);
    assert_eq!(device.log().len(), super::SUBJECTS.len());
}

/// Every file that is read as text.
const FILES: [&str; 15] = [
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/chassis_type",
    "/sys/firmware/dmi/tables/DMI",
    "/proc/cpuinfo",
    "/sys/block/sda/size",
    "/etc/os-release",
    "/etc/locale.conf",
    "/etc/timezone",
    "/etc/resolv.conf",
    "/etc/passwd",
    "/etc/group",
    "/var/lib/dpkg/status",
    "/usr/lib/apk/db/installed",
    "/snap/core/1/meta/snap.yaml",
    "/run/systemd/container",
];

/// Bytes, and pieces that parsers look for.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        prop::sample::select(vec![
            "\n",
            "\n\n",
            ":",
            "=",
            "\"",
            "'",
            "\\",
            "\0",
            "processor\t: 0",
            "Package: ",
            "Status: a b installed",
            "P:",
            "nameserver ",
            "18446744073709551615",
            "-1",
            "\u{11}\u{28}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn garbage_never_panics(contents in prop::collection::vec(garbage(), FILES.len())) {
        let device = FILES
            .iter()
            .zip(contents)
            .fold(Device::new(), |device, (path, content)| device.file(path, content))
            .file("/var/lib/snapd/sequence/core.json", "{}")
            .symbolic_link("/snap/core/current", "1");
        collect(&device);
    }
}
