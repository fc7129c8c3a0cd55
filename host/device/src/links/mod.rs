//! Network links and routes.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod routes;

use bailiwick_core::ports::{BoxFuture, Link, Links, Prefix, Route, UnavailableError};

use crate::blocking::ask;
#[cfg(not(target_os = "linux"))]
use elsewhere::{Kernel, all_routes};
#[cfg(target_os = "linux")]
use linux::{Kernel, all_routes};

/// Links, as the contract says.
const MOST_LINKS: usize = 1_024;
/// Routes, as the contract says.
const MOST_ROUTES: usize = 4_096;

/// The links of this machine, or of the network namespace that this process is in.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeviceLinks;

impl Links for DeviceLinks {
    fn links(&self) -> BoxFuture<'_, Result<Vec<Link>, UnavailableError>> {
        Box::pin(ask("the network links", all_links))
    }

    fn routes(&self) -> BoxFuture<'_, Result<Vec<Route>, UnavailableError>> {
        Box::pin(ask("the routing table", || {
            let mut routes = all_routes()?;
            routes.sort_by(|a, b| {
                (a.destination, a.metric, &a.link).cmp(&(b.destination, b.metric, &b.link))
            });
            routes.truncate(MOST_ROUTES);
            Ok(routes)
        }))
    }
}

fn all_links() -> Result<Vec<Link>, String> {
    let networks =
        sysinfo::Networks::new_with_refreshed_list().map_err(|error| error.to_string())?;
    let mut links: Vec<Link> = networks
        .iter()
        .filter_map(|(name, link)| Some(describe(name.to_str()?, link)))
        .collect();
    links.sort_by(|a, b| a.name.cmp(&b.name));
    links.truncate(MOST_LINKS);
    Ok(links)
}

fn describe(name: &str, link: &sysinfo::NetworkData) -> Link {
    let mac = link.mac_address();
    let mut addresses: Vec<Prefix> = link
        .ip_networks()
        .iter()
        .map(|network| Prefix {
            ip: network.addr,
            bits: network.prefix,
        })
        .collect();
    addresses.sort_by_cached_key(|address| (address.ip.is_ipv6(), address.ip.to_string()));
    let kernel = Kernel::of(name, link);
    Link {
        name: name.to_owned(),
        index: kernel.index,
        mac: (!mac.is_unspecified()).then_some(mac.0),
        mtu: u32::try_from(link.mtu()).unwrap_or(u32::MAX),
        up: kernel.up,
        loopback: kernel.loopback,
        addresses,
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_loopback_link_is_there_with_its_number() {
        let links = DeviceLinks.links().await.unwrap();
        assert!(links.is_sorted_by(|a, b| a.name < b.name));
        let lo = links.iter().find(|link| link.name == "lo").unwrap();
        assert!(lo.loopback && lo.index > 0 && lo.mac.is_none(), "{lo:?}");
        assert!(links.iter().all(|link| link.mtu > 0));
    }

    #[tokio::test]
    async fn routes_are_in_order_and_go_through_links_that_exist() {
        let links = DeviceLinks.links().await.unwrap();
        let routes = DeviceLinks.routes().await.unwrap();
        assert!(routes.is_sorted_by_key(|route| (route.destination, route.metric)));
        for route in routes {
            assert!(
                links.iter().any(|link| link.name == route.link),
                "{route:?}"
            );
        }
    }
}
