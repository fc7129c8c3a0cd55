//! What plugins have used, for an OpenTelemetry collector, if the settings name one. Nothing
//! here wakes an agent whose settings name none.

mod exported;

use std::{sync::Arc, time::Duration};

use bailiwick_core::time::Timestamp;
use bailiwick_device::OwnUse;
use bailiwick_transport::{
    full_jitter,
    otlp::{Export, Otlp, OtlpError},
};

use super::{
    describe::Description,
    host::Host,
    plugin::describe,
    shown::{Running, Shown},
};
use crate::random;

/// For a plugin to say what it has used: it answers between two calls. One that is at work
/// for longer has its values in the next export.
const ANSWER: Duration = Duration::from_millis(500);

/// Longest pause after attempts that failed, unless the settings or the collector ask for
/// more.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A collector, and how often it is told.
#[derive(Clone, Debug)]
pub(crate) struct Metering {
    pub(crate) otlp: Otlp,
    pub(crate) every: Duration,
}

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
    exported::export(
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
