//! An artifact's file, version 1:
//!
//! ```text
//! file = magic          ; 8 bytes: "BWART", 0, 0, version
//!        compatibility  ; 32 bytes: digest of the engine's version and settings
//!        component      ; 32 bytes: SHA-256 of the component
//!        mac            ; 32 bytes: HMAC-SHA-256 of all that is before and behind it
//!        compiled       ; up to the end
//! ```

use bailiwick_core::digest::Sha256;
use hmac::Mac as _;

use super::{Artifact, key::Key};

const MAGIC: [u8; 8] = *b"BWART\0\0\x01";
const COMPONENT_AT: usize = 40;
const MAC_AT: usize = 72;
pub(super) const HEADER: usize = MAC_AT + 32;

/// Why a file is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// Genuine, and for another engine.
    Outdated,
    /// Not what this device wrote for this component.
    Tampered,
}

/// What stands before `compiled` in its file.
pub(super) fn header(
    key: &Key,
    compatibility: &[u8; 32],
    component: &Sha256,
    compiled: &[u8],
) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..COMPONENT_AT].copy_from_slice(compatibility);
    header[COMPONENT_AT..MAC_AT].copy_from_slice(component.as_bytes());
    let mac = key
        .mac()
        .chain_update(&header[..MAC_AT])
        .chain_update(compiled)
        .finalize();
    header[MAC_AT..].copy_from_slice(&mac.into_bytes());
    header
}

/// Verifies a file. Nothing of it is believed before its MAC is right, its version
/// included: one that a later version wrote is tampered with in the eyes of this one.
pub(super) fn open(
    file: Vec<u8>,
    key: &Key,
    compatibility: &[u8; 32],
    component: &Sha256,
) -> Result<Artifact, Rejection> {
    let (header, compiled) = file
        .split_first_chunk::<HEADER>()
        .ok_or(Rejection::Tampered)?;
    let (claims, mac) = header.split_at(MAC_AT);
    key.mac()
        .chain_update(claims)
        .chain_update(compiled)
        .verify_slice(mac)
        .map_err(|_| Rejection::Tampered)?;
    if claims[..8] != MAGIC || claims[8..COMPONENT_AT] != compatibility[..] {
        return Err(Rejection::Outdated);
    }
    if claims[COMPONENT_AT..] != component.as_bytes()[..] {
        return Err(Rejection::Tampered);
    }
    Ok(Artifact::from_verified(file, HEADER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key = Key::from_bytes([7; 32]);
    const ENGINE: &[u8; 32] = &[1; 32];

    fn file(compiled: &[u8]) -> Vec<u8> {
        let component = Sha256::of(b"component");
        [&header(&KEY, ENGINE, &component, compiled), compiled].concat()
    }

    fn reopen(file: Vec<u8>) -> Result<Artifact, Rejection> {
        open(file, &KEY, ENGINE, &Sha256::of(b"component"))
    }

    #[test]
    fn another_engine_key_or_component_is_refused() {
        let component = Sha256::of(b"component");
        let code = || file(b"code");
        assert_eq!(
            open(code(), &KEY, &[2; 32], &component),
            Err(Rejection::Outdated)
        );
        let other = Key::from_bytes([8; 32]);
        assert_eq!(
            open(code(), &other, ENGINE, &component),
            Err(Rejection::Tampered)
        );
        let other = Sha256::of(b"other");
        assert_eq!(open(code(), &KEY, ENGINE, &other), Err(Rejection::Tampered));
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(compiled: Vec<u8>) {
            let opened = reopen(file(&compiled));
            prop_assert_eq!(opened.as_ref().map(Artifact::bytes), Ok(&compiled[..]));
        }

        #[test]
        fn a_changed_byte_anywhere_is_refused(
            compiled: Vec<u8>,
            at: prop::sample::Index,
            change in 1_u8..,
        ) {
            let mut file = file(&compiled);
            let at = at.index(file.len());
            file[at] ^= change;
            prop_assert_eq!(reopen(file), Err(Rejection::Tampered));
        }

        #[test]
        fn a_cut_or_longer_file_is_refused(
            compiled: Vec<u8>,
            end: prop::sample::Index,
            more in prop::collection::vec(any::<u8>(), 1..9),
        ) {
            let whole = file(&compiled);
            prop_assert_eq!(reopen(whole[..end.index(whole.len())].to_vec()), Err(Rejection::Tampered));
            prop_assert_eq!(reopen([whole, more].concat()), Err(Rejection::Tampered));
        }

        #[test]
        fn no_file_makes_it_panic(file: Vec<u8>) {
            prop_assert_eq!(reopen(file), Err(Rejection::Tampered));
        }
    }
}
