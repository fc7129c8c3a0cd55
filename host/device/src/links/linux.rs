//! What Linux tells in /sys/class/net and /proc/net.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, ErrorKind},
    path::Path,
};

use bailiwick_core::ports::Route;
use sysinfo::NetworkData;

use super::routes;

/// Lines of a routing table that are looked at: a router with the whole internet has
/// about a million, and no report needs them.
const MOST_LINES: usize = 262_144;

/// Of `include/uapi/linux/if.h`.
const IFF_UP: u32 = 0x1;
const IFF_LOOPBACK: u32 = 0x8;

/// What the kernel says of a link.
pub(super) struct Kernel {
    pub(super) index: u32,
    pub(super) up: bool,
    pub(super) loopback: bool,
}

impl Kernel {
    /// A link that went away meanwhile has no number and is down.
    pub(super) fn of(name: &str, _link: &NetworkData) -> Self {
        let folder = Path::new("/sys/class/net").join(name);
        let read = |file: &str| {
            fs::read_to_string(folder.join(file))
                .map(|text| text.trim().to_owned())
                .unwrap_or_default()
        };
        let flags = read("flags");
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
        Self {
            index: read("ifindex").parse().unwrap_or(0),
            up: flags & IFF_UP != 0 && can_carry(&read("operstate")),
            loopback: flags & IFF_LOOPBACK != 0,
        }
    }
}

/// `unknown` is the state of links that have no carrier to lose, loopback among them:
/// Documentation/networking/operstates.rst.
fn can_carry(state: &str) -> bool {
    matches!(state, "up" | "unknown")
}

/// Both families. A kernel without IPv6 has no table for it.
pub(super) fn all_routes() -> Result<Vec<Route>, String> {
    let mut all = read("/proc/net/route", routes::parse_v4)?;
    all.append(&mut read("/proc/net/ipv6_route", routes::parse_v6)?);
    Ok(all)
}

fn read(path: &str, parse: fn(&str) -> Option<Route>) -> Result<Vec<Route>, String> {
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut routes = Vec::new();
    for line in BufReader::new(file).lines().take(MOST_LINES) {
        routes.extend(parse(&line.map_err(failed)?));
    }
    Ok(routes)
}
