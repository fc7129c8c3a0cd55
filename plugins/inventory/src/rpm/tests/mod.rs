//! rpm's databases: written by the real rpm, by the real SQLite, and damaged.

mod damaged;
mod engine;
mod program;

use super::*;

/// An entry of a header: tag, type, and its data.
type Entry<'a> = (u32, u32, &'a [u8]);

/// A header of `entries`, as rpm writes it.
fn header_of(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, bytes) in entries {
        for number in [*tag, *kind, data.len() as u32, 1] {
            index.extend(number.to_be_bytes());
        }
        data.extend(*bytes);
    }
    let counts = [entries.len() as u32, data.len() as u32];
    let counts = counts.map(u32::to_be_bytes).concat();
    [counts, index, data].concat()
}

/// The header of a package with `padding` bytes of description between its texts.
fn header(name: &str, padding: usize) -> Vec<u8> {
    let name = [name, "\0"].concat();
    let description = [vec![b'x'; padding], vec![0]].concat();
    header_of(&[
        (1_000, 6, name.as_bytes()),
        (1_001, 6, b"1.2\0"),
        (1_002, 6, b"3\0"),
        (1_005, 6, &description),
        (1_009, 4, &77_u32.to_be_bytes()),
        (1_022, 6, b"noarch\0"),
        (1_008, 4, &1_780_000_000_u32.to_be_bytes()),
    ])
}

fn expected(name: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: "1.2-3".to_owned(),
        architecture: "noarch".to_owned(),
        vendor: String::new(),
        size: Some(77),
        installed: Some(1_780_000_000_000),
    }
}

fn read_header(bytes: &[u8]) -> Result<Package, Fault> {
    header::package(&mut &*bytes, 0, bytes.len() as u64)
}

#[test]
fn what_rpm_added_on_installing_counts_before_what_the_package_said() {
    let texts = [
        (1_000, 6, b"a\0".as_slice()),
        (1_001, 6, b"1\0"),
        (1_002, 6, b"1\0"),
    ];
    let with = |entries: &[Entry<'_>]| read_header(&header_of(&[&texts, entries].concat()));
    let twice = with(&[(1_008, 4, &[0, 0, 0, 1]), (1_008, 4, &[0, 0, 0, 2])]).unwrap();
    assert_eq!(twice.installed, Some(2_000));
    // Sizes from 4 GiB on are in a number of their own.
    let large = with(&[
        (1_009, 4, &[0xff; 4]),
        (5_009, 5, &(5_u64 << 30).to_be_bytes()),
    ]);
    assert_eq!(large.unwrap().size, Some(5 << 30));
    let epoch = with(&[(1_003, 4, &[0, 0, 0, 0])]).unwrap();
    assert_eq!(epoch.version, "0:1-1");
}

#[test]
fn a_header_that_is_not_as_it_should_be_is_refused() {
    let whole = header("a", 10);
    assert_eq!(read_header(&whole), Ok(expected("a")));
    for length in 0..whole.len() {
        assert!(read_header(&whole[..length]).is_err(), "{length}");
    }
    for (what, entries) in [
        (
            "no name",
            vec![(1_001, 6, b"1\0".as_slice()), (1_002, 6, b"1\0")],
        ),
        ("a number for a name", vec![(1_000, 4, &[0; 4])]),
        (
            "no end",
            vec![(1_000, 6, b"a\0"), (1_002, 6, b"1\0"), (1_001, 6, b"1")],
        ),
    ] {
        assert!(read_header(&header_of(&entries)).is_err(), "{what}");
    }
}

/// A database of the format ndb, as rpmpkg.c writes it.
fn ndb(headers: &[Vec<u8>]) -> Vec<u8> {
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let magic = |text: &[u8; 4]| u32::from_le_bytes(*text);
    let mut slots = words(&[magic(b"RpmP"), 0, 7, 1, headers.len() as u32 + 1, 0, 0, 0]);
    let mut blobs = Vec::new();
    for (index, header) in (1..).zip(headers) {
        let block = (4_096 + blobs.len() as u32) / 16;
        let length = header.len() as u32;
        let mut blob = [words(&[magic(b"BlbS"), index, 1, length]), header.clone()].concat();
        blob.resize((blob.len() + 12).next_multiple_of(16) - 12, 0);
        blob.extend(words(&[0, length, magic(b"BlbE")]));
        slots.extend(words(&[
            magic(b"Slot"),
            index,
            block,
            blob.len() as u32 / 16,
        ]));
        blobs.extend(blob);
    }
    while slots.len() < 4_096 {
        slots.extend(words(&[magic(b"Slot"), 0, 0, 0]));
    }
    [slots, blobs].concat()
}

#[test]
fn packages_of_ndb() {
    let file = ndb(&[header("a", 0), header("large", 100_000), header("z", 5)]);
    let device =
        bailiwick_sdk::fake::Device::new().file("/usr/lib/sysimage/rpm/Packages.db", file.clone());
    let found = device.run(|| packages(&mut Source::default()));
    assert_eq!(found, ["a", "large", "z"].map(expected));
    assert_eq!(device.log(), []);
    let cut = ndb_packages(&file[..5_000]);
    assert_eq!(cut.packages, [expected("a")]);
    assert_eq!(cut.fault, Some(Fault("cut short")));
}

#[test]
fn a_database_that_is_not_read_is_told_of_and_keys_are_no_packages() {
    let device = bailiwick_sdk::fake::Device::new().file("/var/lib/rpm/Packages", "Berkeley DB");
    assert_eq!(device.run(|| packages(&mut Source::default())), []);
    assert_eq!(device.log().len(), 1);
    let keys = ndb_packages(ndb(&[header(KEY, 0)]).as_slice());
    assert_eq!((keys.packages, keys.fault), (Vec::new(), None));
}

#[test]
fn a_database_that_changed_meanwhile_is_read_once_more() {
    for (states, reads, fault) in [
        (vec![1, 1], 1, None),
        (vec![1, 2, 2], 2, None),
        (vec![1, 2, 3], 2, Some(Fault("changed while it was read"))),
    ] {
        let (mut states, mut read) = (states.into_iter(), 0);
        let reading = unchanged(
            || states.next(),
            || {
                read += 1;
                Reading::default()
            },
        );
        assert_eq!((read, reading.fault), (reads, fault));
        assert_eq!(states.next(), None);
    }
}
