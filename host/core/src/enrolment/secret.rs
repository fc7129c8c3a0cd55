//! What a token proves.

use std::fmt;

use crate::digest::Sha256;

/// 32 random bytes that only a token's holder knows. Whoever made the token keeps nothing
/// but the digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A secret from 32 bytes of the operating system's randomness.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for whoever makes a token.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What is kept of it. 256 random bits can't be found from their digest.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.0)
    }
}

/// Without the secret: it must not reach a log.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_printed() {
        let printed = format!("{:?}", Secret::from_bytes([0x5a; 32]));
        assert_eq!(printed, "Secret(…)");
    }
}
