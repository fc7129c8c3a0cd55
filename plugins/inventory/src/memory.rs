//! Memory and the modules that it is made of.

use bailiwick_sdk::{Cell, Collection, Field, Rows, system};

use crate::{Subject, smbios, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "memory",
    collections,
    collect,
};

fn collections() -> Vec<Collection> {
    // What the kernel keeps for itself differs by a little from start to start.
    let bytes = |name| Field::unsigned(name).unit("bytes").quantum(16 << 20);
    vec![
        Collection::single("memory", [bytes("total"), bytes("swap")]),
        Collection::keyed(
            "memory-modules",
            [Field::unsigned("handle")],
            [
                Field::text("slot"),
                Field::text("bank"),
                Field::unsigned("size").unit("bytes"),
                Field::text("kind"),
                Field::unsigned("speed").unit("MT/s"),
                Field::text("vendor"),
                Field::text("part"),
                Field::text("serial").identifies_device(),
            ],
        ),
    ]
}

fn collect(source: &mut Source, rows: &mut Rows) {
    if let Some(machine) = source.system(system::describe()) {
        rows.push("memory", [machine.memory.into(), machine.swap.into()]);
    }
    let table = source
        .bytes("/sys/firmware/dmi/tables/DMI")
        .unwrap_or_default();
    for module in smbios::modules(&table) {
        rows.push(
            "memory-modules",
            [
                u64::from(module.handle).into(),
                Cell::text_if_any(module.slot),
                Cell::text_if_any(module.bank),
                module.size.into(),
                module.kind.into(),
                module.speed.into(),
                Cell::text_if_any(module.vendor),
                Cell::text_if_any(module.part),
                Cell::text_if_any(module.serial),
            ],
        );
    }
}
