//! Which engine an artifact fits.

use sha2::Digest as _;

use crate::engine::{self, Engine};

/// A digest that changes with what makes artifacts incompatible and can be told without a
/// compiler: this program's version, and with it wasmtime's; the settings of the engine;
/// the machine's architecture and operating system. wasmtime checks the rest when it loads.
pub(super) fn of(_: &Engine) -> [u8; 32] {
    let mut digest = sha2::Sha256::new();
    for part in [
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
        &format!("{:?}", engine::config()),
    ] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
