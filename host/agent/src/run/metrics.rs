//! What plugins have used, for an OpenTelemetry collector, if the settings name one. Nothing
//! here wakes an agent whose settings name none.

use std::{sync::Arc, time::Duration};

use bailiwick_core::time::Timestamp;
use bailiwick_device::OwnUse;
use bailiwick_transport::{
    full_jitter,
    otlp::{Export, Instrument, Kind, Number, Otlp, OtlpError, Point},
};

use super::{
    describe::Description,
    host::Host,
    plugin::describe,
    shown::{Running, Shown},
};
use crate::{figures::Figures, random};

/// For a plugin to say what it has used: it answers between two calls. One that is at work
/// for longer has its values in the next export.
const ANSWER: Duration = Duration::from_millis(500);

/// Longest pause after attempts that failed, unless the settings or the collector ask for
/// more.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Name of what a plugin has used, of which each is told once for each plugin.
const PLUGIN: &str = "bailiwick.plugin.name";
const VERSION: &str = "bailiwick.plugin.version";
/// Where time was spent: `guest` or `host`.
const SIDE: &str = "bailiwick.plugin.side";

/// A collector, and how often it is told.
#[derive(Clone, Debug)]
pub(crate) struct Metering {
    pub(crate) otlp: Otlp,
    pub(crate) every: Duration,
}

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

/// Tells the collector of the settings, for as long as they name one.
pub(crate) async fn run(host: Arc<Host>, shown: Arc<Shown>) {
    let mut settings = host.metering.subscribe();
    let started = host.clock.now();
    let mut pause = None;
    let mut failures = 0;
    loop {
        let metering = settings.borrow_and_update().clone();
        let Some(metering) = metering else {
            (pause, failures) = (None, 0);
            if settings.changed().await.is_err() {
                return;
            }
            continue;
        };
        // Agents that started together tell at different times.
        let wait = pause.unwrap_or_else(|| full_jitter(0, metering.every, LONGEST, number()));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = settings.changed() => match changed {
                Ok(()) => {
                    (pause, failures) = (None, 0);
                    continue;
                }
                Err(_) => return,
            }
        }
        host.pause.while_paused().await;
        let export = export(&host, &shown, started).await;
        let sent = metering.otlp.send(export).await;
        let now = host.clock.now();
        failures = match &sent {
            Ok(()) => {
                host.standing.succeeded("metrics", now);
                0
            }
            Err(error) => {
                host.standing.failed("metrics", &error.reason, now);
                failures + 1
            }
        };
        pause = Some(next_pause(&sent, metering.every, failures, number()));
    }
}

/// Without randomness, agents only tell at the same time.
fn number() -> u64 {
    random::number().unwrap_or(u64::MAX)
}

/// From an export to the next. What failed is told with the next one: it has all.
fn next_pause(
    sent: &Result<(), OtlpError>,
    every: Duration,
    failures: u32,
    random: u64,
) -> Duration {
    match sent {
        Ok(()) => every,
        Err(OtlpError {
            after: Some(after), ..
        }) => every.max(*after),
        Err(OtlpError { after: None, .. }) => every + full_jitter(failures, every, LONGEST, random),
    }
}

async fn export(host: &Host, shown: &Shown, started: Timestamp) -> Export {
    let mut plugins = Vec::new();
    for running in shown.list() {
        if let Some(description) = ask(&running).await {
            plugins.push(description);
        }
    }
    make(
        &host.device.to_string(),
        &plugins,
        OwnUse::now(),
        (started, host.clock.now()),
    )
}

async fn ask(running: &Running) -> Option<Description> {
    let orders = running.orders()?;
    let answer = tokio::time::timeout(ANSWER, describe(&orders)).await;
    answer.ok().flatten()
}

fn make(
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

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn failed(after: Option<Duration>) -> Result<(), OtlpError> {
        Err(OtlpError {
            after,
            reason: String::new(),
        })
    }

    #[test]
    fn a_collector_that_fails_is_asked_less_and_less_and_never_given_up() {
        assert_eq!(next_pause(&Ok(()), MINUTE, 0, u64::MAX), MINUTE);
        let pause = |failures| next_pause(&failed(None), MINUTE, failures, u64::MAX);
        assert!(pause(1) > MINUTE * 2 && pause(1) <= MINUTE * 3);
        assert!(pause(2) > pause(1));
        assert!(pause(u32::MAX) <= MINUTE + LONGEST);
    }

    #[test]
    fn one_that_asks_to_wait_is_left_alone_so_long() {
        let pause = |after| next_pause(&failed(Some(after)), MINUTE, 7, u64::MAX);
        assert_eq!(pause(MINUTE * 5), MINUTE * 5);
        assert_eq!(
            pause(Duration::from_secs(1)),
            MINUTE,
            "and no sooner told than others"
        );
    }
}
