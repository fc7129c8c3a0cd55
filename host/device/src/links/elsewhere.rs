//! Platforms other than Linux.

use bailiwick_core::ports::Route;
use sysinfo::{InterfaceOperationalState, NetworkData};

/// What the operating system says of a link.
pub(super) struct Kernel {
    pub(super) index: u32,
    pub(super) up: bool,
    pub(super) loopback: bool,
}

impl Kernel {
    /// The number is not told here: 0, as the contract says.
    pub(super) fn of(_name: &str, link: &NetworkData) -> Self {
        let networks = link.ip_networks();
        Self {
            index: 0,
            up: link.operational_state() == InterfaceOperationalState::Up,
            loopback: !networks.is_empty()
                && networks.iter().all(|network| network.addr.is_loopback()),
        }
    }
}

pub(super) fn all_routes() -> Result<Vec<Route>, String> {
    Err(format!(
        "the routing table is not read on {} yet",
        std::env::consts::OS
    ))
}
