//! Installed software: packages of dpkg, apk and rpm, applications of flatpak and snap.

use std::collections::BTreeMap;

use bailiwick_sdk::{Cell, Collection, Field, Rows};

use crate::{Subject, rpm, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "software",
    collections,
    collect,
};

fn collections() -> Vec<Collection> {
    vec![Collection::keyed(
        "software",
        // One package can be installed for two architectures.
        [
            Field::text("source"),
            Field::text("name"),
            Field::text("architecture"),
            // The version, of what is installed in several: kernels of rpm. Else empty,
            // so that an update changes a row in place of adding one.
            Field::text("slot"),
        ],
        [
            Field::text("version"),
            Field::unsigned("installed-size").unit("bytes"),
            Field::text("vendor"),
            Field::timestamp("installed").unit("ms"),
        ],
    )]
}

/// A package, as its database names it.
#[derive(Debug, PartialEq, Eq)]
struct Package<'a> {
    name: &'a str,
    architecture: &'a str,
    version: &'a str,
    /// In bytes.
    size: Option<u64>,
}

impl Package<'_> {
    fn push(&self, rows: &mut Rows, source: &str) {
        rows.push(
            "software",
            [
                source.into(),
                self.name.into(),
                self.architecture.into(),
                "".into(),
                Cell::text_if_any(self.version),
                self.size.into(),
                Cell::ABSENT,
                Cell::ABSENT,
            ],
        );
    }
}

fn collect(source: &mut Source, rows: &mut Rows) {
    database(source, rows, "dpkg", "/var/lib/dpkg/status", dpkg);
    // Alpine moved it in 2025.
    if !database(source, rows, "apk", "/usr/lib/apk/db/installed", apk) {
        database(source, rows, "apk", "/lib/apk/db/installed", apk);
    }
    rpms(&rpm::packages(source), rows);
    flatpaks(source, rows);
    snaps(source, rows);
}

/// Adds the packages of a database that is a file of stanzas. False if it can't be read.
fn database(
    source: &mut Source,
    rows: &mut Rows,
    name: &str,
    path: &str,
    parse: fn(&str) -> Option<Package<'_>>,
) -> bool {
    // A file that changed meanwhile is read once more; if it changed again, what the
    // second reading saw is reported: the next collect corrects it.
    let before = rows.clone();
    let mut read = |rows: &mut Rows| {
        source.stanzas(path, |stanza| {
            if let Some(package) = parse(stanza) {
                package.push(rows, name);
            }
        })
    };
    if read(rows) {
        return true;
    }
    *rows = before;
    read(rows)
}

/// The value of a line `name: value` (dpkg) or `N:value` (apk).
fn field<'a>(stanza: &'a str, name: &str) -> &'a str {
    stanza
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .unwrap_or_default()
        .trim()
}

/// A stanza of /var/lib/dpkg/status (deb-control(5), dpkg-query(1)). None for what is
/// known and not installed: removed with its configuration left, half installed …
fn dpkg(stanza: &str) -> Option<Package<'_>> {
    let mut status = field(stanza, "Status").split(' ');
    if status.nth(2) != Some("installed") {
        return None;
    }
    let kib: Option<u64> = field(stanza, "Installed-Size").parse().ok();
    named(Package {
        name: field(stanza, "Package"),
        architecture: field(stanza, "Architecture"),
        version: field(stanza, "Version"),
        size: kib.and_then(|kib| kib.checked_mul(1_024)),
    })
}

/// A stanza of apk's database (apk-package(5)).
fn apk(stanza: &str) -> Option<Package<'_>> {
    named(Package {
        name: field(stanza, "P"),
        architecture: field(stanza, "A"),
        version: field(stanza, "V"),
        size: field(stanza, "I").parse().ok(),
    })
}

fn named(package: Package<'_>) -> Option<Package<'_>> {
    (!package.name.is_empty()).then_some(package)
}

/// Packages of rpm, which installs some beside their older versions.
fn rpms(packages: &[rpm::Package], rows: &mut Rows) {
    let mut versions: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for package in packages {
        let versions = versions.entry((&package.name, &package.architecture));
        *versions.or_default() += 1;
    }
    for package in packages {
        let slot = match versions.get(&(package.name.as_str(), package.architecture.as_str())) {
            Some(2..) => package.version.as_str(),
            _ => "",
        };
        rows.push(
            "software",
            [
                "rpm".into(),
                package.name.as_str().into(),
                package.architecture.as_str().into(),
                slot.into(),
                package.version.as_str().into(),
                package.size.into(),
                Cell::text_if_any(package.vendor.as_str()),
                package.installed.into(),
            ],
        );
    }
}

/// Applications that flatpak installed for all users. Their database has no versions: the
/// commit says exactly what is installed.
fn flatpaks(source: &mut Source, rows: &mut Rows) {
    const FOLDER: &str = "/var/lib/flatpak/app/";
    for application in source.list(FOLDER.trim_end_matches('/')) {
        let folder = [FOLDER, &application.name, "/"].concat();
        // `current` says `x86_64/stable`; `active` in there is the commit.
        let Some(current) = source.link(&[&folder, "current"].concat()) else {
            continue;
        };
        let commit = source
            .link(&[&folder, &current, "/active"].concat())
            .unwrap_or_default();
        let package = Package {
            name: &application.name,
            architecture: current.split('/').next().unwrap_or_default(),
            version: &commit,
            size: None,
        };
        package.push(rows, "flatpak");
    }
}

/// Snaps: snapd keeps a file of revisions for each, and mounts the current one.
fn snaps(source: &mut Source, rows: &mut Rows) {
    for entry in source.list("/var/lib/snapd/sequence") {
        let Some(name) = entry.name.strip_suffix(".json") else {
            continue;
        };
        let description = ["/snap/", name, "/current/meta/snap.yaml"].concat();
        let description = source.text(&description).unwrap_or_default();
        let package = Package {
            name,
            architecture: "",
            version: field(&description, "version").trim_matches(['\'', '"']),
            size: None,
        };
        package.push(rows, "snap");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DPKG: &str = "Package: adduser\nStatus: install ok installed\nPriority: important\n\
        Installed-Size: 686\nArchitecture: all\nVersion: 3.134\nConffiles:\n /etc/adduser.conf cc34\n\
        Description: add and remove users\n Version: of nothing";

    #[test]
    fn an_installed_package_of_dpkg() {
        let expected = Package {
            name: "adduser",
            architecture: "all",
            version: "3.134",
            size: Some(686 << 10),
        };
        assert_eq!(dpkg(DPKG), Some(expected));
    }

    #[test]
    fn what_dpkg_knows_and_has_not_installed_is_left_out() {
        for status in [
            "deinstall ok config-files",
            "install ok half-installed",
            "purge ok not-installed",
            "",
        ] {
            assert_eq!(
                dpkg(&DPKG.replace("install ok installed", status)),
                None,
                "{status}"
            );
        }
        // A package that is held back is installed.
        assert!(dpkg(&DPKG.replace("install ok installed", "hold ok installed")).is_some());
    }

    #[test]
    fn a_package_of_apk() {
        let stanza =
            "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:4\nI:667648\nT:the library\nF:lib\nR:ld.so";
        let expected = Package {
            name: "musl",
            architecture: "x86_64",
            version: "1.2.5-r0",
            size: Some(667_648),
        };
        assert_eq!(apk(stanza), Some(expected));
        assert_eq!(apk("V:1"), None);
    }

    #[test]
    fn versions_side_by_side_have_a_row_each_and_others_keep_theirs() {
        let package = |name: &str, version: &str, architecture: &str| rpm::Package {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: architecture.to_owned(),
            ..rpm::Package::default()
        };
        let written = |packages: &[rpm::Package]| {
            let mut rows = Rows::new(&bailiwick_sdk::Schema::new(collections()));
            rpms(packages, &mut rows);
            (rows.count("software"), rows.into_bytes())
        };
        let holds = |bytes: &[u8], key: &[u8]| bytes.windows(key.len()).any(|part| part == key);
        let (count, bytes) = written(&[
            package("kernel", "6.1-1", "x86_64"),
            package("glibc", "2.39-1", "x86_64"),
            package("glibc", "2.39-1", "i686"),
            package("kernel", "6.2-1", "x86_64"),
        ]);
        assert_eq!(count, 4);
        // Lengths come before texts: the slot, then the version.
        assert!(holds(&bytes, b"\x06x86_64\x056.1-1\x056.1-1"));
        assert!(holds(&bytes, b"\x06x86_64\x056.2-1\x056.2-1"));
        assert!(holds(&bytes, b"\x04i686\x00\x062.39-1"));
    }
}
