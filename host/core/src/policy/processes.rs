//! The matcher of `processes` grants: one for enforcement, `explain`, `diff` and tests.

use std::borrow::Cow;

use super::{
    Capability, Denial, Policy, Redaction,
    sight::{Fields, Sensitive, Sight, View},
};
use crate::{
    process::Described,
    session::{Owner, SessionId},
    time::Timestamp,
};

/// Where homes of users are. What follows is a user's name.
const HOMES: [&str; 4] = ["/home/", "/Users/", "C:\\Users\\", "/var/home/"];
/// What takes the name's place.
const SOMEBODY: &str = "~";

/// The processes grants of a policy, prepared for quick answers.
#[derive(Clone, Debug, Default)]
pub struct Processes(Sight);

/// What of the processes is seen at one moment by one instance.
#[derive(Clone, Debug)]
pub struct ProcessesView<'a> {
    view: View,
    own: Option<&'a SessionId>,
}

impl Policy {
    /// The matcher of its processes grants.
    pub fn processes(&self) -> Processes {
        Processes(Sight::of(self, Capability::Processes))
    }
}

impl Processes {
    /// What an instance that runs for session `own` sees at `now`.
    ///
    /// # Errors
    /// Nothing at all.
    pub fn view<'a>(
        &self,
        own: Option<&'a SessionId>,
        now: Timestamp,
    ) -> Result<ProcessesView<'a>, Denial> {
        let view = self.0.view(now)?;
        Ok(ProcessesView { view, own })
    }
}

impl<'a> ProcessesView<'a> {
    /// The session for which the instance runs.
    pub const fn own(&self) -> Option<&'a SessionId> {
        self.own
    }

    /// Whether processes that are not of that session may be seen.
    pub fn sees_others(&self) -> bool {
        self.view.fields(false).is_some()
    }

    /// The fields that are seen of a process of `owner`; none if it is not seen.
    pub fn fields(&self, owner: Owner<'_>) -> Option<Fields> {
        let is_own = match (owner, self.own) {
            (Owner::Session(id), Some(own)) => id == own,
            (Owner::Session(_), None) | (Owner::System, _) => false,
        };
        self.view.fields(is_own)
    }
}

impl Described {
    /// Its executable. Unless `fields` allow users' names as they are, the name of a home
    /// folder in it is `~`.
    pub fn executable_for(&self, fields: Fields) -> Cow<'_, str> {
        let path = self.executable.as_str();
        if fields.of(Sensitive::User) == Redaction::Whole {
            return Cow::Borrowed(path);
        }
        let below = HOMES
            .iter()
            .find_map(|home| Some((*home, path.strip_prefix(home)?)));
        match below {
            None => Cow::Borrowed(path),
            Some((home, rest)) => {
                let end = rest.find(['/', '\\']).unwrap_or(rest.len());
                Cow::Owned(format!("{home}{SOMEBODY}{}", &rest[end..]))
            }
        }
    }
}

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
