//! Many users at once: the agent with an instance of `session-analyzer` for each of 100, then of
//! 500 sessions, enrolled and connected over MQTT.
//!
//! As in `everything` the kernel gives the sessions, and their processes sleep. They open one
//! after another, as fast as the machine opens them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bailiwick_needs::{Login, own_uid};

use super::{Bench, device::Device, everything::SAMPLE, table::Figure};
use crate::desk::Devices;

const ANALYZER: &str = "session-analyzer";
/// What is measured of a hundred, and of five hundred.
const SIZES: [Size; 2] = [
    Size {
        sessions: 100,
        rss: "sessions-100-rss",
        hwm: "sessions-100-hwm",
        anonymous: "sessions-100-anonymous-MB",
        sampled: "sessions-100-sampled-after-s",
    },
    Size {
        sessions: 500,
        rss: "sessions-500-rss",
        hwm: "sessions-500-hwm",
        anonymous: "sessions-500-anonymous-MB",
        sampled: "sessions-500-sampled-after-s",
    },
];
const TIME: Duration = Duration::from_secs(30 * 60);
const SHORT: Duration = Duration::from_secs(3 * 60);
/// Processes of a session beside its first: 2,000 in all of 500.
const SLEEPERS: usize = 3;
/// For a plugin to be fetched and started.
const PATIENCE: Duration = Duration::from_secs(90);
/// For all to be sampled.
const SETTLED: Duration = Duration::from_secs(60);

/// How many, and by which names.
struct Size {
    sessions: u64,
    rss: &'static str,
    hwm: &'static str,
    anonymous: &'static str,
    /// From when the last was open until each was sampled once.
    sampled: &'static str,
}

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    ensure!(
        Login::is_possible("what the agent needs for many sessions"),
        "only root can open users' sessions here"
    );
    let mut figures = Vec::new();
    for size in SIZES {
        figures.extend(of(bench, &size)?);
    }
    Ok(figures)
}

fn of(bench: &Bench, size: &Size) -> anyhow::Result<Vec<Figure>> {
    let desk = bench.desk_for(Devices::Enrolled, &format!("sessions-{}", size.sessions))?;
    // The project's own policy, but for how many there may be.
    desk.add_with(ANALYZER, |key| match key {
        "sessions" => Some("512".to_owned()),
        "cpu" => Some("{ per-mille = 500, window = \"60 s\" }".to_owned()),
        _ => None,
    })?;
    let mut device = Device::begin_enrolled(desk)?;
    device.wait(PATIENCE, "start of the analyzer", |event| {
        event["event"] == "plugin-started"
    })?;
    let uid = own_uid(0);
    let begun = Instant::now();
    let logins = (0..size.sessions)
        .map(|_| Login::with_sleepers(uid, SLEEPERS))
        .collect::<Result<Vec<_>, _>>()?;
    let after = sampled(&mut device, size.sessions, begun)?;
    device.rest(bench.time(TIME, SHORT))?;
    let process = device.process();
    let figures = vec![
        Figure::new(size.rss, process.megabytes("VmRSS")?),
        Figure::new(size.hwm, process.megabytes("VmHWM")?),
        Figure::new(size.anonymous, process.megabytes("RssAnon")?),
        Figure::new(size.sampled, after.as_secs_f64()),
    ];
    drop(logins);
    device.end()?;
    Ok(figures)
}

/// Waits until each of `count` sessions was sampled, which opened after `begun`, and tells how long
/// that took from now on.
fn sampled(device: &mut Device, count: u64, begun: Instant) -> anyhow::Result<Duration> {
    let opened = Instant::now();
    loop {
        let calls = device.timing(ANALYZER)?["calls"].as_u64();
        let calls = calls.context("the agent does not tell of samples")?;
        if each_has_some(calls, count, begun.elapsed()) {
            return Ok(opened.elapsed());
        }
        ensure!(
            opened.elapsed() < SETTLED,
            "{count} sessions, which took {:.0?} to open, need not have a sample each: there are \
             {calls}",
            opened - begun
        );
        device.rest(Duration::from_secs(1))?;
    }
}

/// Whether `calls` in all are a sample at least of each of `count` sessions.
///
/// An instance samples as it starts, and then every [`SAMPLE`]: none has more than fit into the
/// time `since` the first session opened. If all but one had so many and there is one more, that
/// one has some.
fn each_has_some(calls: u64, count: u64, since: Duration) -> bool {
    let most_of_one = 1 + since.as_secs() / SAMPLE.as_secs();
    calls > (count - 1) * most_of_one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_was_sampled_twice_does_not_stand_for_another() {
        let after = |calls, seconds| each_has_some(calls, 100, Duration::from_secs(seconds));
        assert!(!after(99, 14));
        assert!(after(100, 14));
        assert!(!after(100, 15));
        assert!(!after(198, 29));
        assert!(after(199, 29));
    }
}
