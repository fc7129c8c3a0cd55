//! Who is near a device, by the links that devices have reported.
//!
//! That is as old as the last report: whoever is picked here says for itself, once it is
//! asked, whether it can reach the target.

use std::net::Ipv4Addr;

use bailiwick_report::{
    rows::{Snapshot, Value},
    schema::Collection,
};

/// A link of a device that packets can be sent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) name: String,
    /// Six pairs of hexadecimal digits, with colons between.
    pub(crate) mac: String,
    /// Addresses, and how many bits of each name its network.
    pub(crate) networks: Vec<(Ipv4Addr, u8)>,
}

/// Where a device that sleeps was last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) link: String,
    pub(crate) mac: String,
    pub(crate) ip: Ipv4Addr,
    /// Bits of the address that name its network.
    pub(crate) bits: u8,
}

/// How a device can reach a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Over this link, which is in the target's network.
    Near {
        link: String,
        wired: bool,
    },
    Elsewhere,
}

impl Link {
    /// Most cards that are listening while their machine sleeps are on a cable.
    pub(crate) fn is_wired(&self) -> bool {
        // As systems name wireless cards: `wlan0`, `wlp3s0`, `wwan0`.
        !self.name.starts_with("wl") && !self.name.starts_with("ww")
    }
}

/// The links of a report that has any: as the plugin `inventory` tells them, in the
/// collections `links` and `addresses`. None from a report without them.
pub(crate) fn links(snapshot: &Snapshot) -> Option<Vec<Link>> {
    let [name, mac] = fields(snapshot, "links", ["name", "mac"])?;
    let [of, ip] = fields(snapshot, "addresses", ["link", "ip"])?;
    let prefix = fields(snapshot, "addresses", ["prefix"])?[0];
    let text = |value: Option<Value<'_>>| match value {
        Some(Value::Text(text)) => Some(text.to_owned()),
        _ => None,
    };
    let mut links: Vec<Link> = snapshot
        .rows(name.0)
        .filter_map(|row| {
            Some(Link {
                name: text(row.get(name.1))?,
                mac: text(row.get(mac.1)).filter(|mac| is_mac(mac))?,
                networks: Vec::new(),
            })
        })
        .collect();
    for row in snapshot.rows(of.0) {
        let ip = text(row.get(ip.1)).and_then(|ip| ip.parse().ok());
        let bits = match row.get(prefix.1) {
            Some(Value::Unsigned(bits)) => u8::try_from(bits).ok().filter(|bits| *bits <= 32),
            _ => None,
        };
        if let (Some(of), Some(ip), Some(bits)) = (text(row.get(of.1)), ip, bits)
            && let Some(link) = links.iter_mut().find(|link| link.name == of)
        {
            link.networks.push((ip, bits));
        }
    }
    Some(links)
}

/// Where a collection and its fields are.
fn fields<const N: usize>(
    snapshot: &Snapshot,
    collection: &str,
    names: [&str; N],
) -> Option<[(usize, usize); N]> {
    let shapes: &[Collection] = snapshot.schema().collections();
    let index = shapes.iter().position(|shape| shape.name() == collection)?;
    let shape = shapes.get(index)?;
    let place = |name: &str| shape.fields().iter().position(|field| field.name() == name);
    let places = names.map(|name| place(name).map(|place| (index, place)));
    let found: Option<Vec<_>> = places.into_iter().collect();
    found?.try_into().ok()
}

/// The link to wake a device by: one with an address, on a cable if there is one.
pub(crate) fn target(links: &[Link]) -> Option<Target> {
    let mut with: Vec<&Link> = links
        .iter()
        .filter(|link| !link.networks.is_empty())
        .collect();
    with.sort_by_key(|link| !link.is_wired());
    let link = with.first()?;
    let (ip, bits) = *link.networks.first()?;
    Some(Target {
        link: link.name.clone(),
        mac: link.mac.clone(),
        ip,
        bits,
    })
}

/// How a device with these links can reach `target`.
pub(crate) fn reach(links: &[Link], target: &Target) -> Reach {
    let near = |link: &&Link| {
        let mut networks = link.networks.iter();
        networks.any(|(ip, bits)| network(*ip, *bits) == network(target.ip, *bits))
    };
    let mut near: Vec<&Link> = links.iter().filter(near).collect();
    near.sort_by_key(|link| !link.is_wired());
    match near.first() {
        Some(link) => Reach::Near {
            link: link.name.clone(),
            wired: link.is_wired(),
        },
        None => Reach::Elsewhere,
    }
}

fn network(ip: Ipv4Addr, bits: u8) -> u32 {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(bits.min(32)))
        .unwrap_or(0);
    u32::from(ip) & mask
}

fn is_mac(text: &str) -> bool {
    let mut pairs = text.split(':');
    let is_pair =
        |pair: &str| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    // Links without a card have none of their own, or zeros.
    pairs.by_ref().filter(|pair| is_pair(pair)).count() == 6
        && text.split(':').count() == 6
        && text.bytes().any(|digit| digit != b'0' && digit != b':')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bailiwick_report::{
        rows::Encoder,
        schema::{Field, Kind, Privacy, Schema},
    };

    use super::*;

    fn link(name: &str, networks: &[(&str, u8)]) -> Link {
        let networks = networks
            .iter()
            .map(|(ip, bits)| (ip.parse().unwrap(), *bits));
        Link {
            name: name.to_owned(),
            mac: "02:00:00:00:00:01".to_owned(),
            networks: networks.collect(),
        }
    }

    #[test]
    fn a_cable_with_an_address_is_the_target_and_those_in_its_network_are_near() {
        let links = [
            link("eth1", &[]),
            link("wlan0", &[("198.51.100.2", 24)]),
            link("eth0", &[("192.0.2.70", 26)]),
        ];
        let target = target(&links).unwrap();
        assert_eq!(
            (target.link.as_str(), target.ip.to_string()),
            ("eth0", "192.0.2.70".to_owned())
        );
        let near = |name: &str, wired| Reach::Near {
            link: name.to_owned(),
            wired,
        };
        for (links, reached) in [
            (
                vec![link("wlp2s0", &[("192.0.2.100", 26)])],
                near("wlp2s0", false),
            ),
            (
                vec![
                    link("wlan0", &[("192.0.2.65", 26)]),
                    link("eth0", &[("192.0.2.66", 26)]),
                ],
                near("eth0", true),
            ),
            (vec![link("eth0", &[("192.0.2.10", 26)])], Reach::Elsewhere),
            (
                vec![link("eth0", &[("192.0.2.10", 24)])],
                near("eth0", true),
            ),
            (
                vec![link("eth0", &[("203.0.113.1", 0)])],
                near("eth0", true),
            ),
            (vec![link("eth0", &[("192.0.2.71", 32)])], Reach::Elsewhere),
            (Vec::new(), Reach::Elsewhere),
        ] {
            assert_eq!(reach(&links, &target), reached, "{links:?}");
        }
        assert_eq!(super::target(&links[..1]), None);
    }

    #[test]
    fn links_are_read_from_a_report_and_what_is_none_is_left_out() {
        let text = |name: &str| Field::new(name, Kind::Text, "", 0, Privacy::None).unwrap();
        let bits = Field::new("prefix", Kind::Unsigned, "bits", 0, Privacy::None).unwrap();
        let schema = Schema::new(vec![
            Collection::new("links", 1, vec![text("name"), text("mac")]).unwrap(),
            Collection::new("addresses", 2, vec![text("link"), text("ip"), bits]).unwrap(),
        ]);
        let schema = Arc::new(schema.unwrap());
        let mut rows = Encoder::new(&schema);
        for (name, mac) in [
            ("eth0", Some("02:5e:10:4a:93:c1")),
            ("lo", Some("00:00:00:00:00:00")),
            ("tun0", None),
            ("x", Some("02:5e:10:4a:93")),
            ("y", Some("02:5e:10:4a:93:c1:zz")),
        ] {
            rows.row(0, &[Some(name.into()), mac.map(Into::into)])
                .unwrap();
        }
        for (name, ip, bits) in [
            ("eth0", "192.0.2.17", 24),
            ("eth0", "2001:db8::1", 64),
            ("eth0", "192.0.2.18", 99),
            ("gone", "192.0.2.19", 24),
        ] {
            let values = [
                Some(name.into()),
                Some(ip.into()),
                Some(Value::Unsigned(bits)),
            ];
            rows.row(1, &values).unwrap();
        }
        let snapshot = Snapshot::decode(Arc::clone(&schema), &rows.finish()).unwrap();
        let links = links(&snapshot).unwrap();
        assert_eq!(links.len(), 1, "{links:?}");
        assert_eq!(links[0].networks, [("192.0.2.17".parse().unwrap(), 24)]);

        let other = Schema::new(vec![
            Collection::new("links", 1, vec![text("name")]).unwrap(),
        ]);
        let other = Snapshot::empty(Arc::new(other.unwrap()));
        assert_eq!(super::links(&other), None);
    }
}
