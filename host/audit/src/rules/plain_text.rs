//! Requests in plain text.

use bailiwick_core::{
    http::Scheme,
    policy::{Effect, Grant, Scope},
};

use super::Case;
use crate::{PolicyFile, Rule};

pub(super) fn judge(case: &mut Case<'_>, policy: &PolicyFile, path: &str, grant: &Grant) {
    let (Effect::Allow, Scope::Requests(requests)) = (grant.effect, &grant.scope) else {
        return;
    };
    for (index, origin) in requests.origins.iter().enumerate() {
        if origin.scheme() == Scheme::Http {
            let place = policy.place(&format!("{path}.origins.{index}"));
            let text = format!("requests to `{origin}` travel in plain text");
            case.find(Rule::PlainText, place, text);
        }
    }
}
