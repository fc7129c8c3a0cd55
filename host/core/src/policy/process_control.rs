//! The matcher of `process-control` grants: one for enforcement, `explain`, `diff` and tests.

use super::{AbsolutePattern, Capability, Denial, Effect, Grant, Policy, Scope};
use crate::time::Timestamp;

/// What is done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlVerb {
    /// It is asked to end, and killed if it does not.
    End,
    /// It stands still.
    Suspend,
    /// It goes on.
    Resume,
}

impl ControlVerb {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::End, Self::Suspend, Self::Resume];

    /// Its name in policies and in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
        }
    }
}

/// Whose processes a grant means. Each means what the one before it does, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlledOf {
    /// Those of the session that a call names, but not root's.
    NamedSession,
    /// Those of every session, but not root's.
    AnySession,
    /// Those of every user but root, services as well.
    AnyUser,
    /// Root's, too: written out, so that nobody grants it by leaving something out.
    AnyUserAndRoot,
}

impl ControlledOf {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::NamedSession,
        Self::AnySession,
        Self::AnyUser,
        Self::AnyUserAndRoot,
    ];

    /// Its name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NamedSession => "named-session",
            Self::AnySession => "any-session",
            Self::AnyUser => "any-user",
            Self::AnyUserAndRoot => "any-user-and-root",
        }
    }

    /// Of a process that is found there, the least that a grant must say.
    const fn least(of: Found) -> Self {
        match of {
            Found::InNamedSession => Self::NamedSession,
            Found::InOtherSession => Self::AnySession,
            Found::Service => Self::AnyUser,
            Found::OfRoot => Self::AnyUserAndRoot,
        }
    }
}

/// Whose a process is, as seen from one call. A process that root runs in whatever way is root's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Of the session that the call names.
    InNamedSession,
    /// Of a session, and the call names none.
    InOtherSession,
    /// Of no session, as a user that is not root.
    Service,
    /// Root's.
    OfRoot,
}

impl Found {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::InNamedSession,
        Self::InOtherSession,
        Self::Service,
        Self::OfRoot,
    ];

    /// As calls in policies' cases name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InNamedSession => "named-session",
            Self::InOtherSession => "other-session",
            Self::Service => "service",
            Self::OfRoot => "root",
        }
    }
}

/// What part of `process-control` a grant means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controls {
    /// What may be done; of a denial everything.
    pub verbs: Vec<ControlVerb>,
    /// Files of the programs that the processes run.
    pub executables: Vec<AbsolutePattern>,
    /// Whose processes; of a denial everybody's.
    pub whose: ControlledOf,
    /// Most calls in a minute; of a denial 0.
    pub per_minute: u16,
}

/// One thing that somebody wants done to one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// What.
    pub verb: ControlVerb,
    /// The file of its program, absolute; empty for one that has none.
    pub executable: String,
    /// Whose it is.
    pub found: Found,
}

/// Under what it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlAllowed {
    /// Most calls of the plugin in a minute.
    pub per_minute: u16,
}

/// The process-control grants of a policy.
#[derive(Clone, Debug, Default)]
pub struct ProcessControl(Vec<Grant>);

impl Policy {
    /// The matcher of its process-control grants.
    pub fn process_control(&self) -> ProcessControl {
        let grants = self.grants_of(Capability::ProcessControl);
        ProcessControl(grants.cloned().collect())
    }
}

impl Controls {
    fn covers(&self, control: &Control) -> bool {
        self.verbs.contains(&control.verb)
            && ControlledOf::least(control.found) <= self.whose
            && self.names(&control.executable)
    }

    fn names(&self, executable: &str) -> bool {
        let mut patterns = self.executables.iter();
        patterns.any(|pattern| pattern.matches(executable))
    }
}

impl ProcessControl {
    /// Under what `control` may be done at `now`. Deny beats allow.
    ///
    /// # Errors
    /// No grant covers it.
    pub fn allows(&self, control: &Control, now: Timestamp) -> Result<ControlAllowed, Denial> {
        let mut allowed: Option<ControlAllowed> = None;
        let mut denial = Denial::NotGranted;
        for grant in &self.0 {
            let by = grant.source;
            let controls = match (&grant.scope, grant.effect) {
                (Scope::Whole, Effect::Deny) => return Err(Denial::Denied { by }),
                (Scope::Controls(controls), _) => controls,
                // No part is named, or one of another capability: nothing is given.
                (_, Effect::Allow | Effect::Deny) => continue,
            };
            match (grant.effect, grant.expires) {
                (Effect::Deny, _) if controls.names(&control.executable) => {
                    return Err(Denial::Denied { by });
                }
                (Effect::Deny, _) => {}
                (Effect::Allow, _) if !controls.covers(control) => {}
                (Effect::Allow, Some(at)) if at <= now => {
                    denial = Denial::Expired { grant: by, at };
                }
                (Effect::Allow, _) => {
                    let before = allowed.map_or(0, |allowed| allowed.per_minute);
                    let per_minute = before.max(controls.per_minute);
                    allowed = Some(ControlAllowed { per_minute });
                }
            }
        }
        allowed.ok_or(denial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(grants: &str) -> ProcessControl {
        let text = format!("{}{grants}", include_str!("../../fixtures/policy.toml"));
        Policy::parse("p.toml", &text).unwrap().process_control()
    }

    fn grant(scope: &str) -> String {
        format!(
            "[[grant]]\ncapability = \"process-control\"\n{scope}\nreason = \"A test.\"\n\
             approved-by = \"tests\"\nrisk = \"low\"\n"
        )
    }

    fn allowing(executables: &str, whose: &str, rest: &str) -> String {
        grant(&format!(
            "effect = \"allow\"\nverbs = [\"end\"]\nexecutables = [{executables}]\n\
             whose = \"{whose}\"\nper-minute = 6\n{rest}"
        ))
    }

    fn ask(of: &ProcessControl, executable: &str, found: Found) -> Result<ControlAllowed, Denial> {
        let control = Control {
            verb: ControlVerb::End,
            executable: executable.to_owned(),
            found,
        };
        of.allows(&control, Timestamp::EPOCH)
    }

    #[test]
    fn each_word_of_whose_means_the_one_before_it_and_one_kind_more() {
        for (index, whose) in ControlledOf::ALL.into_iter().enumerate() {
            let matcher = matcher(&allowing("\"/usr/bin/*\"", whose.name(), ""));
            for (at, found) in Found::ALL.into_iter().enumerate() {
                let allowed = ask(&matcher, "/usr/bin/a", found).is_ok();
                assert_eq!(allowed, at <= index, "{whose:?} {found:?}");
            }
        }
    }

    #[test]
    fn programs_verbs_and_denials_are_respected() {
        let matcher = matcher(
            &[
                allowing("\"/opt/**\", \"/usr/bin/a\"", "named-session", ""),
                grant("effect = \"deny\"\nexecutables = [\"/opt/desk/*\"]"),
            ]
            .concat(),
        );
        let own = |executable: &str| ask(&matcher, executable, Found::InNamedSession);
        assert_eq!(own("/opt/x/y").unwrap().per_minute, 6);
        assert!(own("/usr/bin/a").is_ok());
        // A thread of the kernel has no program, and a relative name is nobody's.
        for other in ["/usr/bin/ab", "/opt", "", "opt/x", "/usr/bin/a (deleted)"] {
            assert_eq!(own(other), Err(Denial::NotGranted), "{other}");
        }
        assert!(matches!(own("/opt/desk/x"), Err(Denial::Denied { .. })));
        let suspend = Control {
            verb: ControlVerb::Suspend,
            executable: "/usr/bin/a".to_owned(),
            found: Found::InNamedSession,
        };
        let answer = matcher.allows(&suspend, Timestamp::EPOCH);
        assert_eq!(answer, Err(Denial::NotGranted));
    }

    #[test]
    fn what_has_expired_says_so_and_the_widest_rate_in_force_counts() {
        let twice = [
            allowing("\"/usr/bin/a\"", "any-user", "expires = 2026-12-31"),
            allowing("\"/usr/bin/*\"", "any-user", "").replace("= 6", "= 2"),
        ]
        .concat();
        let both = matcher(&twice);
        assert_eq!(
            ask(&both, "/usr/bin/a", Found::Service).unwrap().per_minute,
            6
        );
        assert_eq!(
            ask(&both, "/usr/bin/b", Found::Service).unwrap().per_minute,
            2
        );
        let one = matcher(&allowing("\"/a\"", "any-user", "expires = 2026-12-31"));
        let control = Control {
            verb: ControlVerb::End,
            executable: "/a".to_owned(),
            found: Found::Service,
        };
        let late = one.allows(&control, Timestamp::from_ms(4_000_000_000_000));
        assert!(matches!(late, Err(Denial::Expired { .. })), "{late:?}");
    }
}
