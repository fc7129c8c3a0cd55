//! Ed25519, for envelopes.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use bailiwick_core::action::{OperatorKey, Signature};

/// Whether `signature` over `bytes` is of the key (RFC 8032). What
/// [`bailiwick_core::action::judge`] asks for.
pub fn verifies(key: &OperatorKey, bytes: &[u8], signature: &Signature) -> bool {
    UnparsedPublicKey::new(&ED25519, key.as_bytes())
        .verify(bytes, signature.as_bytes())
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn the_test_vector_of_the_rfc_verifies_and_nothing_near_it_does() {
        let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let key: OperatorKey = key.parse().unwrap();
        let hex = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                   085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let mut bytes = [0; 64];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).unwrap();
            *byte = u8::from_str_radix(pair, 16).unwrap();
        }
        assert!(verifies(&key, &[0x72], &Signature::from_bytes(bytes)));
        assert!(!verifies(&key, &[0x73], &Signature::from_bytes(bytes)));
        bytes[63] ^= 1;
        assert!(!verifies(&key, &[0x72], &Signature::from_bytes(bytes)));
    }
}
