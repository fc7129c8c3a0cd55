//! Lines of /proc/net/route and /proc/net/ipv6_route.
//!
//! Formats: `fib_route_seq_show` in net/ipv4/fib_trie.c and `ipv6_route_native_seq_show`
//! in net/ipv6/route.c.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bailiwick_core::ports::{Prefix, Route};

/// Of `include/uapi/linux/route.h` and `ipv6_route.h`.
const RTF_UP: u32 = 0x0001;
const RTF_GATEWAY: u32 = 0x0002;
const RTF_REJECT: u32 = 0x0200;
const RTF_ANYCAST: u32 = 0x0010_0000;
const RTF_CACHE: u32 = 0x0100_0000;
const RTF_LOCAL: u32 = 0x8000_0000;

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT`; none for the
/// heading and for routes that lead nowhere. Addresses are numbers in the byte order of
/// the network, printed in that of the machine.
pub(super) fn parse_v4(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [link, destination, gateway, flags, _, _, metric, mask, ..] = fields.as_slice() else {
        return None;
    };
    let flags = hex(flags)?;
    if flags & RTF_UP == 0 || flags & RTF_REJECT != 0 {
        return None;
    }
    let address = |text| Some(Ipv4Addr::from(hex(text)?.to_ne_bytes()));
    Some(Route {
        destination: Prefix {
            ip: IpAddr::V4(address(destination)?),
            bits: u8::try_from(hex(mask)?.count_ones()).ok()?,
        },
        gateway: match flags & RTF_GATEWAY {
            0 => None,
            _ => Some(IpAddr::V4(address(gateway)?)),
        },
        link: (*link).to_owned(),
        metric: metric.parse().ok()?,
    })
}

/// `destination bits source bits gateway metric references use flags link`, all in
/// hexadecimal. The file mixes the tables: the device's own addresses, multicast and what
/// was cached are not of the main one.
pub(super) fn parse_v6(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [destination, bits, _, _, gateway, metric, _, _, flags, link] = fields.as_slice() else {
        return None;
    };
    let flags = hex(flags)?;
    let other = RTF_REJECT | RTF_ANYCAST | RTF_CACHE | RTF_LOCAL;
    if flags & RTF_UP == 0 || flags & other != 0 {
        return None;
    }
    let address = |text| {
        let number = u128::from_str_radix(text, 16).ok()?;
        Some(Ipv6Addr::from(number))
    };
    let destination = address(destination)?;
    let bits = u8::from_str_radix(bits, 16)
        .ok()
        .filter(|bits| *bits <= 128)?;
    if destination.is_multicast() {
        return None;
    }
    Some(Route {
        destination: Prefix {
            ip: IpAddr::V6(destination),
            bits,
        },
        gateway: match flags & RTF_GATEWAY {
            0 => None,
            _ => Some(IpAddr::V6(address(gateway)?)),
        },
        link: (*link).to_owned(),
        metric: hex(metric)?,
    })
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(route: &Route) -> String {
        let gateway = route.gateway.map(|ip| ip.to_string()).unwrap_or_default();
        format!(
            "{}/{} {gateway} {} {}",
            route.destination.ip, route.destination.bits, route.link, route.metric
        )
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn ipv4_lines_are_read() {
        let default = "eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0";
        assert_eq!(
            told(&parse_v4(default).unwrap()),
            "0.0.0.0/0 192.168.2.1 eth0 100"
        );
        let on_link = "eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0";
        assert_eq!(told(&parse_v4(on_link).unwrap()), "192.168.2.0/24  eth0 0");
    }

    #[test]
    fn headings_rejects_and_broken_lines_are_passed_over() {
        for line in [
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            "*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0",
            "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0",
            "eth0\tXX\t00000000\t0001\t0\t0\t0\t00000000",
            "eth0",
            "",
        ] {
            assert_eq!(parse_v4(line), None, "{line}");
        }
    }

    #[test]
    fn ipv6_lines_of_the_main_table_are_read() {
        let zero = "00000000000000000000000000000000";
        let gateway = "fe800000000000000000000000000001";
        let line = |destination: &str, bits: &str, gateway: &str, flags: &str| {
            format!(
                "{destination} {bits} {zero} 00 {gateway} 00000400 00000001 00000000 {flags} eth0"
            )
        };
        assert_eq!(
            told(&parse_v6(&line(zero, "00", gateway, "00450003")).unwrap()),
            "::/0 fe80::1 eth0 1024"
        );
        let net = "20010db8000000000000000000000000";
        assert_eq!(
            told(&parse_v6(&line(net, "20", zero, "00000001")).unwrap()),
            "2001:db8::/32  eth0 1024"
        );
        for (destination, bits, flags) in [
            (net, "80", "80200001"),
            (zero, "00", "00200200"),
            ("ff000000000000000000000000000000", "08", "00000001"),
            (net, "81", "00000001"),
            ("é", "00", "00000001"),
        ] {
            assert_eq!(parse_v6(&line(destination, bits, zero, flags)), None);
        }
    }
}
