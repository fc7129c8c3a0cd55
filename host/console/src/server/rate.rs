//! How often something may happen. Without a clock of its own.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Addresses that are remembered at a time.
const ADDRESSES: usize = 4_096;

/// So many at once, and after that one each `every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) every: Duration,
}

/// Counts one kind of happening. It keeps a single moment: the one at which, at the rate
/// that is allowed, everything that happened is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    rate: Rate,
    over: Instant,
}

impl Meter {
    pub(crate) const fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, over: now }
    }

    /// It happens once more; false if that is too often, and then it does not count.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let over = self.over.max(now) + self.rate.every;
        let allowed = over <= now + self.rate.every * self.rate.burst;
        if allowed {
            self.over = over;
        }
        allowed
    }
}

/// Counts by address of origin. An IPv6 network of 64 bits counts as one address: whoever
/// has one address of it has all.
#[derive(Debug)]
pub(crate) struct Origins {
    rate: Rate,
    meters: Mutex<HashMap<IpAddr, Meter>>,
}

impl Origins {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            meters: Mutex::default(),
        }
    }

    /// As [`Meter::allows`], of what comes from `origin`.
    pub(crate) fn allow(&self, origin: IpAddr, now: Instant) -> bool {
        let origin = network(origin);
        // A map is whole between two calls, whoever panicked.
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if meters.len() >= ADDRESSES && !meters.contains_key(&origin) {
            meters.retain(|_, meter| meter.over > now);
            if meters.len() >= ADDRESSES {
                // So many come at once that none can be told apart: newcomers wait.
                return false;
            }
        }
        let meter = meters.entry(origin);
        meter.or_insert(Meter::new(self.rate, now)).allows(now)
    }
}

fn network(of: IpAddr) -> IpAddr {
    match of.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let bits = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(bits).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        every: Duration::from_secs(10),
    };

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut meter = Meter::new(RATE, start);
        let allowed =
            |meter: &mut Meter, now, times| (0..times).filter(|_| meter.allows(now)).count();
        assert_eq!(allowed(&mut meter, at(0), 5), 3);
        assert_eq!(allowed(&mut meter, at(9), 5), 0);
        assert_eq!(allowed(&mut meter, at(10), 5), 1);
        assert_eq!(allowed(&mut meter, at(1_000), 5), 3);
    }

    #[test]
    fn one_address_does_not_shut_out_another_and_a_network_is_one() {
        let start = Instant::now();
        let origins = Origins::new(RATE);
        let allowed = |origin: &str| {
            let origin = origin.parse().unwrap();
            (0..5).filter(|_| origins.allow(origin, start)).count()
        };
        assert_eq!(allowed("192.0.2.1"), 3);
        assert_eq!(allowed("::ffff:192.0.2.1"), 0);
        assert_eq!(allowed("192.0.2.2"), 3);
        assert_eq!(allowed("2001:db8::1"), 3);
        assert_eq!(allowed("2001:db8::2"), 0);
        assert_eq!(allowed("2001:db8:0:1::1"), 3);
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let start = Instant::now();
        let origins = Origins::new(RATE);
        let all = (0..2 * ADDRESSES as u32).map(|n| IpAddr::from(n.to_be_bytes()));
        let allowed = all.filter(|origin| origins.allow(*origin, start)).count();
        assert_eq!(allowed, ADDRESSES);
        let later = start + Duration::from_secs(60);
        assert!(origins.allow("203.0.113.1".parse().unwrap(), later));
        assert_eq!(origins.meters.lock().unwrap().len(), 1);
    }
}
