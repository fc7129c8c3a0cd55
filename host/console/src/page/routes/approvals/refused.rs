//! What approvers refused: which version, who, when, why.

use bailiwick_core::refusal::Refused;
use maud::{Markup, html};

use crate::{approvals::Decided, page::render::value::shown};

/// Most refusals that are listed, the newest first.
const LISTED: usize = 50;

pub(super) fn list(decided: &Decided) -> Markup {
    let number = decided.refused().count();
    html! {
        @if number > 0 {
            section.card #refused {
                h2 { "Refused" }
                p.quiet { "No device runs these versions, whatever their policies grant." }
                ul.grants {
                    @for refused in decided.refused().take(LISTED) { (one(decided, refused)) }
                    @if number > LISTED { li.quiet { "and " (number - LISTED) " more" } }
                }
                p.quiet { "Whoever holds a key of " code { "policies" } " takes a refusal back with " code { "bailiwick-console policy withdraw" } "." }
            }
        }
    }
}

fn one(decided: &Decided, refused: &Refused) -> Markup {
    let assigned = decided.refusal(refused.plugin.as_str(), &refused.version) == Some(refused);
    html! {
        li {
            strong { (shown(refused.plugin.as_str())) " " (refused.version) }
            " of " (shown(refused.vendor.as_str())) ", "
            (shown(&refused.to_string()))
            @if assigned { " " span.state.warn { "Still assigned" } }
            div.quiet { "The component looked at has the SHA-256 digest " code.id { (refused.component_sha256) } }
        }
    }
}
