//! The operating system, when it was started, on what it runs, and its settings.

use bailiwick_sdk::{Cell, Collection, Field, Rows, system};

use crate::{Subject, dmi, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "operating-system",
    collections,
    collect,
};

fn collections() -> Vec<Collection> {
    vec![
        Collection::single(
            "operating-system",
            [
                Field::text("id"),
                Field::text("name"),
                Field::text("version"),
                Field::text("codename"),
                Field::text("family"),
                Field::text("architecture"),
                Field::text("kernel"),
            ],
        ),
        Collection::single(
            "system",
            [
                Field::text("host-name").personal(),
                // The kernel's answer moves a little when the clock is set.
                Field::timestamp("boot-time").unit("ms").quantum(60_000),
                // Coarse, or it would be another at each report.
                Field::unsigned("uptime").unit("s").quantum(6 * 3_600),
                Field::text("boot-id").identifies_device(),
                Field::unsigned("processors"),
                Field::text("virtualisation"),
                Field::text("container"),
                Field::text("time-zone"),
                Field::text("locale"),
            ],
        ),
    ]
}

fn collect(source: &mut Source, rows: &mut Rows) {
    let release = release(source);
    let release = |name: &str| Cell::text_if_any(assigned(&release, name).unwrap_or_default());
    let machine = source.system(system::describe());
    let of = |field: fn(&system::Description) -> &String| -> Cell {
        machine
            .as_ref()
            .map_or(Cell::ABSENT, |machine| Cell::text_if_any(field(machine)))
    };
    rows.push(
        "operating-system",
        [
            release("ID"),
            release("NAME"),
            release("VERSION_ID"),
            release("VERSION_CODENAME"),
            of(|machine| &machine.family),
            of(|machine| &machine.architecture),
            of(|machine| &machine.kernel),
        ],
    );
    let processors = machine.as_ref().map(|machine| machine.processors);
    let boot_time = machine.as_ref().map(|machine| machine.boot_time);
    let uptime = machine.as_ref().map(|machine| machine.uptime_seconds);
    rows.push(
        "system",
        [
            of(|machine| &machine.host_name),
            boot_time.into(),
            uptime.into(),
            of(|machine| &machine.boot_id),
            processors.into(),
            virtualisation(source).into(),
            Cell::text_if_any(source.line("/run/systemd/container")),
            Cell::text_if_any(time_zone(source)),
            Cell::text_if_any(locale(source)),
        ],
    );
}

/// The text of os-release(5). In /etc it is a link as a rule, which leads out of the root
/// that is granted there.
fn release(source: &mut Source) -> String {
    let path = match source.link("/etc/os-release") {
        Some(_) => "/usr/lib/os-release",
        None => "/etc/os-release",
    };
    source.text(path).unwrap_or_default()
}

/// The value of `NAME=value` in os-release(5) and locale.conf(5), quotes taken off.
fn assigned(text: &str, name: &str) -> Option<String> {
    let value = text
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .rfind(|(key, _)| *key == name)
        .map(|(_, value)| value)?;
    let quoted = |quote: char| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    if let Some(literal) = quoted('\'') {
        return Some(literal.to_owned());
    }
    let value = quoted('"').unwrap_or(value);
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    Some(plain)
}

/// What localtime(5) links to, or what Debian writes beside it.
fn time_zone(source: &mut Source) -> String {
    source
        .link("/etc/localtime")
        .and_then(|target| Some(target.split_once("zoneinfo/")?.1.to_owned()))
        .unwrap_or_else(|| source.line("/etc/timezone"))
}

fn locale(source: &mut Source) -> String {
    ["/etc/locale.conf", "/etc/default/locale"]
        .into_iter()
        .find_map(|path| assigned(&source.text(path)?, "LANG"))
        .unwrap_or_default()
}

/// The hypervisor beneath the machine; none if nothing tells of one.
fn virtualisation(source: &mut Source) -> Option<&'static str> {
    let vendor = dmi::field(source, "sys_vendor");
    let product = dmi::field(source, "product_name");
    if let Some(name) = hypervisor(&vendor, &product) {
        return Some(name);
    }
    if source.line("/sys/hypervisor/type") == "xen" {
        return Some("xen");
    }
    let processors = source.text("/proc/cpuinfo")?;
    let is_guest = processors
        .lines()
        .filter(|line| line.starts_with("flags"))
        .any(|line| {
            line.split_ascii_whitespace()
                .any(|flag| flag == "hypervisor")
        });
    is_guest.then_some("unknown")
}

/// What hypervisors write into the DMI table of their guests.
fn hypervisor(vendor: &str, product: &str) -> Option<&'static str> {
    match (vendor, product) {
        ("QEMU", _) | (_, "KVM") => Some("qemu"),
        ("VMware, Inc.", _) => Some("vmware"),
        ("innotek GmbH", _) | (_, "VirtualBox") => Some("virtualbox"),
        ("Xen", _) => Some("xen"),
        ("Microsoft Corporation", "Virtual Machine") => Some("hyper-v"),
        ("Amazon EC2", product) if !product.ends_with(".metal") => Some("amazon-ec2"),
        ("Google", "Google Compute Engine") => Some("google-compute-engine"),
        ("Parallels Software International Inc." | "Parallels International GmbH.", _) => {
            Some("parallels")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    #[test]
    fn values_lose_their_quotes_and_the_last_one_counts() {
        let text = "NAME=\"Old\"\nNAME=\"Debian \\\"GNU\\\"/Linux\"\nID=debian\n#ID=no\nEMPTY=\n\
                    LITERAL='a\\b'\n";
        assert_eq!(
            assigned(text, "NAME").as_deref(),
            Some("Debian \"GNU\"/Linux")
        );
        assert_eq!(assigned(text, "ID").as_deref(), Some("debian"));
        assert_eq!(assigned(text, "EMPTY").as_deref(), Some(""));
        assert_eq!(assigned(text, "LITERAL").as_deref(), Some("a\\b"));
        assert_eq!(assigned(text, "MISSING"), None);
    }

    #[test]
    fn the_time_zone_is_what_the_link_says_or_what_the_file_does() {
        let linked =
            Device::new().symbolic_link("/etc/localtime", "../usr/share/zoneinfo/Europe/Vienna");
        assert_eq!(
            linked.run(|| time_zone(&mut Source::default())),
            "Europe/Vienna"
        );
        let written = Device::new()
            .file("/etc/localtime", "TZif2")
            .file("/etc/timezone", "Etc/UTC\n");
        assert_eq!(written.run(|| time_zone(&mut Source::default())), "Etc/UTC");
        assert!(written.log().is_empty());
    }

    #[test]
    fn a_guest_of_no_known_hypervisor_is_still_a_guest() {
        let device = Device::new().file("/proc/cpuinfo", "flags\t\t: fpu hypervisor lahf_lm\n");
        assert_eq!(
            device.run(|| virtualisation(&mut Source::default())),
            Some("unknown")
        );
        let bare = Device::new().file("/proc/cpuinfo", "flags\t\t: fpu lahf_lm\n");
        assert_eq!(bare.run(|| virtualisation(&mut Source::default())), None);
        assert_eq!(
            hypervisor("Microsoft Corporation", "Surface Laptop 4"),
            None
        );
        assert_eq!(hypervisor("Amazon EC2", "m5.metal"), None);
    }
}
