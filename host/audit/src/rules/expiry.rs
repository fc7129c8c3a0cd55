//! Grants that have expired, or soon do.

use std::time::Duration;

use bailiwick_core::policy::Grant;

use super::Case;
use crate::{PolicyFile, Rule};

/// How long before a grant expires it is found: time to decide, to sign and to reach devices
/// that are seldom online.
const SOON: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn judge(case: &mut Case<'_>, policy: &PolicyFile, path: &str, grant: &Grant) {
    let Some(expires) = grant.expires else {
        return;
    };
    let place = policy.place(&format!("{path}.expires"));
    let (capability, day) = (grant.capability, bailiwick_core::policy::last_day(expires));
    if grant.expired(case.now) {
        let text = format!("the grant of `{capability}` held until {day}");
        case.find(Rule::ExpiredGrant, place, text);
    } else if expires <= case.now.after(SOON) {
        let text = format!("the grant of `{capability}` holds until {day} and not longer");
        case.find(Rule::ExpiringGrant, place, text);
    }
}
