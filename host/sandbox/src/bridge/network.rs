//! `network`: the port's answers in the contract's words.

use bailiwick_core::{policy::Capability, ports};

use super::list_cost;
use crate::{
    bindings::bailiwick::plugin::network::{Address, Error, Host, Link, Route},
    context::Context,
};

impl Host for Context {
    async fn links(&mut self) -> wasmtime::Result<Result<Vec<Link>, Error>> {
        let entered = self.enter(Capability::Network)?;
        let answer = if entered.granted {
            let listed = self.ports.links.links().await;
            listed.map_err(|_| Error::Unavailable)
        } else {
            Err(Error::Denied)
        };
        if let Ok(links) = &answer {
            let parts = links.iter().map(|link| 2 + link.addresses.len()).sum();
            let text = links.iter().map(|link| link.name.len()).sum();
            self.account.pass(list_cost(parts, text))?;
        }
        self.leave(&entered);
        Ok(answer.map(|links| links.into_iter().map(link).collect()))
    }

    async fn routes(&mut self) -> wasmtime::Result<Result<Vec<Route>, Error>> {
        let entered = self.enter(Capability::Network)?;
        let answer = if entered.granted {
            let listed = self.ports.links.routes().await;
            listed.map_err(|_| Error::Unavailable)
        } else {
            Err(Error::Denied)
        };
        if let Ok(routes) = &answer {
            let text = routes.iter().map(|route| route.link.len()).sum();
            self.account.pass(list_cost(3 * routes.len(), text))?;
        }
        self.leave(&entered);
        Ok(answer.map(|routes| routes.into_iter().map(route).collect()))
    }
}

fn address(of: ports::Prefix) -> Address {
    Address {
        ip: of.ip.to_string(),
        prefix: of.bits,
    }
}

fn link(of: ports::Link) -> Link {
    Link {
        name: of.name,
        index: of.index,
        mac: of.mac.map_or_else(String::new, mac),
        mtu: of.mtu,
        up: of.up,
        loopback: of.loopback,
        addresses: of.addresses.into_iter().map(address).collect(),
    }
}

fn mac([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

fn route(of: ports::Route) -> Route {
    Route {
        destination: address(of.destination),
        gateway: of.gateway.map(|ip| ip.to_string()),
        link: of.link,
        metric: of.metric,
    }
}
