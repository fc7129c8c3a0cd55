//! `network`: the port's answers in the contract's words.

use std::borrow::Cow;

use bailiwick_core::{
    policy::{Capability, Fields, Sensitive},
    ports::{self, Pseudonyms},
};

use super::{list_cost, redacted};
use crate::{
    bindings::bailiwick::plugin::network::{Address, Error, Host, Link, Route},
    context::Context,
};

impl Host for Context {
    async fn links(&mut self) -> wasmtime::Result<Result<Vec<Link>, Error>> {
        let entered = self.enter(Capability::Network)?;
        let answer = match self.network.fields(self.ports.clock.now()) {
            Ok(fields) if entered.granted => {
                let listed = self.ports.links.links().await;
                let shown = Shown {
                    fields,
                    pseudonyms: &*self.ports.pseudonyms,
                };
                let links = |list: Vec<ports::Link>| -> Vec<_> {
                    list.into_iter().map(|link| shown.link(link)).collect()
                };
                listed.map(links).map_err(|_| Error::Unavailable)
            }
            _ => Err(Error::Denied),
        };
        if let Ok(links) = &answer {
            let parts = links.iter().map(|link| 2 + link.addresses.len()).sum();
            let text = links.iter().map(|link| link.name.len()).sum();
            self.account.pass(list_cost(parts, text))?;
        }
        self.leave(&entered);
        Ok(answer)
    }

    async fn routes(&mut self) -> wasmtime::Result<Result<Vec<Route>, Error>> {
        let entered = self.enter(Capability::Network)?;
        let answer = match self.network.fields(self.ports.clock.now()) {
            Ok(fields) if entered.granted => {
                let listed = self.ports.links.routes().await;
                let shown = Shown {
                    fields,
                    pseudonyms: &*self.ports.pseudonyms,
                };
                let routes = |list: Vec<ports::Route>| -> Vec<_> {
                    let list = list.into_iter();
                    list.filter_map(|route| shown.route(route)).collect()
                };
                listed.map(routes).map_err(|_| Error::Unavailable)
            }
            _ => Err(Error::Denied),
        };
        if let Ok(routes) = &answer {
            let text = routes.iter().map(|route| route.link.len()).sum();
            self.account.pass(list_cost(3 * routes.len(), text))?;
        }
        self.leave(&entered);
        Ok(answer)
    }
}

/// How much is shown.
struct Shown<'a> {
    fields: Fields,
    pseudonyms: &'a dyn Pseudonyms,
}

impl Shown<'_> {
    /// None of an address that is not shown.
    fn address(&self, of: ports::Prefix) -> Option<Address> {
        Some(Address {
            ip: self.of(Sensitive::Address, &of.ip.to_string())?,
            prefix: of.bits,
        })
    }

    fn of(&self, field: Sensitive, value: &str) -> Option<String> {
        let seen = redacted(self.fields, field, value, self.pseudonyms);
        seen.map(Cow::into_owned)
    }

    fn link(&self, of: ports::Link) -> Link {
        let mac = of
            .mac
            .and_then(|bytes| self.of(Sensitive::Mac, &mac(bytes)));
        let addresses = of.addresses.into_iter();
        Link {
            name: of.name,
            index: of.index,
            mac: mac.unwrap_or_default(),
            mtu: of.mtu,
            up: of.up,
            loopback: of.loopback,
            addresses: addresses.filter_map(|it| self.address(it)).collect(),
        }
    }

    /// None of a route of which it is not shown where it leads.
    fn route(&self, of: ports::Route) -> Option<Route> {
        let gateway = of.gateway.map(|ip| ip.to_string());
        Some(Route {
            destination: self.address(of.destination)?,
            gateway: gateway.and_then(|ip| self.of(Sensitive::Address, &ip)),
            link: of.link,
            metric: of.metric,
        })
    }
}

fn mac([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}
