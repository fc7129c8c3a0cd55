//! One decision as the log has it.

use std::sync::Arc;

use bailiwick_core::{
    action::ActionId,
    decision::{Answer, Decision, Kind},
    policy::Policy,
    session::SessionId,
    time::Timestamp,
};

use super::Author;

/// Longest reason, in bytes.
const REASON: usize = 256;

/// What was decided, without what may not leave the device.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) author: Arc<Author>,
    pub(super) kind: Kind,
    /// At most `core::decision::LONGEST_CALL` bytes. Hundreds of them stay for an hour, so none
    /// keeps what it grew by while it was written.
    pub(super) call: Box<str>,
    /// Why it was refused, or what came of it.
    pub(super) outcome: Box<str>,
    /// The grants that allow it, in the order of the policy; empty for what was refused.
    pub(super) allowed_by: Vec<String>,
    pub(super) session: Option<SessionId>,
    /// Whose session it is.
    pub(super) user: Option<u32>,
    /// The first one, where there were several.
    pub(super) action: Option<ActionId>,
}

impl Entry {
    pub(super) fn new(
        author: &Arc<Author>,
        decision: &Decision,
        call: String,
        user: Option<u32>,
        now: Timestamp,
    ) -> Self {
        let policy = &author.policy;
        let mut outcome = match &decision.answer {
            Answer::Refused => why_refused(policy, decision, now),
            Answer::LedAstray => "a link on the way leads to what is not granted".to_owned(),
            Answer::Done => "done".to_owned(),
            Answer::Failed(reason) => reason.clone(),
        };
        outcome.truncate(outcome.floor_char_boundary(REASON));
        let allowed_by = match decision.answer.kind() {
            Kind::Denial => Vec::new(),
            Kind::Effect => allowed_by(policy, decision, now),
        };
        Self {
            author: Arc::clone(author),
            kind: decision.answer.kind(),
            call: call.into_boxed_str(),
            outcome: outcome.into_boxed_str(),
            allowed_by,
            session: decision.session.clone(),
            user,
            action: decision.action,
        }
    }

    /// Whether `decision`, in the words `call`, is the same again. Reasons of failures may
    /// differ in numbers: one stands for all.
    pub(super) fn is(&self, author: &Author, decision: &Decision, call: &str) -> bool {
        self.kind == decision.answer.kind()
            && *self.call == *call
            && self.session == decision.session
            && self.author.digest == author.digest
            && self.author.version == author.version
    }

    /// Whether `next` tells the same once more.
    pub(super) fn is_repeated_by(&self, next: &Self) -> bool {
        Arc::ptr_eq(&self.author, &next.author)
            && self.kind == next.kind
            && self.call == next.call
            && self.outcome == next.outcome
            && self.session == next.session
            && self.action == next.action
    }
}

fn why_refused(policy: &Policy, decision: &Decision, now: Timestamp) -> String {
    match policy.matcher().permits(&decision.call, now) {
        Err(refusal) => refusal.to_string(),
        Ok(_) => "the device refuses it where it would be done".to_owned(),
    }
}

fn allowed_by(policy: &Policy, decision: &Decision, now: Timestamp) -> Vec<String> {
    let explanation = policy.explain(&decision.call, now);
    let grants = explanation.allowing();
    grants
        .map(|grant| format!("{}, approved by {}", grant.source, grant.approved_by))
        .collect()
}
