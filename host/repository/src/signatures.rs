//! Who signed a draft, and who must still.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Key, RepositoryError, draft::Authority, key, metadata};

/// Signatures of one role, by key id.
pub(crate) type Signatures = BTreeMap<String, Value>;

/// Those of `known` that are good, and one of each key in `here` that may sign.
pub(crate) fn gather(
    signed: &Value,
    authorities: &[Authority],
    known: &[Value],
    here: &[Key],
) -> Result<Signatures, RepositoryError> {
    let canonical = metadata::canonical(signed)?;
    let mut good = Signatures::new();
    for authority in authorities {
        for (id, declaration) in &authority.keys {
            let own = here.iter().find(|key| key.id() == id);
            let kept = known.iter().find(|signature| {
                let text = signature["sig"].as_str().unwrap_or_default();
                signature["keyid"] == *id && key::verifies(declaration, &canonical, text)
            });
            let signature = kept
                .cloned()
                .or_else(|| own.map(|key| metadata::signature(key, &canonical)));
            if let Some(signature) = signature {
                good.insert(id.clone(), signature);
            }
        }
    }
    Ok(good)
}

/// An authority that too few of its keys have satisfied; `None` when all are.
pub(crate) fn unsatisfied<'a>(
    authorities: &'a [Authority],
    signatures: &Signatures,
) -> Option<(&'a Authority, usize)> {
    authorities.iter().find_map(|authority| {
        let good = authority
            .ids
            .iter()
            .filter(|id| signatures.contains_key(*id));
        let found = good.count();
        ((found as u64) < authority.threshold.max(1)).then_some((authority, found))
    })
}
