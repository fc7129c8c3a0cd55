//! What bridges tell of their decisions, see [`bailiwick_core::decision`].
//!
//! Nothing here is on the way of a read that is allowed, unless the plugin is observed.

use bailiwick_core::{
    decision::{Answer, Decision},
    policy::{Call, Fields, LONGEST_PATH, Look, Of},
    session::SessionId,
};

use crate::context::Context;

impl Context {
    /// The policy refuses `call`.
    #[cold]
    pub(crate) fn refused(&self, call: Call) {
        self.note(call, Answer::Refused, None);
    }

    /// The policy refuses `call` in the session that it named, if there is one.
    #[cold]
    pub(crate) fn refused_in(&self, call: Call, session: Option<&str>) {
        self.note(
            call,
            Answer::Refused,
            session.and_then(|id| id.parse().ok()),
        );
    }

    /// The policy allows `call` by its name, and refuses where it leads.
    #[cold]
    pub(crate) fn led_astray(&self, call: Call) {
        self.note(call, Answer::LedAstray, None);
    }

    /// `call`, a read, was allowed, and somebody observes that.
    #[cold]
    pub(crate) fn was_read(&self, call: Call) {
        self.ports.decisions.read(call);
    }

    /// `call`, which changes something outside of the plugin, was allowed; it was done, or failed
    /// and why. `session` is the one that it named.
    pub(crate) fn acted(&self, call: Call, failed: Option<String>, session: Option<&str>) {
        let answer = failed.map_or(Answer::Done, Answer::Failed);
        self.note(call, answer, session.and_then(|id| id.parse().ok()));
    }

    /// What an instance sees first: its own session, or where it has none, what all share.
    pub(crate) fn own_look(&self) -> Look {
        Look {
            at: match self.ports.session {
                Some(_) => Of::OwnSession,
                None => Of::OtherSession,
            },
            fields: Fields::NONE,
        }
    }

    fn note(&self, call: Call, answer: Answer, named: Option<SessionId>) {
        self.ports.decisions.note(Decision {
            call,
            answer,
            session: named.or_else(|| self.ports.session.clone()),
            action: self.action.as_ref().map(|action| action.id),
        });
    }
}

/// `text` as far as anybody looks at it: a guest may pass what fills its memory, and no path or
/// argument that a policy knows is so long.
pub(crate) fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST_PATH + 1)].to_owned()
}
