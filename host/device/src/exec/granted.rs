//! Whether a policy grants an order in all that it says. The privileged process asks this anew of
//! every order, for the agent that gives it may be somebody else's by then.

use bailiwick_core::{
    bytes::ByteCount,
    policy::{Asked, Policy, RunAs},
    time::Timestamp,
};

use super::{line::Told, user::Who};

/// Holds the program, its content, arguments, variables and input, as whom, where and for how
/// long it runs against the grants of `policy` that are in force at `now`.
///
/// # Errors
/// What is not granted.
pub(crate) fn check(told: &Told, policy: &Policy, now: Timestamp) -> Result<(), String> {
    let variables = told.environment.iter().map(|(name, _)| name.clone());
    let asked = Asked {
        program: &told.path,
        arguments: &told.arguments,
        environment: &variables.collect::<Vec<_>>(),
        input: ByteCount::new(told.input.len() as u64),
        session: matches!(told.user, Who::Session(_)),
    };
    let exec = policy.exec();
    let grant = exec.allows(&asked, now).map_err(|why| why.to_string())?;
    let as_granted = match (&grant.run_as, &told.user) {
        (RunAs::Root, Who::Root) | (RunAs::Session, Who::Session(_)) => true,
        (RunAs::User(granted), Who::Named(name)) => granted == name,
        (RunAs::Root | RunAs::Session | RunAs::User(_), _) => false,
    };
    let content = grant.sha256.map(|digest| digest.to_string());
    let mut variables = told.environment.iter();
    let beyond = if !as_granted {
        "as whom it runs"
    } else if told.sha256 != content.unwrap_or_default() {
        "its content"
    } else if told.directory != grant.directory {
        "where it begins"
    } else if u128::from(told.time_limit_ms) > grant.time_limit.as_millis() {
        "how long it may take"
    } else if !variables.all(|(name, value)| grant.environment.get(name) == Some(value)) {
        "a variable"
    } else {
        return Ok(());
    };
    Err(format!("{beyond} is another than the grant says"))
}

#[cfg(test)]
mod tests {
    use bailiwick_core::digest::Sha256;

    use super::*;
    use crate::exec::user::Account;

    fn policy() -> Policy {
        let digest = Sha256::of(b"id");
        let grants = format!(
            r#"
[[grant]]
capability = "exec"
effect = "allow"
programs = [
  {{ path = "/usr/bin/id", sha256 = "{digest}", arguments = [["-u", {{ matches = "[a-z]{{1,8}}" }}]], environment = {{ LANG = "C" }}, directory = "/tmp", time-limit = "2 s" }},
  {{ path = "/usr/bin/env", arguments = [[]], run-as = "root" }},
  {{ path = "/usr/bin/xrandr", arguments = [[]], run-as = "@session" }},
]
reason = "A test."
approved-by = "tests"
expires = 2026-12-31
risk = "high"
"#
        );
        let base = include_str!("../../../core/fixtures/policy.toml");
        Policy::parse("p", &format!("{base}{grants}")).unwrap()
    }

    fn order() -> Told {
        Told {
            path: "/usr/bin/id".to_owned(),
            sha256: Sha256::of(b"id").to_string(),
            directory: "/tmp".to_owned(),
            user: Who::Named("nobody".to_owned()),
            time_limit_ms: 2_000,
            input: Vec::new(),
            arguments: vec!["-u".to_owned(), "ann".to_owned()],
            environment: vec![("LANG".to_owned(), "C".to_owned())],
        }
    }

    fn of(path: &str, user: Who) -> Told {
        Told {
            path: path.to_owned(),
            sha256: String::new(),
            directory: "/".to_owned(),
            user,
            arguments: Vec::new(),
            environment: Vec::new(),
            ..order()
        }
    }

    #[test]
    fn what_is_granted_passes_and_each_thing_that_is_not_is_refused() {
        let (policy, now) = (policy(), Timestamp::EPOCH);
        assert_eq!(check(&order(), &policy, now), Ok(()));
        type Change = (fn(&mut Told), &'static str);
        let changes: [Change; 14] = [
            (|told| told.path = "/usr/bin/ls".to_owned(), "not granted"),
            (|told| told.arguments[1] = "-Z".to_owned(), "shapes"),
            (|told| told.arguments.push(String::new()), "shapes"),
            (|told| told.sha256 = String::new(), "its content"),
            (|told| told.directory = "/root".to_owned(), "where"),
            (|told| told.time_limit_ms = 2_001, "how long"),
            (|told| told.user = Who::Named("ann".to_owned()), "as whom"),
            (|told| told.user = Who::Root, "as whom"),
            (|told| told.user = Who::Session(1_000), "no session"),
            (
                |told| told.user = Who::Account(Account::default()),
                "as whom",
            ),
            (|told| told.environment[0].1 = "D".to_owned(), "a variable"),
            (
                |told| told.environment[0].0 = "LD_PRELOAD".to_owned(),
                "no variable",
            ),
            (
                |told| {
                    let twice = ("LANG".to_owned(), "D".to_owned());
                    told.environment.push(twice);
                },
                "a variable",
            ),
            (|told| told.input = vec![0; 65 * 1024], "of input"),
        ];
        for (change, expected) in changes {
            let mut told = order();
            change(&mut told);
            let refused = check(&told, &policy, now).unwrap_err();
            assert!(refused.contains(expected), "{told:?}: {refused}");
        }
        let late = Timestamp::from_ms(4_000_000_000_000);
        let refused = check(&order(), &policy, late).unwrap_err();
        assert!(refused.contains("expired"), "{refused}");
    }

    #[test]
    fn who_runs_as_somebody_else_by_grant_does_so_and_in_no_other_way() {
        let session = || Who::Session(1_000);
        for (path, user, passes) in [
            ("/usr/bin/env", Who::Root, true),
            ("/usr/bin/env", Who::Named("root".to_owned()), false),
            ("/usr/bin/env", session(), false),
            ("/usr/bin/env", Who::Account(Account::default()), false),
            ("/usr/bin/xrandr", session(), true),
            ("/usr/bin/xrandr", Who::Root, false),
            ("/usr/bin/xrandr", Who::Account(Account::default()), false),
        ] {
            let told = of(path, user);
            let checked = check(&told, &policy(), Timestamp::EPOCH);
            assert_eq!(checked.is_ok(), passes, "{told:?}: {checked:?}");
        }
    }
}
