//! What is exported: names, units and values. They follow OpenTelemetry's conventions, and
//! `process.*` its semantic conventions for processes.

use bailiwick_core::time::Timestamp;
use bailiwick_device::OwnUse;
use bailiwick_transport::otlp::{Export, Instrument, Kind, Number, Point};

use super::Description;
use crate::figures::Figures;

/// Name of what a plugin has used, of which each is told once for each plugin.
const PLUGIN: &str = "bailiwick.plugin.name";
const VERSION: &str = "bailiwick.plugin.version";
/// Where time was spent: `guest` or `host`.
const SIDE: &str = "bailiwick.plugin.side";

/// A metric that has one value for each plugin.
type Value = (Instrument, fn(&Figures) -> Number);

const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    Instrument {
        name,
        unit,
        description,
        kind: Kind::Counter,
    }
}

const VALUES: [Value; 7] = [
    (
        counter(
            "bailiwick.plugin.calls",
            "{call}",
            "Calls of the plugin's exports.",
        ),
        |figures| Number::Count(figures.calls),
    ),
    (
        counter(
            "bailiwick.plugin.traps",
            "{trap}",
            "Times that the plugin was stopped.",
        ),
        |figures| Number::Count(figures.traps),
    ),
    (
        counter(
            "bailiwick.plugin.host_calls",
            "{call}",
            "Calls of the host by the plugin.",
        ),
        |figures| Number::Count(figures.host_calls),
    ),
    (
        counter(
            "bailiwick.plugin.denials",
            "{call}",
            "Calls of the host that were denied.",
        ),
        |figures| Number::Count(figures.denials),
    ),
    (
        counter(
            "bailiwick.plugin.cpu.time",
            "s",
            "CPU time, in the guest and in host calls.",
        ),
        |figures| seconds(figures.cpu_us),
    ),
    (
        counter(
            "bailiwick.plugin.output",
            "By",
            "What the plugin's exports returned.",
        ),
        |figures| Number::Count(figures.out_bytes),
    ),
    (
        Instrument {
            name: "bailiwick.plugin.memory.peak",
            unit: "By",
            description: "Most memory of one instance, host buffers included.",
            kind: Kind::Gauge,
        },
        |figures| Number::Count(figures.memory_high_bytes),
    ),
];

const TIME: Instrument = counter(
    "bailiwick.plugin.time",
    "s",
    "Time on the clock in the guest and in host calls.",
);

const PROCESS_CPU: Instrument = counter(
    "process.cpu.time",
    "s",
    "Total CPU seconds of the agent's process.",
);

const PROCESS_MEMORY: Instrument = Instrument {
    name: "process.memory.usage",
    unit: "By",
    description: "The amount of physical memory in use by the agent's process.",
    kind: Kind::UpDownCounter,
};

/// One export: what each of `plugins` has used, and the agent's `own` process since it
/// `started`, where that is known.
pub(super) fn export(
    device: &str,
    plugins: &[Description],
    own: Option<OwnUse>,
    (started, now): (Timestamp, Timestamp),
) -> Export {
    const VERSION_OF_AGENT: &str = env!("CARGO_PKG_VERSION");
    // The device's id, which it made itself: nothing that tells of its user or its hardware.
    let resource = [
        ("service.name", "bailiwick"),
        ("service.version", VERSION_OF_AGENT),
        ("service.instance.id", device),
    ];
    let mut export = Export::new(&resource, ("bailiwick", VERSION_OF_AGENT), now);
    let versions: Vec<String> = plugins
        .iter()
        .map(|plugin| plugin.launch.release.version.to_string())
        .collect();
    let named: Vec<_> = plugins
        .iter()
        .zip(&versions)
        .map(|(plugin, version)| {
            let name = plugin.launch.policy.plugin.as_str();
            (plugin, [(PLUGIN, name), (VERSION, version.as_str())])
        })
        .collect();
    for (instrument, value) in VALUES {
        let points: Vec<_> = named
            .iter()
            .map(|(plugin, attributes)| Point {
                attributes,
                start: plugin.since,
                value: value(&plugin.figures),
            })
            .collect();
        export.metric(&instrument, &points);
    }
    let sides: Vec<_> = named
        .iter()
        .flat_map(|(plugin, [name, version])| {
            let of = |side, us| (*plugin, [*name, *version, (SIDE, side)], seconds(us));
            let figures = &plugin.figures;
            [of("guest", figures.guest_us), of("host", figures.host_us)]
        })
        .collect();
    let points: Vec<_> = sides
        .iter()
        .map(|(plugin, attributes, value)| Point {
            attributes,
            start: plugin.since,
            value: *value,
        })
        .collect();
    export.metric(&TIME, &points);
    if let Some(own) = own {
        let value = |value| Point {
            attributes: &[],
            start: started,
            value,
        };
        let cpu = Number::Seconds(own.cpu.as_secs_f64());
        export.metric(&PROCESS_CPU, &[value(cpu)]);
        let resident = Number::Count(own.resident.get());
        export.metric(&PROCESS_MEMORY, &[value(resident)]);
    }
    export
}

fn seconds(us: u64) -> Number {
    Number::Seconds(us as f64 / 1e6)
}
