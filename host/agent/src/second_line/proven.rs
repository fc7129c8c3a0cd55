//! What is signed, as the privileged process proves it for itself.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use bailiwick_core::{
    action::{Envelope, Request},
    digest::Sha256,
    ids::DeviceId,
    policy::Policy,
    time::Timestamp,
};
use bailiwick_delivery::{Proof, Signed};
use bailiwick_device::{SignedActions, SignedPolicies};

use super::asking::Asking;

/// Where the agent keeps what it fetched, in its data folder.
pub(crate) const DELIVERY: &str = "delivery";

/// What was proven last. Each signature of a role is verified once for each refresh, and each
/// policy is read once: an order must not wait for either.
pub(crate) struct Proven {
    proof: Proof,
    signed: Signed,
    policies: BTreeMap<Sha256, Policy>,
    asking: Asking,
}

impl Proven {
    /// Of the agent's data folder, the digest of the first root, the settings file, and the groups
    /// that are set in front of that, if any are: in this order, as the settings of its start have
    /// them; none if they are no such things.
    pub(crate) fn from_arguments(trust: &[OsString]) -> Option<Box<dyn SignedActions>> {
        let [data, root, settings, groups @ ..] = trust else {
            return None;
        };
        let data = Path::new(data);
        let root = root.to_str()?.parse().ok()?;
        let groups = groups.first().map(|groups| groups.to_str());
        let asking = Asking::new(data, PathBuf::from(settings), groups.flatten());
        Some(Box::new(Self {
            proof: Proof::new(&data.join(DELIVERY), root),
            signed: Signed::default(),
            policies: BTreeMap::new(),
            asking,
        }))
    }

    fn prove(&mut self) -> Result<(), String> {
        self.signed = self.proof.signed()?;
        let signed = &self.signed.policies;
        self.policies.retain(|digest, _| signed.contains(digest));
        self.asking.is_at_least(&self.signed);
        Ok(())
    }

    fn read(&self, digest: &Sha256) -> Result<Policy, String> {
        let text = self.proof.file(digest).ok_or("its policy is not kept")?;
        // What is wrong with it would tell of a file that whoever asks may not read.
        Policy::parse("policy", &text).map_err(|_| "its policy can't be read".to_owned())
    }

    fn judged(
        &mut self,
        envelope: &Envelope,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<Request, String> {
        let Self { proof, signed, .. } = self;
        let list = |digest: &Sha256| proof.file(digest);
        self.asking.listed(signed.operators, list)?;
        self.asking.judge(envelope, device, now)
    }
}

impl SignedPolicies for Proven {
    fn policy(&mut self, digest: &Sha256) -> Result<&Policy, String> {
        if !self.signed.policies.contains(digest) {
            self.prove()?;
            if !self.signed.policies.contains(digest) {
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

impl SignedActions for Proven {
    fn action(
        &mut self,
        envelope: &Envelope,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<Request, String> {
        let judged = self.judged(envelope, device, now);
        // Somebody may have signed meanwhile what it lacks.
        if judged.is_ok() || self.prove().is_err() {
            return judged;
        }
        self.judged(envelope, device, now)
    }
}
