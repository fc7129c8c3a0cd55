//! `bailiwick-audit policy diff`.

use std::path::Path;

use anyhow::bail;
use bailiwick_audit::Difference;
use bailiwick_core::policy::Relation;

use super::{
    Answer, Code,
    read::{Document, document},
};

/// Compares two policies or two components.
///
/// # Errors
/// A file can't be read, or they are not of one kind.
pub(super) fn diff(old: &Path, new: &Path) -> anyhow::Result<Answer> {
    let names = [old, new].map(|path| path.display().to_string());
    Ok(answer(&match (document(old)?, document(new)?) {
        (Document::Policy(was), Document::Policy(is)) => {
            Difference::of_policies((&names[0], &was), (&names[1], &is))
        }
        (Document::Component(was), Document::Component(is)) => Difference::of_imports(&was, &is),
        (Document::Policy(_), Document::Component(_))
        | (Document::Component(_), Document::Policy(_)) => bail!(
            "{} and {} are a policy and a component: name two of one kind, or hold the component \
             against the policy with `bailiwick-audit --policy`",
            old.display(),
            new.display()
        ),
    }))
}

fn answer(difference: &Difference) -> Answer {
    let conclusion = match difference.relation {
        Relation::Same => "NEW is the same as OLD in all that it allows.\n",
        Relation::Narrower => "NEW is narrower than OLD.\n",
        Relation::Wider => "NEW is wider than OLD: an approver has to sign what is wider.\n",
        Relation::Both => {
            "NEW is wider than OLD in some and narrower in other things: an approver has to sign \
             what is wider.\n"
        }
    };
    Answer {
        text: format!("{}{conclusion}", difference.text()),
        json: difference.json(),
        code: match difference.is_wider() {
            false => Code::Good,
            true => Code::Bad,
        },
    }
}
