//! What is signed now, proven by somebody who believes none of the files that say so.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use bailiwick_core::{action::OPERATORS_TARGET, digest::Sha256};

use crate::{
    Client,
    accepted::{Accepted, POLICIES},
    content::Content,
    delivery::state,
    signed,
};

/// What the `policies` role decides now, by the digests of its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// All but the list of operators.
    pub policies: BTreeSet<Sha256>,
    /// The list of operators; none if nobody signed one.
    pub operators: Option<Sha256>,
    /// When the timestamp expires that all this is signed with, as RFC 3339 text.
    pub timestamp_expires: Option<String>,
}

/// Reads what [`crate::Delivery`] accepted last, and verifies all of it from the first root on.
/// Whoever can write those files can't make it take what nobody signed, nor anything that is older
/// than what it has seen: what the files say of floors is not read. Expiry does not count, as for
/// everything that runs already.
#[derive(Debug)]
pub struct Proof {
    client: Client,
    accepted: PathBuf,
    content: Content,
}

impl Proof {
    /// Of the folder of a [`crate::Delivery`], under the same first root. Reads nothing yet.
    pub fn new(folder: &Path, first_root: Sha256) -> Self {
        let state = state(folder, &first_root);
        Self {
            accepted: state.join("accepted.json"),
            content: Content::new(&folder.join("targets")),
            client: Client::without_floors(state, first_root),
        }
    }

    /// What is signed now.
    ///
    /// # Errors
    /// There is nothing yet, one signature is wrong, or what is there is older than what was seen
    /// before.
    pub fn signed(&mut self) -> Result<Signed, String> {
        let accepted = Accepted::load(&self.accepted).map_err(|error| error.to_string())?;
        let accepted = accepted.ok_or("nothing was accepted yet")?;
        let trusted = accepted.verify(&self.client)?;
        self.client
            .raise_floors(&trusted)
            .map_err(|error| error.to_string())?;
        let mut signed = Signed {
            timestamp_expires: trusted.timestamp().map(|role| role.expires.to_string()),
            ..Signed::default()
        };
        let listed = trusted.targets_role(POLICIES).map(|role| &role.targets);
        for (path, target) in listed.into_iter().flatten() {
            let digest = target.hashes.get("sha256");
            let Some(digest) = digest.and_then(|digest| digest.parse().ok()) else {
                continue;
            };
            if signed::listing_role(&trusted, path).as_deref() != Some(POLICIES) {
                continue;
            }
            if path == OPERATORS_TARGET {
                signed.operators = Some(digest);
            } else {
                signed.policies.insert(digest);
            }
        }
        Ok(signed)
    }

    /// The file with this digest, if it is kept. That proves nothing but its digest.
    pub fn file(&self, sha256: &Sha256) -> Option<String> {
        let bytes = self.content.get(sha256).ok()??;
        String::from_utf8(bytes).ok()
    }
}
