//! How often a plugin may do what goes out of the device.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{ids::PluginName, time::Monotonic};

/// What each plugin has done in the last minute. It outlives instances: a plugin rests
/// between two calls.
#[derive(Debug, Default)]
pub struct Rates(BTreeMap<PluginName, VecDeque<Monotonic>>);

impl Rates {
    /// Counts one more of `plugin` at `now`, if `per_minute` allows it.
    ///
    /// # Errors
    /// How long until the next may follow.
    pub fn take(
        &mut self,
        plugin: &PluginName,
        per_minute: u16,
        now: Monotonic,
    ) -> Result<(), Duration> {
        const MINUTE: Duration = Duration::from_secs(60);
        let done = self.0.entry(plugin.clone()).or_default();
        done.retain(|at| now.since(*at) < MINUTE);
        if done.len() < usize::from(per_minute) {
            done.push_back(now);
            return Ok(());
        }
        Err(done
            .front()
            .map_or(MINUTE, |oldest| MINUTE.saturating_sub(now.since(*oldest))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_over_a_minute_and_for_each_plugin() {
        let mut rates = Rates::default();
        let (one, other): (PluginName, PluginName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let at = |seconds| Monotonic::ZERO.after(Duration::from_secs(seconds));
        assert_eq!(rates.take(&one, 2, at(0)), Ok(()));
        assert_eq!(rates.take(&one, 2, at(20)), Ok(()));
        assert_eq!(rates.take(&one, 2, at(30)), Err(Duration::from_secs(30)));
        assert_eq!(rates.take(&other, 2, at(30)), Ok(()));
        assert_eq!(rates.take(&one, 2, at(60)), Ok(()));
        assert!(rates.take(&one, 2, at(61)).is_err());
    }
}
