//! Lets the version be set where the same source is built twice, as a demonstration of a
//! swap does: `BAILIWICK_PLUGIN_VERSION`, or the package's version.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BAILIWICK_PLUGIN_VERSION");
    println!("cargo::rustc-check-cfg=cfg(with_collects)");
    let version = env::var("BAILIWICK_PLUGIN_VERSION")
        .or_else(|_| env::var("CARGO_PKG_VERSION"))
        .unwrap_or_default();
    println!("cargo::rustc-env=BAILIWICK_PLUGIN_VERSION={version}");
    // From 0.2 on the number of collects is reported, not only handed over.
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0_u64));
    if (parts.next(), parts.next()) >= (Some(0), Some(2)) {
        println!("cargo::rustc-cfg=with_collects");
    }
}
