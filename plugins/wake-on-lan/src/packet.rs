//! A magic packet: 6 bytes 0xff, 16 times the address, and a SecureOn password if there is
//! one.

/// The bytes of `aa:bb:cc:dd:ee:ff`; `-` is taken as well.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    let byte = |part: &str| {
        let two = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        two.then(|| u8::from_str_radix(part, 16).ok()).flatten()
    };
    text.split([':', '-']).map(byte).collect()
}

/// The address that `text` names.
///
/// # Errors
/// It is none of one card.
pub(crate) fn mac(text: &str) -> Result<[u8; 6], String> {
    bytes(text)
        .and_then(|bytes| <[u8; 6]>::try_from(bytes).ok())
        .filter(|mac| mac[0] & 1 == 0)
        .ok_or_else(|| {
            format!("`{text}` is no address of a card: write one like 00:11:22:33:44:55")
        })
}

/// A password of SecureOn, as the card was given it.
///
/// # Errors
/// It has another length than 4 or 6 bytes.
pub(crate) fn password(text: &str) -> Result<Vec<u8>, String> {
    bytes(text)
        .filter(|bytes| matches!(bytes.len(), 4 | 6))
        .ok_or_else(|| {
            "the password of SecureOn is 4 or 6 bytes: write it like 01:02:03:04".to_owned()
        })
}

pub(crate) fn magic(mac: [u8; 6], password: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &mac.repeat(16), password].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_102_bytes_and_a_password_more() {
        let mac = mac("52-54-00-01-02-aB").unwrap();
        let packet = magic(mac, &[]);
        assert_eq!(packet.len(), 102);
        assert_eq!((&packet[..6], &packet[6..12]), (&[0xff; 6][..], &mac[..]));
        assert_eq!(packet[96..], mac);
        assert_eq!(
            magic(mac, &password("01:02:03:04:05:06").unwrap()).len(),
            108
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "52:54:00",
            "52:54:00:01:02:3",
            "ff:ff:ff:ff:ff:ff",
            "+1:54:00:01:02:03",
        ] {
            assert!(mac(text).is_err(), "{text}");
        }
        assert!(password("01:02:03:04:05").is_err());
    }
}
