//! How keys are written, so that the order of bytes is the order that is meant.

/// A sequence number.
pub(super) const fn numbered(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// The number that [`numbered`] wrote; redb holds its pages against their checksums, so there
/// is no other.
pub(super) fn number_of(key: &[u8]) -> u64 {
    key.try_into().map_or(0, u64::from_be_bytes)
}

/// A key of an owner. No name has the byte between the two.
pub(super) fn owned(owner: &str, key: &str) -> Vec<u8> {
    [owner.as_bytes(), &[0], key.as_bytes()].concat()
}

/// Owner and key that [`owned`] wrote.
pub(super) fn owner_and_key(key: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(key).ok()?.split_once('\0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_keep_their_order(one: u64, other: u64) {
            prop_assert_eq!(numbered(one).cmp(&numbered(other)), one.cmp(&other));
            prop_assert_eq!(number_of(&numbered(one)), one);
        }

        #[test]
        fn an_owner_s_keys_are_together(
            owners in proptest::array::uniform2("[a-z-]{1,4}(@[0-9-]{1,4})?"),
            keys in proptest::array::uniform2("[a-z0-9._-]{1,4}"),
        ) {
            let [one, other] = [0, 1].map(|at| owned(&owners[at], &keys[at]));
            prop_assert_eq!(owner_and_key(&one), Some((&*owners[0], &*keys[0])));
            let lies_with_the_first = other.starts_with(&owned(&owners[0], ""));
            prop_assert_eq!(lies_with_the_first, owners[0] == owners[1]);
        }
    }
}
