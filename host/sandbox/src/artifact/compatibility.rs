//! Which engine an artifact fits.

use std::hash::{Hash, Hasher};

use sha2::Digest as _;

use crate::engine::Engine;

/// A digest that changes with everything that makes artifacts incompatible: wasmtime's
/// version, the settings of the engine and the machine's architecture.
pub(super) fn of(engine: &Engine) -> [u8; 32] {
    let mut hasher = Digesting(sha2::Sha256::new());
    engine
        .wasmtime()
        .precompile_compatibility_hash()
        .hash(&mut hasher);
    hasher.0.finalize().into()
}

/// Collects what is hashed. The standard library's hashers do not promise to give the same
/// value after an update of Rust, and have 64 bits.
struct Digesting(sha2::Sha256);

impl Hasher for Digesting {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The first eight bytes of the digest so far.
    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest
            .iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}
