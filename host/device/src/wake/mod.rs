//! Magic packets, sent on one link.

#[cfg(target_os = "linux")]
pub(crate) mod apart;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_core::{
    digest::Sha256,
    ids::PluginName,
    policy::{Rates, WakeAllowed},
    ports::{BoxFuture, Clock, Link, Links as _, Prefix, Wake, WakeCarrier, WakeError},
};

#[cfg(not(target_os = "linux"))]
use elsewhere as linux;

use crate::{DeviceLinks, Privileged, blocking};

/// Sends on this machine's links, and counts what each plugin sent in the last minute.
pub struct DeviceWake {
    /// Who sends; none where this process does.
    privileged: Option<Arc<Privileged>>,
    clock: Arc<dyn Clock>,
    rates: Mutex<Rates>,
}

impl DeviceWake {
    /// One that has sent nothing.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let rates = Mutex::default();
        Self {
            privileged: None,
            clock,
            rates,
        }
    }

    /// One that has `privileged` send, and count: who asks may not.
    pub fn through(clock: Arc<dyn Clock>, privileged: Arc<Privileged>) -> Self {
        Self {
            privileged: Some(privileged),
            ..Self::new(clock)
        }
    }

    async fn send_on(
        &self,
        plugin: &PluginName,
        policy: Option<Sha256>,
        allowed: WakeAllowed,
        link: &str,
        by: WakeCarrier,
        payload: &[u8],
    ) -> Result<(), WakeError> {
        let unavailable = |error: &dyn std::fmt::Display| WakeError::Unavailable(error.to_string());
        let links = DeviceLinks
            .links()
            .await
            .map_err(|error| unavailable(&error))?;
        let link = links
            .into_iter()
            .find(|found| found.name == link)
            .ok_or_else(|| WakeError::Link(format!("there is no link `{link}`")))?;
        check(&link, by)?;
        if !allowed.link_is_named && linux::is_virtual(&link.name) {
            return Err(WakeError::Virtual);
        }
        // Nobody else sends there.
        #[cfg(not(target_os = "linux"))]
        let _ = (policy, &self.privileged);
        #[cfg(target_os = "linux")]
        if let Some(privileged) = self.privileged.clone() {
            let unsigned = || unavailable(&"no signed policy grants it");
            let packet = apart::Packet {
                policy: policy.ok_or_else(unsigned)?,
                link: link.name,
                by,
                payload: payload.to_vec(),
            };
            return blocking::run(move || apart::ask(&privileged, packet))
                .await
                .map_err(|error| unavailable(&error))?;
        }
        {
            // Counted last: what was refused was not sent.
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.monotonic();
            rates
                .take(plugin, allowed.per_minute, now)
                .map_err(WakeError::TooOften)?;
        }
        let payload = payload.to_vec();
        blocking::run(move || linux::send(&link.name, by, &payload))
            .await
            .map_err(|error| unavailable(&error))?
            .map_err(|error| unavailable(&error))
    }
}

impl std::fmt::Debug for DeviceWake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceWake").finish_non_exhaustive()
    }
}

impl Wake for DeviceWake {
    fn send<'a>(
        &'a self,
        plugin: &'a PluginName,
        policy: Option<Sha256>,
        allowed: WakeAllowed,
        link: &'a str,
        by: WakeCarrier,
        payload: &'a [u8],
    ) -> BoxFuture<'a, Result<(), WakeError>> {
        Box::pin(self.send_on(plugin, policy, allowed, link, by, payload))
    }
}

/// Whether `link` can carry it at all.
fn check(link: &Link, by: WakeCarrier) -> Result<(), WakeError> {
    let wrong = |reason: &str| Err(WakeError::Link(format!("`{}` {reason}", link.name)));
    if link.loopback {
        return wrong("leads nowhere: it is the machine's own");
    }
    if !link.up {
        return wrong("is down");
    }
    match by {
        WakeCarrier::Ethernet if link.mac.is_none() => wrong("is no Ethernet"),
        WakeCarrier::Ethernet => Ok(()),
        _ if link.addresses.iter().all(|address| !address.ip.is_ipv4()) => {
            wrong("has no address of IPv4: send an Ethernet frame")
        }
        WakeCarrier::Limited { .. } => Ok(()),
        WakeCarrier::Directed { address, .. } => {
            let networks = link.addresses.iter();
            if networks.filter_map(broadcast).any(|last| last == address) {
                Ok(())
            } else {
                Err(WakeError::Address(address))
            }
        }
    }
}

/// The last address of the network of `prefix`; none where there is no broadcast: in
/// IPv6, and in networks of one or two addresses (RFC 3021).
fn broadcast(prefix: &Prefix) -> Option<Ipv4Addr> {
    let IpAddr::V4(ip) = prefix.ip else {
        return None;
    };
    let host = u32::MAX.checked_shr(u32::from(prefix.bits))?;
    (prefix.bits < 31).then(|| Ipv4Addr::from(u32::from(ip) | host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(addresses: &[(&str, u8)]) -> Link {
        Link {
            name: "lan0".to_owned(),
            index: 2,
            mac: Some([2, 0, 0, 0, 0, 1]),
            mtu: 1_500,
            up: true,
            loopback: false,
            addresses: addresses
                .iter()
                .map(|(ip, bits)| Prefix {
                    ip: ip.parse().unwrap(),
                    bits: *bits,
                })
                .collect(),
        }
    }

    #[test]
    fn a_directed_broadcast_is_that_of_the_real_prefix() {
        let lan = link(&[("192.0.2.70", 26), ("198.51.100.1", 22)]);
        let to = |address: &str| {
            let address = address.parse().unwrap();
            check(&lan, WakeCarrier::Directed { address, port: 9 })
        };
        assert_eq!(to("192.0.2.127"), Ok(()));
        assert_eq!(to("198.51.103.255"), Ok(()));
        for other in [
            "192.0.2.255",
            "198.51.100.255",
            "203.0.113.7",
            "255.255.255.255",
        ] {
            assert!(matches!(to(other), Err(WakeError::Address(_))), "{other}");
        }
        for bits in [31, 32] {
            let ip = "192.0.2.1".parse().unwrap();
            assert_eq!(broadcast(&Prefix { ip, bits }), None);
        }
    }

    #[test]
    fn a_link_that_can_not_carry_it_says_why() {
        let udp = WakeCarrier::Limited { port: 9 };
        let mut down = link(&[("192.0.2.1", 24)]);
        down.up = false;
        let mut own = link(&[("127.0.0.1", 8)]);
        own.loopback = true;
        let mut tunnel = link(&[("192.0.2.1", 24)]);
        tunnel.mac = None;
        for (link, by, expected) in [
            (down, udp, "is down"),
            (own, udp, "own"),
            (link(&[]), udp, "no address"),
            (tunnel, WakeCarrier::Ethernet, "no Ethernet"),
        ] {
            let error = check(&link, by).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(check(&link(&[]), WakeCarrier::Ethernet), Ok(()));
    }
}
