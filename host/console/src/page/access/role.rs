//! What a person may do on the page.

use std::fmt;

use clap::ValueEnum;

/// A role has every right of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Role {
    /// Looks.
    Viewer,
    /// Names devices and drafts actions.
    Operator,
    /// Decides what plugins may do.
    Approver,
}

impl Role {
    /// As it is written on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
        }
    }

    /// The role of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let roles = Self::value_variants().iter().copied();
        roles.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A role as a type: what a route asks for at least.
pub(crate) trait Least: Send + Sync + 'static {
    /// The role.
    const ROLE: Role;
}

/// At least [`Role::Viewer`].
pub(crate) enum Viewer {}

/// At least [`Role::Operator`].
pub(crate) enum Operator {}

impl Least for Viewer {
    const ROLE: Role = Role::Viewer;
}

impl Least for Operator {
    const ROLE: Role = Role::Operator;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_by_what_they_may_do() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Approver);
        assert_eq!(Role::named("approver"), Some(Role::Approver));
        assert_eq!(Role::named("Approver"), None);
    }
}
