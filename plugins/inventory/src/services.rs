//! Services of systemd: the unit files, and the links by which they are started
//! (systemd.unit(5)). What runs at the moment is not in files.

use std::collections::BTreeMap;

use bailiwick_sdk::{
    Collection, Field, Rows,
    files::{Entry, Kind},
};

use crate::{Subject, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "services",
    collections,
    collect,
};

/// Where the administrator's units are, and the links of all.
const ADMINISTRATOR: &str = "/etc/systemd/system";

fn collections() -> Vec<Collection> {
    vec![Collection::keyed(
        "services",
        [Field::text("name")],
        [
            Field::boolean("enabled"),
            Field::boolean("masked"),
            Field::boolean("own-unit"),
        ],
    )]
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Service {
    /// Something that is started with the machine wants it.
    enabled: bool,
    /// It can't be started at all.
    masked: bool,
    /// Its unit is the administrator's, not a package's.
    own_unit: bool,
}

fn collect(source: &mut Source, rows: &mut Rows) {
    for (name, service) in services(source) {
        rows.push(
            "services",
            [
                name.into(),
                service.enabled.into(),
                service.masked.into(),
                service.own_unit.into(),
            ],
        );
    }
}

fn services(source: &mut Source) -> BTreeMap<String, Service> {
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    let mut packages = source.list("/usr/lib/systemd/system");
    let mut folder = "/usr/lib/systemd/system";
    if packages.is_empty() {
        folder = "/lib/systemd/system";
        packages = source.list(folder);
    }
    let own = source.list(ADMINISTRATOR);
    for (folder, entries, own_unit) in [(folder, &packages, false), (ADMINISTRATOR, &own, true)] {
        for entry in entries {
            units(source, &mut services, folder, entry, own_unit);
        }
    }
    for entry in own.iter().filter(|entry| is_wanting(&entry.name)) {
        let wanted = source.list(&[ADMINISTRATOR, "/", &entry.name].concat());
        for unit in wanted.into_iter().filter(|unit| is_service(&unit.name)) {
            services.entry(unit.name).or_default().enabled = true;
        }
    }
    services
}

/// Adds what one entry of a unit folder says.
fn units(
    source: &mut Source,
    services: &mut BTreeMap<String, Service>,
    folder: &str,
    entry: &Entry,
    own_unit: bool,
) {
    if !is_service(&entry.name) {
        return;
    }
    let mut service = Service {
        own_unit,
        ..Service::default()
    };
    if entry.kind == Kind::SymbolicLink {
        let target = source
            .link(&[folder, "/", &entry.name].concat())
            .unwrap_or_default();
        service.masked = target == "/dev/null";
        let last = target.rsplit('/').next().unwrap_or_default();
        if !service.masked && last != entry.name {
            // A second name of a unit that has a row of its own.
            return;
        }
        // A mask says nothing of whose unit is masked.
        service.own_unit &= !service.masked;
    }
    services.insert(entry.name.clone(), service);
}

fn is_service(name: &str) -> bool {
    name.ends_with(".service")
}

fn is_wanting(folder: &str) -> bool {
    folder.ends_with(".wants") || folder.ends_with(".requires")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    #[test]
    fn enabled_masked_and_own_units_are_told_apart_and_aliases_are_none() {
        let device = Device::new()
            .file("/usr/lib/systemd/system/ssh.service", "[Unit]\n")
            .file("/usr/lib/systemd/system/getty@.service", "[Unit]\n")
            .file("/usr/lib/systemd/system/cups.service", "[Unit]\n")
            .file("/usr/lib/systemd/system/ssh.socket", "[Unit]\n")
            .file("/etc/systemd/system/kiosk.service", "[Unit]\n")
            .symbolic_link(
                "/etc/systemd/system/sshd.service",
                "/usr/lib/systemd/system/ssh.service",
            )
            .symbolic_link("/etc/systemd/system/cups.service", "/dev/null")
            .symbolic_link(
                "/etc/systemd/system/multi-user.target.wants/ssh.service",
                "/usr/lib/systemd/system/ssh.service",
            )
            .symbolic_link(
                "/etc/systemd/system/getty.target.wants/getty@tty1.service",
                "/usr/lib/systemd/system/getty@.service",
            );
        let found = device.run(|| services(&mut Source::default()));
        let service = |enabled, masked, own_unit| Service {
            enabled,
            masked,
            own_unit,
        };
        assert_eq!(
            found
                .iter()
                .map(|(name, service)| (name.as_str(), service))
                .collect::<Vec<_>>(),
            [
                ("cups.service", &service(false, true, false)),
                ("getty@.service", &service(false, false, false)),
                ("getty@tty1.service", &service(true, false, false)),
                ("kiosk.service", &service(false, false, true)),
                ("ssh.service", &service(true, false, false)),
            ]
        );
        assert!(device.log().is_empty());
    }
}
