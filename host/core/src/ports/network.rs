//! Links and routes.

use std::net::IpAddr;

use super::{BoxFuture, UnavailableError};

/// Network links and routes.
pub trait Links: Send + Sync {
    /// Links in order of name, at most 1,024.
    fn links(&self) -> BoxFuture<'_, Result<Vec<Link>, UnavailableError>>;
    /// The main routing table, in order of destination and metric, at most 4,096.
    fn routes(&self) -> BoxFuture<'_, Result<Vec<Route>, UnavailableError>>;
}

/// An address with the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    /// The address.
    pub ip: IpAddr,
    /// Bits of the prefix: at most 32 for IPv4, 128 for IPv6.
    pub bits: u8,
}

/// See the record of the same name in `wit/network.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract documents each field")]
pub struct Link {
    pub name: String,
    pub index: u32,
    pub mac: Option<[u8; 6]>,
    pub mtu: u32,
    pub up: bool,
    pub loopback: bool,
    pub addresses: Vec<Prefix>,
}

/// See the record of the same name in `wit/network.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract documents each field")]
pub struct Route {
    pub destination: Prefix,
    pub gateway: Option<IpAddr>,
    pub link: String,
    pub metric: u32,
}
