//! When the console is told what a plugin has used.

use std::time::Duration;

use bailiwick_core::time::{Monotonic, Timestamp};

use super::launch::Launch;
use crate::{events::Event, figures::Figures};

/// At least so long between two tellings of one generation: an hour, less what the hour of
/// a schedule wanders, so that a plugin which is called once an hour is told of every time.
const EVERY: Duration = Duration::from_secs(55 * 60);

/// What was told of one generation of a plugin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    /// When it took over.
    since: Timestamp,
    told: Option<(Monotonic, Figures)>,
}

impl Status {
    /// Of a generation that took over at `since`; nothing was told of it.
    pub(crate) const fn new(since: Timestamp) -> Self {
        Self { since, told: None }
    }

    /// From when on its figures count.
    pub(crate) const fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether to tell `figures` at `now`: the first ones, and then, if they differ, at most
    /// about once an hour.
    pub(crate) fn is_due(&self, figures: &Figures, now: Monotonic) -> bool {
        self.told
            .is_none_or(|(at, told)| now.since(at) >= EVERY && told != *figures)
    }

    /// Whether what was told last is no longer so.
    pub(crate) fn is_behind(&self, figures: &Figures) -> bool {
        self.told.is_some_and(|(_, told)| told != *figures)
    }

    /// What is told of the generation that `launch` started.
    pub(crate) fn event(&self, launch: &Launch, figures: Figures) -> Event {
        Event::PluginStatus {
            plugin: launch.policy.plugin.clone(),
            version: launch.release.version.to_string(),
            generation: launch.generation.id,
            since: self.since,
            figures,
        }
    }

    /// `figures` are told.
    pub(crate) fn told(&mut self, figures: Figures, now: Monotonic) {
        self.told = Some((now, figures));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Monotonic {
        Monotonic::from_ns(minutes * 60_000_000_000)
    }

    fn calls(calls: u64) -> Figures {
        Figures {
            calls,
            ..Figures::default()
        }
    }

    #[test]
    fn figures_are_told_at_once_then_hourly_and_only_if_they_differ() {
        let mut status = Status::new(Timestamp::from_ms(5));
        assert!(status.is_due(&calls(1), at(0)));
        assert!(!status.is_behind(&calls(1)), "nothing was told");
        status.told(calls(1), at(0));
        assert!(!status.is_due(&calls(200), at(54)));
        assert!(status.is_behind(&calls(200)));
        assert!(!status.is_due(&calls(1), at(600)), "there is nothing new");
        assert!(status.is_due(&calls(200), at(55)));
        status.told(calls(200), at(55));
        assert!(!status.is_due(&calls(201), at(60)));
    }

    /// A plugin that is called every 15 s, over a day.
    #[test]
    fn a_day_has_at_most_27_of_them() {
        let mut status = Status::new(Timestamp::from_ms(5));
        let mut told = 0;
        for call in 0..24 * 240 {
            let now = Monotonic::from_ns(call * 15_000_000_000);
            if status.is_due(&calls(call), now) {
                status.told(calls(call), now);
                told += 1;
            }
        }
        assert_eq!(told, 27);
    }
}
