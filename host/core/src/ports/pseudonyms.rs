//! What stands for values that a policy hashes.

use crate::{
    digest::Sha256,
    policy::{self, Sensitive},
};

/// What takes the place of a value that a policy hashes.
pub trait Pseudonyms: Send + Sync {
    /// The digest of `value` of a field, under a key that the device does not give away: equal
    /// for equal values of one field, told by whatever capability, and on no other device.
    fn digest(&self, field: Sensitive, value: &str) -> String;
}

/// Digests without any key, where no plugin sees what is anybody's: whoever has one and
/// guesses the value can prove it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unkeyed;

impl Pseudonyms for Unkeyed {
    fn digest(&self, field: Sensitive, value: &str) -> String {
        let text = format!("{}\0{value}", field.name());
        policy::pseudonym(Sha256::of(text.as_bytes()).as_bytes())
    }
}
