//! Links, their addresses, gateways and name servers.

use bailiwick_sdk::{Cell, Collection, Field, Rows, network};

use crate::{Subject, source::Source};

pub(crate) const SUBJECT: Subject = Subject {
    name: "network",
    collections,
    collect,
};

fn collections() -> Vec<Collection> {
    vec![
        Collection::keyed(
            "links",
            [Field::text("name")],
            [
                Field::text("mac").identifies_device(),
                Field::unsigned("mtu").unit("bytes"),
                Field::boolean("up"),
                Field::boolean("loopback"),
            ],
        ),
        Collection::keyed(
            "addresses",
            [Field::text("link"), Field::text("ip").identifies_device()],
            [Field::unsigned("prefix").unit("bits")],
        ),
        Collection::keyed(
            "gateways",
            [Field::text("link"), Field::text("ip").identifies_device()],
            [Field::unsigned("metric")],
        ),
        Collection::keyed(
            "name-servers",
            [Field::unsigned("position")],
            [Field::text("ip")],
        ),
    ]
}

fn collect(source: &mut Source, rows: &mut Rows) {
    for link in source.network(network::links()).unwrap_or_default() {
        for address in link.addresses {
            let prefix = u64::from(address.prefix);
            rows.push(
                "addresses",
                [link.name.as_str().into(), address.ip.into(), prefix.into()],
            );
        }
        rows.push(
            "links",
            [
                link.name.into(),
                Cell::text_if_any(link.mac),
                link.mtu.into(),
                link.up.into(),
                link.loopback.into(),
            ],
        );
    }
    for route in source.network(network::routes()).unwrap_or_default() {
        if let (0, Some(gateway)) = (route.destination.prefix, route.gateway) {
            rows.push(
                "gateways",
                [route.link.into(), gateway.into(), route.metric.into()],
            );
        }
    }
    for (position, server) in (1_u64..).zip(name_servers(&resolver_settings(source))) {
        rows.push("name-servers", [position.into(), server.into()]);
    }
}

/// The text of /etc/resolv.conf. Where systemd-resolved runs, that is a link to a file
/// with its own address; the servers that it asks are in the file beside it.
fn resolver_settings(source: &mut Source) -> String {
    match source.link("/etc/resolv.conf") {
        Some(target) if target.contains("run/systemd/resolve/") => source
            .text("/run/systemd/resolve/resolv.conf")
            .unwrap_or_default(),
        Some(_) | None => source.text("/etc/resolv.conf").unwrap_or_default(),
    }
}

/// The addresses of resolv.conf(5), in order.
fn name_servers(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some("nameserver") {
            words.next()
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    #[test]
    fn name_servers_keep_their_order_and_comments_are_none() {
        let text = "# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.1\n\
                    nameserver\t2001:db8::1 \nnameserver\noptions edns0";
        let servers: Vec<&str> = name_servers(text).collect();
        assert_eq!(servers, ["192.0.2.1", "2001:db8::1"]);
    }

    #[test]
    fn behind_systemds_stub_are_the_real_servers() {
        let device = Device::new()
            .symbolic_link(
                "/etc/resolv.conf",
                "../run/systemd/resolve/stub-resolv.conf",
            )
            .file(
                "/run/systemd/resolve/stub-resolv.conf",
                "nameserver 127.0.0.53\n",
            )
            .file("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.1\n");
        let text = device.run(|| resolver_settings(&mut Source::default()));
        assert_eq!(text, "nameserver 192.0.2.1\n");
    }
}
