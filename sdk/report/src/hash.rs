//! Short hashes that tell two schemas or two snapshots apart.

use std::fmt;

use sha2::{Digest, Sha256};

macro_rules! short_hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) [u8; 8]);

        impl $name {
            /// The 8 bytes.
            pub const fn as_bytes(&self) -> &[u8; 8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

short_hash! {
    /// First 8 bytes of the SHA-256 of a schema's canonical form.
    ///
    /// It finds mistakes, not attacks: who can write reports can make two schemas that
    /// share one.
    SchemaHash
}
short_hash! {
    /// First 8 bytes of the SHA-256 of a snapshot's canonical form, schema included.
    ///
    /// It finds mistakes, not attacks: who can write reports can make two snapshots that
    /// share one.
    SnapshotHash
}

/// First 8 bytes of the SHA-256 of the parts, after a text that keeps one use of it apart
/// from another.
pub(crate) fn short(purpose: &str, parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = Sha256::new();
    hasher.update(purpose.as_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    let digest = hasher.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}
