//! Processors, from /proc/cpuinfo (proc_cpuinfo(5)).

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_sdk::{Cell, Collection, Field, Rows};

use crate::{Subject, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "processors",
    collections,
    collect,
};

fn collections() -> Vec<Collection> {
    vec![Collection::keyed(
        "processors",
        [Field::unsigned("socket")],
        [
            Field::text("vendor"),
            Field::text("model"),
            Field::unsigned("cores"),
            Field::unsigned("threads"),
            Field::text("microcode"),
        ],
    )]
}

/// One socket.
#[derive(Debug, Default, PartialEq, Eq)]
struct Processor {
    vendor: String,
    model: String,
    microcode: String,
    cores: BTreeSet<u64>,
    threads: u64,
}

fn collect(source: &mut Source, rows: &mut Rows) {
    let text = source.text("/proc/cpuinfo").unwrap_or_default();
    for (socket, processor) in parse(&text) {
        // Architectures without core numbers do not say how many there are.
        let cores = Some(processor.cores.len() as u64).filter(|cores| *cores > 0);
        rows.push(
            "processors",
            [
                socket.into(),
                Cell::text_if_any(processor.vendor),
                Cell::text_if_any(processor.model),
                cores.into(),
                processor.threads.into(),
                Cell::text_if_any(processor.microcode),
            ],
        );
    }
}

fn parse(text: &str) -> BTreeMap<u64, Processor> {
    let mut sockets: BTreeMap<u64, Processor> = BTreeMap::new();
    for thread in text.split("\n\n") {
        let field = |name: &str| {
            thread
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| key.trim() == name)
                .map(|(_, value)| value.trim())
        };
        if field("processor").is_none_or(|number| number.parse::<u64>().is_err()) {
            continue;
        }
        let number = |name| field(name).and_then(|value| value.parse().ok());
        let socket = sockets
            .entry(number("physical id").unwrap_or(0))
            .or_default();
        socket.threads += 1;
        socket.cores.extend(number("core id"));
        if socket.threads == 1 {
            let text = |name| field(name).unwrap_or_default().to_owned();
            socket.vendor = text("vendor_id");
            socket.model = text("model name");
            socket.microcode = text("microcode");
            if socket.vendor.is_empty() {
                // 64-bit Arm gives numbers in place of names.
                socket.vendor = text("CPU implementer");
                socket.model = text("CPU part");
            }
        }
    }
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_cores_are_counted_by_socket() {
        let thread = |number: u64, socket: u64, core: u64| {
            format!(
                "processor\t: {number}\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon: big\n\
                 microcode\t: 0x2b\nphysical id\t: {socket}\ncore id\t\t: {core}\n\n"
            )
        };
        let text = [
            thread(0, 0, 0),
            thread(1, 0, 1),
            thread(2, 0, 0),
            thread(3, 1, 0),
        ]
        .concat();
        let found = parse(&text);
        assert_eq!((found[&0].cores.len(), found[&0].threads), (2, 3));
        assert_eq!((found[&1].cores.len(), found[&1].threads), (1, 1));
        assert_eq!(found[&1].model, "Xeon: big");
    }

    #[test]
    fn arm_says_who_made_it_in_numbers() {
        let text =
            "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n\n";
        let found = parse(text);
        assert_eq!(
            (found[&0].vendor.as_str(), found[&0].model.as_str()),
            ("0x41", "0xd0c")
        );
        assert!(found[&0].cores.is_empty());
    }
}
