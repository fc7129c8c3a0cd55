//! What names stand for.

use std::{io, net::IpAddr};

use bailiwick_core::ports::BoxFuture;
use tokio::net::lookup_host;

/// Looks names up.
pub(super) trait Names: Send + Sync {
    /// The addresses of `host`, in the order in which they should be tried.
    fn look_up<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As the operating system says.
pub(super) struct SystemNames;

impl Names for SystemNames {
    fn look_up<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = lookup_host((host, 0)).await?;
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|address| address.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        })
    }
}
