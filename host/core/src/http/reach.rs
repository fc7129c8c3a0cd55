//! Which addresses are of machines on the internet, and which are of something nearer.
//!
//! After the IANA registries of special-purpose addresses (RFC 6890 and its successors) and
//! the documents of those who run clouds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Network;

/// Addresses that no name on the internet should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Where a cloud tells a machine what it is, and often its credentials.
    Metadata,
    /// The device itself.
    Loopback,
    /// The link.
    LinkLocal,
    /// A private network, or one of a provider behind its own translation of addresses.
    Private,
    /// Not for a machine that answers: unspecified, multicast, broadcast, reserved, for
    /// documents, or a way through a relay that nobody here knows.
    Unusable,
}

impl Special {
    /// What such an address is, for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Metadata => "where a cloud tells about its machines",
            Self::Loopback => "the device itself",
            Self::LinkLocal => "the link that it is on",
            Self::Private => "a private network",
            Self::Unusable => "no machine that could be asked",
        }
    }
}

/// Clouds' addresses of metadata and credentials: AWS (also ECS and EKS, and over IPv6), which
/// Azure, Google, Oracle and most others share; Google over IPv6; Alibaba; Oracle's older;
/// Scaleway; Azure's wire server, which has a public address.
const METADATA: [IpAddr; 10] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether a plugin whose grant names `networks` may connect to `ip`. A public address is
/// reached without being named; what is special only where a network names it, metadata only
/// where it is named alone; what is unusable never.
///
/// # Errors
/// What the address is.
pub fn may_reach(ip: IpAddr, networks: &[Network]) -> Result<(), Special> {
    let ip = meant(ip);
    let Some(special) = special(ip) else {
        return Ok(());
    };
    let named = match special {
        Special::Metadata => networks.iter().any(|network| network.is_only(ip)),
        Special::Loopback | Special::LinkLocal | Special::Private => {
            networks.iter().any(|network| network.contains(ip))
        }
        Special::Unusable => false,
    };
    if named { Ok(()) } else { Err(special) }
}

impl Network {
    /// Whether who names `other` reaches all that who names this does.
    pub fn gives_no_more_than(&self, other: &Self) -> bool {
        let is_metadata = METADATA.iter().any(|ip| self.is_only(*ip));
        self == other || (self.is_within(other) && !is_metadata)
    }
}

/// The IPv4 address that an IPv6 address is only another form of: mapped (RFC 4291, section
/// 2.5.5.2), or for translation on the way (64:ff9b::/96, RFC 6052).
fn meant(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = ip.to_canonical() else {
        return ip.to_canonical();
    };
    match six.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => IpAddr::V6(six),
    }
}

/// What `ip` is, if it is none of a machine on the internet.
fn special(ip: IpAddr) -> Option<Special> {
    if METADATA.contains(&ip) {
        return Some(Special::Metadata);
    }
    match ip {
        IpAddr::V4(ip) => special_4(ip),
        IpAddr::V6(ip) => special_6(ip),
    }
}

const fn special_4(ip: Ipv4Addr) -> Option<Special> {
    Some(match ip.octets() {
        [127, ..] => Special::Loopback,
        [169, 254, ..] => Special::LinkLocal,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Special::Private,
        // "This network"; protocol assignments; documents; the relays of 6to4; benchmarks;
        // multicast and all above, the broadcast address included.
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [224..=255, ..] => Special::Unusable,
        _ => return None,
    })
}

const fn special_6(ip: Ipv6Addr) -> Option<Special> {
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Special::Loopback,
        [0xfe80..=0xfebf, ..] => Special::LinkLocal,
        [0xfc00..=0xfdff, ..] => Special::Private,
        // Protocol assignments, Teredo with them; documents; 6to4: what is within would be
        // reached through a relay.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => {
            Special::Unusable
        }
        [0x2000..=0x3fff, ..] => return None,
        // Global unicast is what IANA has given out, and nothing else is.
        _ => Special::Unusable,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reach(ip: &str, networks: &[&str]) -> Result<(), Special> {
        let networks: Vec<Network> = networks.iter().map(|text| text.parse().unwrap()).collect();
        may_reach(ip.parse().unwrap(), &networks)
    }

    #[test]
    fn what_is_near_is_not_reached_by_itself_in_any_form() {
        for (ip, special) in [
            ("169.254.169.254", Special::Metadata),
            ("::ffff:169.254.169.254", Special::Metadata),
            ("64:ff9b::a9fe:a9fe", Special::Metadata),
            ("fd00:ec2::254", Special::Metadata),
            ("fd20:ce::254", Special::Metadata),
            ("100.100.100.200", Special::Metadata),
            ("168.63.129.16", Special::Metadata),
            ("127.0.0.1", Special::Loopback),
            ("127.255.0.3", Special::Loopback),
            ("::1", Special::Loopback),
            ("::ffff:127.0.0.1", Special::Loopback),
            ("64:ff9b::7f00:1", Special::Loopback),
            ("10.0.0.1", Special::Private),
            ("172.16.0.1", Special::Private),
            ("172.31.255.255", Special::Private),
            ("192.168.1.1", Special::Private),
            ("100.64.0.1", Special::Private),
            ("fd12::1", Special::Private),
            ("64:ff9b::a00:1", Special::Private),
            ("169.254.1.1", Special::LinkLocal),
            ("fe80::1", Special::LinkLocal),
            ("0.0.0.0", Special::Unusable),
            ("0.0.0.1", Special::Unusable),
            ("::", Special::Unusable),
            ("::7f00:1", Special::Unusable),
            ("224.0.0.1", Special::Unusable),
            ("255.255.255.255", Special::Unusable),
            ("240.0.0.1", Special::Unusable),
            ("192.0.2.1", Special::Unusable),
            ("198.18.0.1", Special::Unusable),
            ("2002:7f00:1::1", Special::Unusable),
            ("2002:a9fe:a9fe::1", Special::Unusable),
            ("2001:0:7f00:1::", Special::Unusable),
            ("2001:db8::1", Special::Unusable),
            ("64:ff9b:1::7f00:1", Special::Unusable),
            ("ff02::1", Special::Unusable),
            ("fec0::1", Special::Unusable),
            ("5f00::1", Special::Unusable),
        ] {
            assert_eq!(reach(ip, &[]), Err(special), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert_eq!(reach(ip, &[]), Ok(()), "{ip}");
        }
    }

    #[test]
    fn a_network_is_reached_where_it_is_named() {
        assert_eq!(reach("10.1.2.3", &["10.1.0.0/16"]), Ok(()));
        assert_eq!(reach("::ffff:10.1.2.3", &["10.1.0.0/16"]), Ok(()));
        assert!(reach("10.2.2.3", &["10.1.0.0/16", "192.168.0.0/16"]).is_err());
        assert_eq!(reach("fd00::1", &["fd00::/8"]), Ok(()));
        assert_eq!(reach("127.0.0.1", &["127.0.0.1/32"]), Ok(()));
        // One must mean it.
        assert!(reach("169.254.169.254", &["169.254.0.0/16"]).is_err());
        assert!(reach("fd00:ec2::254", &["fd00::/8"]).is_err());
        assert_eq!(reach("169.254.169.254", &["169.254.169.254/32"]), Ok(()));
        let network = |text: &str| text.parse::<Network>().unwrap();
        let (one, link) = (network("169.254.169.254/32"), network("169.254.0.0/16"));
        assert!(!one.gives_no_more_than(&link) && one.gives_no_more_than(&one));
        assert!(network("10.0.0.0/32").gives_no_more_than(&network("10.0.0.0/8")));
        // And nothing names what is no machine.
        assert!(reach("0.0.0.0", &["0.0.0.0/0"]).is_err());
        assert!(reach("224.0.0.1", &["0.0.0.0/0", "224.0.0.0/4"]).is_err());
        assert!(reach("2002:7f00:1::", &["::/0"]).is_err());
    }

    proptest! {
        /// However an IPv4 address is wrapped, nothing is reached that it is not.
        #[test]
        fn no_form_of_an_address_reaches_more(ip in any::<[u8; 4]>()) {
            let four = Ipv4Addr::from(ip);
            let plain = may_reach(IpAddr::V4(four), &[]);
            let mapped = four.to_ipv6_mapped();
            let [.., high, low] = mapped.segments();
            for six in [
                mapped,
                four.to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
            ] {
                let wrapped = may_reach(IpAddr::V6(six), &[]);
                prop_assert!(wrapped == plain || wrapped.is_err(), "{six}");
            }
        }
    }
}
