//! Failed logins, counted per client.

use std::{collections::BTreeMap, net::IpAddr};

use bailiwick_core::time::Timestamp;

/// Failures that a client has within [`WINDOW_MS`]; after them it is not listened to.
/// Secrets have 256 bits, so this does not protect them: it keeps the log readable and
/// the disk quiet.
const MOST: u32 = 10;
const WINDOW_MS: u64 = 60_000;
/// Clients that are remembered; beyond that the oldest window is forgotten.
const CLIENTS: usize = 1_024;

/// Failures of each client.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failures: BTreeMap<IpAddr, Window>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Timestamp,
    failures: u32,
}

impl Window {
    /// What is left of it, in milliseconds; a clock that was set back ends it.
    fn left_ms(&self, now: Timestamp) -> Option<u64> {
        let age = now.as_ms().checked_sub(self.since.as_ms())?;
        WINDOW_MS.checked_sub(age).filter(|left| *left > 0)
    }
}

impl Attempts {
    /// For how many seconds this client is not listened to, if it is not.
    pub(crate) fn refused_for(&self, client: IpAddr, now: Timestamp) -> Option<u64> {
        let window = self.failures.get(&network(client))?;
        let left = window.left_ms(now)?;
        (window.failures >= MOST).then(|| left.div_ceil(1_000))
    }

    /// Counts a failure.
    pub(crate) fn failed(&mut self, client: IpAddr, now: Timestamp) {
        self.failures
            .retain(|_, window| window.left_ms(now).is_some());
        let client = network(client);
        if self.failures.len() >= CLIENTS && !self.failures.contains_key(&client) {
            let oldest = self.failures.iter().min_by_key(|(_, window)| window.since);
            if let Some(oldest) = oldest.map(|(client, _)| *client) {
                self.failures.remove(&oldest);
            }
        }
        let window = self.failures.entry(client).or_insert(Window {
            since: now,
            failures: 0,
        });
        window.failures = window.failures.saturating_add(1);
    }
}

/// A person has a whole /64 of IPv6, and one address of IPv4.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => std::net::Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(1_000_000 + ms)
    }

    #[test]
    fn ten_failures_a_minute_are_listened_to() {
        let (mut attempts, client) = (Attempts::default(), "192.0.2.1".parse().unwrap());
        for second in 0..10 {
            assert_eq!(attempts.refused_for(client, at(second * 1_000)), None);
            attempts.failed(client, at(second * 1_000));
        }
        assert_eq!(attempts.refused_for(client, at(10_000)), Some(50));
        assert_eq!(
            attempts.refused_for("192.0.2.2".parse().unwrap(), at(10_000)),
            None
        );
        assert_eq!(attempts.refused_for(client, at(60_000)), None);
        attempts.failed(client, at(60_000));
        assert_eq!(attempts.refused_for(client, at(60_001)), None);
    }

    #[test]
    fn addresses_of_one_network_count_together_and_memory_is_bounded() {
        let mut attempts = Attempts::default();
        for host in 0..10u16 {
            attempts.failed(format!("2001:db8::{host:x}").parse().unwrap(), at(0));
        }
        let other = "2001:db8::ffff".parse().unwrap();
        assert!(attempts.refused_for(other, at(1)).is_some());
        for net in 0..3_000u16 {
            attempts.failed(format!("2001:db8:0:{net:x}::1").parse().unwrap(), at(2));
        }
        assert_eq!(attempts.failures.len(), CLIENTS);
    }
}
