//! Which policies are signed, as the privileged process proves it for itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::Path,
};

use bailiwick_core::{digest::Sha256, policy::Policy};
use bailiwick_delivery::Proof;
use bailiwick_device::SignedPolicies;

/// Where the agent keeps what it fetched, in its data folder.
pub(crate) const DELIVERY: &str = "delivery";

/// What was proven last. Each signature is verified once for each refresh, and each policy is read
/// once: an order must not wait for either.
pub(crate) struct Proven {
    proof: Proof,
    signed: BTreeSet<Sha256>,
    policies: BTreeMap<Sha256, Policy>,
}

impl Proven {
    /// Of the agent's data folder and the digest of the first root, as the settings of its start
    /// have them, in this order; none if they are no such things.
    pub(crate) fn from_arguments(trust: &[OsString]) -> Option<Box<dyn SignedPolicies>> {
        let [data, root] = trust else {
            return None;
        };
        let root = root.to_str()?.parse().ok()?;
        Some(Box::new(Self {
            proof: Proof::new(&Path::new(data).join(DELIVERY), root),
            signed: BTreeSet::new(),
            policies: BTreeMap::new(),
        }))
    }

    fn prove(&mut self) -> Result<(), String> {
        self.signed = self.proof.signed()?.policies;
        let signed = &self.signed;
        self.policies.retain(|digest, _| signed.contains(digest));
        Ok(())
    }

    fn read(&self, digest: &Sha256) -> Result<Policy, String> {
        let text = self.proof.file(digest).ok_or("its policy is not kept")?;
        // What is wrong with it would tell of a file that whoever asks may not read.
        Policy::parse("policy", &text).map_err(|_| "its policy can't be read".to_owned())
    }
}

impl SignedPolicies for Proven {
    fn policy(&mut self, digest: &Sha256) -> Result<&Policy, String> {
        if !self.signed.contains(digest) {
            self.prove()?;
            if !self.signed.contains(digest) {
                return Err("its policy is none of those that are signed now".to_owned());
            }
        }
        if !self.policies.contains_key(digest) {
            let policy = self.read(digest)?;
            self.policies.insert(*digest, policy);
        }
        self.policies.get(digest).ok_or_else(String::new)
    }

    fn look_again(&mut self) {
        // What is no newer leaves what was proven, and is told to whoever asks for more.
        let _ = self.prove();
    }
}
