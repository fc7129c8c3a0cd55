//! Several capabilities.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Capability;

/// A set of capabilities. In JSON the list of their names; names that this version does not
/// know are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(u32);

impl CapabilitySet {
    /// Adds one.
    #[inline]
    pub const fn insert(&mut self, capability: Capability) {
        self.0 |= 1 << capability as u32;
    }

    /// Whether it has this one.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u32) != 0
    }

    /// What is in either.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those in it, in the contract's order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL
            .into_iter()
            .filter(move |one| self.has(*one))
    }
}

impl fmt::Display for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Capability::name).collect();
        f.write_str(&names.join(", "))
    }
}

impl Serialize for CapabilitySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Capability::name))
    }
}

impl<'de> Deserialize<'de> for CapabilitySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let mut set = Self::default();
        for capability in names.iter().filter_map(|name| Capability::named(name)) {
            set.insert(capability);
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_capability_has_its_own_place() {
        let mut all = CapabilitySet::default();
        for capability in Capability::ALL {
            assert!(!all.has(capability));
            all.insert(capability);
            assert!(all.has(capability));
        }
        assert_eq!(all.iter().count(), Capability::ALL.len());
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<CapabilitySet>(&json).unwrap(), all);
        let later: CapabilitySet = serde_json::from_str(r#"["exec","telepathy"]"#).unwrap();
        assert_eq!(later.to_string(), "exec");
    }
}
