//! Cases: what a policy's author says of it, to be tried wherever the policy is changed. They
//! are part of what is signed, and a device does nothing with them.

use super::{Call, Effect, Policy};
use crate::{
    document::{DocumentError, Key, Value},
    time::Timestamp,
};

/// Most cases of a policy.
const MOST: usize = 256;
/// Most words of a call: a program has as many arguments at most.
const MOST_WORDS: usize = 128;

pub(super) const CASE: Key = Key::new("case", "", "`[[case]]` entries, at most 256");
const CALL: Key = Key::new(
    "call",
    "[\"files\", \"/etc/shadow\"]",
    "the words of a call, the capability first; `bailiwick-audit policy explain --help` has them",
);
const EXPECT: Key = Key::new("expect", "\"deny\"", "allow or deny");
const ON: Key = Key::new(
    "on",
    "2027-12-31",
    "the day (UTC) on which it holds, a date without quotation marks; without it, the day on \
     which it is tried",
);
const REASON: Key = Key::new(
    "reason",
    "\"Passwords stay on the device.\"",
    "why, on one line of at most 1000 bytes",
);
const KEYS: [&Key; 4] = [&CALL, &EXPECT, &ON, &REASON];

/// One call and what shall become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What is asked.
    pub call: Call,
    /// The answer that its author expects.
    pub expect: Effect,
    /// When, if it matters: the end of that day.
    pub on: Option<Timestamp>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Line of the entry in the file, from 1.
    pub line: u32,
}

impl Policy {
    /// The cases that do not hold. Those that name no day are tried at `now`.
    pub fn failing_cases(&self, now: Timestamp) -> Vec<&Case> {
        let matcher = self.matcher();
        let holds = |case: &&Case| {
            let allowed = matcher.permits(&case.call, case.on.unwrap_or(now)).is_ok();
            allowed == (case.expect == Effect::Allow)
        };
        self.cases.iter().filter(|case| !holds(case)).collect()
    }
}

pub(super) fn cases(entries: &Value<'_>) -> Result<Vec<Case>, DocumentError> {
    entries.elements(MOST)?.into_iter().map(case).collect()
}

fn case(entry: Value<'_>) -> Result<Case, DocumentError> {
    let table = entry.table("`[[case]]`", &KEYS)?;
    let call = table.required(&CALL)?;
    let words = call
        .elements(MOST_WORDS)?
        .iter()
        .map(Value::text)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Case {
        call: Call::from_words(&words)
            .map_err(|error| call.error(error.problem, format!("write {}", error.instead)))?,
        expect: table
            .required(&EXPECT)?
            .word(&[("allow", Effect::Allow), ("deny", Effect::Deny)])?,
        on: table
            .optional(&ON)
            // Within the day: what expires on it still holds.
            .map(|day| day.end_of_day().map(Timestamp::last_before))
            .transpose()?,
        reason: table
            .optional(&REASON)
            .map(|reason| reason.prose(1_000))
            .transpose()?,
        line: table.line(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(cases: &str) -> Result<Policy, DocumentError> {
        let text = format!("{}{cases}", include_str!("../../fixtures/policy.toml"));
        Policy::parse("p.toml", &text)
    }

    #[test]
    fn cases_that_do_not_hold_are_named_by_their_line() {
        let policy = parse(
            r#"
[[case]]
call = ["files", "/etc/passwd"]
expect = "allow"
[[case]]
call = ["files", "/etc/shadow"]
expect = "allow"
reason = "It is not."
[[case]]
call = ["state"]
expect = "deny"
"#,
        );
        let policy = policy.unwrap();
        assert_eq!(policy.cases.len(), 3);
        let failing = policy.failing_cases(Timestamp::EPOCH);
        let lines: Vec<_> = failing.iter().map(|case| case.line).collect();
        assert_eq!(lines, [policy.cases[0].line + 3]);
        assert_eq!(failing[0].reason.as_deref(), Some("It is not."));
    }

    #[test]
    fn a_field_is_asked_for_as_it_is_or_as_little_of_it_as_is_given() {
        let policy = parse(
            r#"
[[grant]]
capability = "sessions"
effect = "allow"
of = "all"
redact = { user = "hash", place = { truncate = 8 } }
reason = "A test."
approved-by = "tests"
risk = "low"
[[case]]
call = ["sessions", "own", "user"]
expect = "deny"
[[case]]
call = ["sessions", "own", "user:1"]
expect = "deny"
[[case]]
call = ["sessions", "other", "user:hash", "place:8"]
expect = "allow"
[[case]]
call = ["sessions", "own", "place:hash"]
expect = "allow"
[[case]]
call = ["sessions", "own", "place:9"]
expect = "deny"
[[grant]]
capability = "network"
effect = "deny"
fields = ["mac"]
reason = "A test."
approved-by = "tests"
risk = "low"
[[case]]
call = ["network", "address:hash"]
expect = "allow"
[[case]]
call = ["network", "mac:1"]
expect = "deny"
[[case]]
call = ["network"]
expect = "allow"
"#,
        );
        let policy = policy.unwrap();
        assert_eq!(policy.failing_cases(Timestamp::EPOCH), Vec::<&Case>::new());
        let call = policy.cases[0].call.clone();
        let refused = policy.matcher().permits(&call, Timestamp::EPOCH);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "the grants in force give the field `user` of them hashed, and no more"
        );
    }

    #[test]
    fn a_day_is_tried_at_its_end() {
        let policy = parse(
            r#"
[[grant]]
capability = "state"
effect = "allow"
reason = "A test."
approved-by = "tests"
expires = 2026-12-31
risk = "low"
[[case]]
call = ["state"]
expect = "allow"
on = 2026-12-31
[[case]]
call = ["state"]
expect = "deny"
on = 2027-01-01
"#,
        );
        let policy = policy.unwrap();
        assert_eq!(policy.failing_cases(Timestamp::EPOCH), Vec::<&Case>::new());
    }

    #[test]
    fn cases_are_read_strictly() {
        for (case, expected) in [
            (
                "call = \"log\"\nexpect = \"deny\"",
                "`call` can't be `\"log\"`",
            ),
            (
                "call = [\"lob\"]\nexpect = \"deny\"",
                "`lob` is no capability; write the name",
            ),
            ("call = []\nexpect = \"deny\"", "it is empty"),
            ("call = [1]\nexpect = \"deny\"", "`call` can't be"),
            ("call = [\"log\"]", "`expect` is missing"),
            ("call = [\"log\"]\nexpect = \"no\"", "`expect` can't be"),
            (
                "call = [\"log\"]\nexpect = \"deny\"\nwhy = \"x\"",
                "`why` is not a key",
            ),
            (
                "call = [\"log\"]\nexpect = \"deny\"\non = \"x\"",
                "`on` can't be",
            ),
        ] {
            let refused = parse(&format!("[[case]]\n{case}\n")).unwrap_err();
            let refused = refused.to_string();
            assert!(refused.contains(expected), "{refused}");
            assert!(refused.starts_with("p.toml:"), "{refused}");
        }
    }
}
