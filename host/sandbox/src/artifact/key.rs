//! The device's key for artifacts.

use hmac::{Hmac, Mac as _};

use super::folder::{Folder, FolderError};

/// HMAC-SHA-256 (RFC 2104), the MAC of every artifact.
pub(super) type Mac = Hmac<sha2::Sha256>;

const LENGTH: usize = 32;

const FILE: &str = "key";

/// 32 random bytes, made at the first start, that never leave the folder.
#[derive(Clone)]
pub(super) struct Key([u8; LENGTH]);

impl Key {
    /// The folder's key. If it has none, or one that is cut or that others can read, a new
    /// one takes its place, and every artifact counts as tampered with.
    pub(super) fn of(folder: &Folder) -> Result<Self, FolderError> {
        if let Ok(Some(bytes)) = folder.read(FILE)
            && let Ok(key) = bytes.try_into()
        {
            return Ok(Self(key));
        }
        let mut key = [0; LENGTH];
        getrandom::fill(&mut key).map_err(|error| FolderError::NoRandomness(error.to_string()))?;
        folder.write(FILE, &[&key])?;
        Ok(Self(key))
    }

    /// A key that is known, for tests.
    #[cfg(test)]
    pub(super) const fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    pub(super) fn mac(&self) -> Mac {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        Mac::new_from_slice(&self.0).expect("HMAC takes keys of every length")
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}
