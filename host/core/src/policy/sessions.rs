//! The matcher of `sessions` grants: one for enforcement, `explain`, `diff` and tests.

use super::{
    Capability, Denial, Policy,
    sight::{Fields, Sight, View},
};
use crate::{session::SessionId, time::Timestamp};

/// The sessions grants of a policy, prepared for quick answers.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Sight);

/// What of the sessions is seen at one moment by one instance.
#[derive(Clone, Debug)]
pub struct SessionsView<'a> {
    view: View,
    own: Option<&'a SessionId>,
}

impl Policy {
    /// The matcher of its sessions grants.
    pub fn sessions(&self) -> Sessions {
        Sessions(Sight::of(self, Capability::Sessions))
    }
}

impl Sessions {
    /// What an instance that runs for session `own` sees at `now`.
    ///
    /// # Errors
    /// Nothing at all.
    pub fn view<'a>(
        &self,
        own: Option<&'a SessionId>,
        now: Timestamp,
    ) -> Result<SessionsView<'a>, Denial> {
        let view = self.0.view(now)?;
        Ok(SessionsView { view, own })
    }
}

impl SessionsView<'_> {
    /// Whether the instance runs for this session.
    pub fn is_own(&self, id: &SessionId) -> bool {
        self.own == Some(id)
    }

    /// The fields that are seen of this session; none if it is not seen.
    pub fn fields(&self, id: &SessionId) -> Option<Fields> {
        self.view.fields(self.is_own(id))
    }
}
