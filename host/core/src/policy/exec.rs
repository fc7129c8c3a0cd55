//! The matcher of `exec` grants: one for enforcement, `explain`, `diff` and tests.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Capability, Denial, Effect, GrantSource, Policy, Scope,
    shape::{LONGEST_ARGUMENT, MOST_ARGUMENTS, Shape},
};
use crate::{bytes::ByteCount, digest::Sha256, time::Timestamp};

/// Longest standard input of a run.
pub const LONGEST_INPUT: ByteCount = ByteCount::kib(64);

/// A program that a grant names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Absolute, without links: what is there when it is started.
    pub path: String,
    /// What its content must be, if the policy says so.
    pub sha256: Option<Sha256>,
    /// Which lists of arguments it may be given. None means: no run at all.
    pub arguments: Vec<Shape>,
    /// As whom it runs.
    pub run_as: RunAs,
    /// Variables that it may be given.
    pub environment: BTreeMap<String, String>,
    /// Where it begins. Absolute.
    pub directory: String,
    /// How long it may take with all that it starts.
    pub time_limit: Duration,
    /// How much of its output, and of its errors, is kept.
    pub output_limit: ByteCount,
}

/// As whom a program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// A local account other than root.
    User(String),
    /// The user of the session that whoever asks names; never root.
    Session,
    /// Root: written out, so that nobody grants it by leaving something out.
    Root,
}

/// What somebody asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The program's path.
    pub program: &'a str,
    /// Without the program's name.
    pub arguments: &'a [String],
    /// Names of the variables that it shall have.
    pub environment: &'a [String],
    /// How much input it shall have.
    pub input: ByteCount,
    /// Whether a session is named, as whose user it shall run.
    pub session: bool,
}

/// The exec grants of a policy.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    denied: Vec<(GrantSource, String)>,
    allowed: Vec<(GrantSource, Option<Timestamp>, Program)>,
}

/// Why a run is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunRefusal {
    /// The program is not granted.
    #[error("the program is not granted: {0}")]
    Denied(Denial),
    /// The program is granted, but not so.
    #[error("{0}")]
    NotOfTheGrant(String),
}

impl Policy {
    /// The matcher of its exec grants.
    pub fn exec(&self) -> Exec {
        let mut exec = Exec::default();
        for grant in self.grants_of(Capability::Exec) {
            let Scope::Programs(programs) = &grant.scope else {
                continue;
            };
            for program in programs {
                match grant.effect {
                    Effect::Deny => exec.denied.push((grant.source, program.path.clone())),
                    Effect::Allow => {
                        exec.allowed
                            .push((grant.source, grant.expires, program.clone()));
                    }
                }
            }
        }
        exec
    }
}

impl Exec {
    /// The grant under which what is asked for may be run at `now`. Deny beats allow.
    ///
    /// # Errors
    /// No grant covers it. Of a program that is granted, what is wrong.
    pub fn allows(&self, asked: &Asked<'_>, now: Timestamp) -> Result<&Program, RunRefusal> {
        let program = asked.program;
        if let Some((by, _)) = self.denied.iter().find(|(_, path)| path == program) {
            return Err(RunRefusal::Denied(Denial::Denied { by: *by }));
        }
        let of_program = || {
            self.allowed
                .iter()
                .filter(move |(_, _, allowed)| allowed.path == program)
        };
        let in_force: Vec<&Program> = of_program()
            .filter(|(_, expires, _)| expires.is_none_or(|at| now < at))
            .map(|(_, _, program)| program)
            .collect();
        if in_force.is_empty() {
            let expired = of_program()
                .filter_map(|(grant, expires, _)| Some((*grant, (*expires)?)))
                .max_by_key(|(_, at)| *at);
            return Err(RunRefusal::Denied(match expired {
                Some((grant, at)) => Denial::Expired { grant, at },
                None => Denial::NotGranted,
            }));
        }
        check_bounds(asked.arguments, asked.input)?;
        let mut refusal = None;
        for program in in_force {
            match program.takes(asked) {
                Ok(()) => return Ok(program),
                Err(reason) => refusal = Some(reason),
            }
        }
        Err(RunRefusal::NotOfTheGrant(refusal.unwrap_or_default()))
    }
}

fn check_bounds(arguments: &[String], input: ByteCount) -> Result<(), RunRefusal> {
    let refuse = |reason: String| Err(RunRefusal::NotOfTheGrant(reason));
    if arguments.len() > MOST_ARGUMENTS {
        return refuse(format!("more than {MOST_ARGUMENTS} arguments"));
    }
    for (index, argument) in arguments.iter().enumerate() {
        if argument.len() > LONGEST_ARGUMENT || argument.contains('\0') {
            return refuse(format!(
                "argument {} is longer than {LONGEST_ARGUMENT} bytes or has a NUL",
                index + 1
            ));
        }
    }
    if input > LONGEST_INPUT {
        return refuse(format!("more than {LONGEST_INPUT} of input"));
    }
    Ok(())
}

impl Program {
    fn takes(&self, asked: &Asked<'_>) -> Result<(), String> {
        let Asked {
            arguments,
            environment,
            ..
        } = asked;
        match (&self.run_as, asked.session) {
            (RunAs::Session, false) => {
                return Err(
                    "it runs as the user of a session, and none is named: name one by its id"
                        .to_owned(),
                );
            }
            (RunAs::User(_) | RunAs::Root, true) => {
                return Err(
                    "the grant names as whom it runs, so no session may be named".to_owned(),
                );
            }
            (RunAs::Session, true) | (RunAs::User(_) | RunAs::Root, false) => {}
        }
        if let Some(name) = environment
            .iter()
            .find(|name| !self.environment.contains_key(*name))
        {
            return Err(format!("the grant has no variable `{name}`"));
        }
        if self.arguments.iter().any(|shape| shape.fits(arguments)) {
            return Ok(());
        }
        Err(format!(
            "the {} arguments are of none of the {} shapes that the grant lists",
            arguments.len(),
            self.arguments.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: &str = r#"
[[grant]]
capability = "exec"
effect = "allow"
programs = [
  { path = "/usr/bin/id", arguments = [[], ["-u", { matches = "[a-z]{1,32}" }]], environment = { LANG = "C" } },
  { path = "/usr/bin/true", arguments = [[{ one-of = ["a", "b"], at-most = 2 }]], run-as = "root", time-limit = "2 s", output-limit = "1 KiB", directory = "/tmp" },
]
reason = "A test."
approved-by = "tests"
expires = 2026-12-31
risk = "high"
"#;

    fn exec(grants: &str) -> Exec {
        let text = format!("{}{grants}", include_str!("../../fixtures/policy.toml"));
        Policy::parse("p.toml", &text).unwrap().exec()
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn ask<'a>(exec: &'a Exec, program: &str, arguments: &str) -> Result<&'a Program, RunRefusal> {
        asks(exec, program, arguments, false)
    }

    fn asks<'a>(
        exec: &'a Exec,
        program: &str,
        arguments: &str,
        session: bool,
    ) -> Result<&'a Program, RunRefusal> {
        let asked = Asked {
            program,
            arguments: &words(arguments),
            environment: &[],
            input: ByteCount::new(0),
            session,
        };
        exec.allows(&asked, Timestamp::EPOCH)
    }

    #[test]
    fn a_program_runs_with_arguments_of_a_shape_and_unprivileged_unless_written_out() {
        let exec = exec(GRANT);
        let id = ask(&exec, "/usr/bin/id", "-u root").unwrap();
        assert_eq!(id.run_as, RunAs::User("nobody".to_owned()));
        assert_eq!(
            (id.directory.as_str(), id.time_limit),
            ("/", Duration::from_secs(10))
        );
        assert_eq!(id.output_limit, ByteCount::kib(64));
        let root = ask(&exec, "/usr/bin/true", "a b").unwrap();
        assert_eq!(
            (&root.run_as, root.directory.as_str()),
            (&RunAs::Root, "/tmp")
        );
        for (program, arguments) in [
            ("/usr/bin/id", "-u"),
            ("/usr/bin/id", "-u root x"),
            ("/usr/bin/id", "-u ;reboot"),
            ("/usr/bin/true", "a b a"),
        ] {
            let refused = ask(&exec, program, arguments).unwrap_err();
            assert!(
                matches!(refused, RunRefusal::NotOfTheGrant(_)),
                "{arguments}"
            );
        }
        for program in ["/usr/bin/ls", "id", "/usr/bin/../bin/id", ""] {
            let refused = ask(&exec, program, "").unwrap_err();
            assert_eq!(refused, RunRefusal::Denied(Denial::NotGranted), "{program}");
        }
    }

    #[test]
    fn a_session_is_named_where_the_grant_leaves_the_user_to_it_and_nowhere_else() {
        let of_session = r#"
[[grant]]
capability = "exec"
effect = "allow"
programs = [{ path = "/usr/bin/xrandr", arguments = [[]], run-as = "@session" }]
reason = "A test."
approved-by = "tests"
risk = "high"
"#;
        let exec = exec(&format!("{GRANT}{of_session}"));
        let granted = asks(&exec, "/usr/bin/xrandr", "", true).unwrap();
        assert_eq!(granted.run_as, RunAs::Session);
        for (program, session, expected) in [
            ("/usr/bin/xrandr", false, "none is named"),
            ("/usr/bin/id", true, "no session may be named"),
        ] {
            let refused = asks(&exec, program, "", session).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        }
    }

    #[test]
    fn bounds_and_variables_are_refused_with_their_reason() {
        let exec = exec(GRANT);
        let none = ByteCount::new(0);
        let refused = |arguments: &[String], variables: &str, input| {
            let asked = Asked {
                program: "/usr/bin/id",
                arguments,
                environment: &words(variables),
                input,
                session: false,
            };
            let allowed = exec.allows(&asked, Timestamp::EPOCH);
            allowed.unwrap_err().to_string()
        };
        assert!(refused(&[], "LD_PRELOAD", none).contains("no variable `LD_PRELOAD`"));
        assert!(refused(&[], "", ByteCount::kib(65)).contains("of input"));
        assert!(refused(&vec![String::new(); 65], "", none).contains("more than 64"));
        assert!(refused(&["a\0".to_owned()], "", none).contains("argument 1"));
    }

    #[test]
    fn a_denial_beats_every_grant_and_a_grant_expires() {
        let deny = r#"
[[grant]]
capability = "exec"
effect = "deny"
programs = [{ path = "/usr/bin/id" }]
reason = "A test."
approved-by = "tests"
risk = "low"
"#;
        let denied = exec(&format!("{GRANT}{deny}"));
        let refused = ask(&denied, "/usr/bin/id", "").unwrap_err();
        assert!(matches!(refused, RunRefusal::Denied(Denial::Denied { .. })));
        assert!(ask(&denied, "/usr/bin/true", "a").is_ok());
        let late = Timestamp::from_ms(4_000_000_000_000);
        let exec = exec(GRANT);
        let asked = Asked {
            program: "/usr/bin/id",
            arguments: &[],
            environment: &[],
            input: ByteCount::new(0),
            session: false,
        };
        let refused = exec.allows(&asked, late).unwrap_err();
        assert!(matches!(
            refused,
            RunRefusal::Denied(Denial::Expired { .. })
        ));
    }
}
