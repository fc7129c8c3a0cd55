//! Which links a packet goes out on, and how fit they make this device.

use std::net::{IpAddr, Ipv4Addr};

use bailiwick_sdk::network::Link;
use serde::Serialize;

/// A link on which the target may be reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Way<'a> {
    pub(crate) link: &'a str,
    /// Last address of the network that the target is in, or of the link's first network.
    pub(crate) broadcast: Option<Ipv4Addr>,
    /// Whether the target is known to be in a network of the link.
    pub(crate) same_subnet: bool,
}

/// How fit this device is, as the console ranks it.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Fitness<'a> {
    pub(crate) same_subnet: bool,
    pub(crate) wired: bool,
    pub(crate) link: Option<&'a str>,
}

/// Links that are up, carry Ethernet and are nobody's own, best first. With a `target`
/// those whose network it is in come first, and if there is one, no other is used.
pub(crate) fn ways(links: &[Link], target: Option<Ipv4Addr>) -> Vec<Way<'_>> {
    let mut ways: Vec<_> = links
        .iter()
        .filter(|link| link.up && !link.loopback && !link.mac.is_empty())
        .map(|link| way(link, target))
        .collect();
    ways.sort_by_key(|way| (!way.same_subnet, !is_wired(way.link)));
    if ways.first().is_some_and(|way| way.same_subnet) {
        ways.retain(|way| way.same_subnet);
    }
    ways
}

pub(crate) fn fitness(links: &[Link], target: Ipv4Addr) -> Fitness<'_> {
    let ways = ways(links, Some(target));
    let best = ways.first().filter(|way| way.same_subnet);
    Fitness {
        same_subnet: best.is_some(),
        wired: best.is_some_and(|way| is_wired(way.link)),
        link: best.map(|way| way.link),
    }
}

fn way(link: &Link, target: Option<Ipv4Addr>) -> Way<'_> {
    let networks: Vec<(Ipv4Addr, u8)> = link
        .addresses
        .iter()
        .filter_map(|address| match address.ip.parse() {
            Ok(IpAddr::V4(ip)) => Some((ip, address.prefix)),
            _ => None,
        })
        .collect();
    let of_target = target.and_then(|target| {
        networks
            .iter()
            .find(|(ip, bits)| last(*ip, *bits) == last(target, *bits))
    });
    let (ip, bits) = of_target.or(networks.first()).copied().unzip();
    Way {
        link: &link.name,
        broadcast: ip
            .zip(bits)
            .filter(|(_, bits)| *bits < 31)
            .and_then(|(ip, bits)| last(ip, bits)),
        same_subnet: of_target.is_some(),
    }
}

/// The last address of the network of `bits` that `ip` is in.
fn last(ip: Ipv4Addr, bits: u8) -> Option<Ipv4Addr> {
    let host = if bits >= 32 { 0 } else { u32::MAX >> bits };
    (bits <= 32).then(|| Ipv4Addr::from(u32::from(ip) | host))
}

/// By the names that systems give to wireless cards: `wlan0`, `wlp3s0`, `wwan0`.
fn is_wired(link: &str) -> bool {
    !link.starts_with("wl") && !link.starts_with("ww")
}

#[cfg(test)]
pub(crate) mod tests {
    use bailiwick_sdk::network::Address;

    use super::*;

    pub(crate) fn link(name: &str, ip: &str, prefix: u8) -> Link {
        Link {
            name: name.to_owned(),
            index: 1,
            mac: "02:00:00:00:00:01".to_owned(),
            mtu: 1_500,
            up: true,
            loopback: false,
            addresses: vec![Address {
                ip: ip.to_owned(),
                prefix,
            }],
        }
    }

    #[test]
    fn the_link_of_the_targets_network_is_chosen_with_its_real_broadcast() {
        let links = [
            link("wlan0", "198.51.100.2", 24),
            link("eth0", "192.0.2.70", 26),
        ];
        let target = "192.0.2.100".parse().unwrap();
        let found = ways(&links, Some(target));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].link, "eth0");
        assert_eq!(found[0].broadcast, Some("192.0.2.127".parse().unwrap()));
        let fit = fitness(&links, target);
        assert_eq!(
            (fit.same_subnet, fit.wired, fit.link),
            (true, true, Some("eth0"))
        );
        let elsewhere = fitness(&links, "203.0.113.1".parse().unwrap());
        assert_eq!((elsewhere.same_subnet, elsewhere.link), (false, None));
    }

    #[test]
    fn without_a_target_every_link_is_tried_wired_ones_first() {
        let mut down = link("eth1", "203.0.113.1", 24);
        down.up = false;
        let links = [
            link("wlan0", "198.51.100.2", 24),
            down,
            link("eth0", "192.0.2.1", 31),
        ];
        let found = ways(&links, None);
        let names: Vec<_> = found.iter().map(|way| way.link).collect();
        assert_eq!(names, ["eth0", "wlan0"]);
        assert_eq!(found[0].broadcast, None, "a network of two has none");
    }
}
