//! A network, as a policy names one.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// All addresses that begin alike, as in `10.0.0.0/8`. There is one text for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Text that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no network such as `10.0.0.0/8`, without bits beyond its length")]
pub struct NetworkError;

impl Network {
    /// Whether `ip` is one of its addresses.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => first(32, self.bits, ip.into()) == bits_of_4(own),
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                first(128, self.bits, ip.into()) == u128::from(own)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether all of it is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        other.bits <= self.bits && other.contains(self.address)
    }

    /// Whether it is this one address and no other.
    pub fn is_only(&self, ip: IpAddr) -> bool {
        self.address == ip && self.bits == full(ip)
    }

    /// How many bits of an address are given.
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether it is one of IPv4.
    pub const fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }
}

const fn full(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits_of_4(ip: Ipv4Addr) -> u128 {
    u32::from(ip).into()
}

/// The first `bits` of an address that has `of`, the others 0.
fn first(of: u8, bits: u8, address: Ip) -> u128 {
    let rest = u32::from(of - bits);
    let Ip(address) = address;
    address
        .checked_shr(rest)
        .and_then(|kept| kept.checked_shl(rest))
        .unwrap_or(0)
}

/// An address as a number.
struct Ip(u128);

impl From<Ipv4Addr> for Ip {
    fn from(ip: Ipv4Addr) -> Self {
        Self(bits_of_4(ip))
    }
}

impl From<Ipv6Addr> for Ip {
    fn from(ip: Ipv6Addr) -> Self {
        Self(ip.into())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = text.split_once('/').ok_or(NetworkError)?;
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let short = (1..=3).contains(&bits.len()) && bits.bytes().all(|b| b.is_ascii_digit());
        let bits: u8 = bits.parse().map_err(|_| NetworkError)?;
        let network = Self { address, bits };
        let fits = short && bits <= full(address) && network.contains(address);
        // Each has one text, and a mapped address is written as the IPv4 address that it is.
        if fits && network.to_string() == text && address == address.to_canonical() {
            Ok(network)
        } else {
            Err(NetworkError)
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_so() {
        let ten = network("10.0.0.0/8");
        assert!(ten.contains("10.255.0.1".parse().unwrap()));
        assert!(!ten.contains("11.0.0.1".parse().unwrap()));
        assert!(!ten.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(network("0.0.0.0/0").contains("255.255.255.255".parse().unwrap()));
        assert!(network("::/0").contains("ffff::1".parse().unwrap()));
        assert!(network("fd00::/8").contains("fdff::1".parse().unwrap()));
        let one = network("10.0.0.7/32");
        assert!(one.is_only("10.0.0.7".parse().unwrap()) && one.is_within(&ten));
        assert!(!ten.is_within(&one) && ten.is_within(&ten));
        assert!(!network("::/0").is_within(&network("0.0.0.0/0")));
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.1/8",
            "010.0.0.0/8",
            "10/8",
            "::1/129",
            "FD00::/8",
            "::ffff:10.0.0.0/104",
            "any",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn within_means_every_address(a in any::<u32>(), n in 0_u8..=32, m in 0_u8..=32) {
            let cut = |bits: u8| Ipv4Addr::from(u32::try_from(first(32, bits, Ip(a.into()))).unwrap());
            let (one, other) = (network(&format!("{}/{n}", cut(n))), network(&format!("{}/{m}", cut(m))));
            prop_assert!(one.contains(IpAddr::V4(Ipv4Addr::from(a))));
            prop_assert_eq!(one.is_within(&other), m <= n);
        }
    }
}
