//! Proposals against the matcher that enforces them.

use proptest::prelude::*;

use super::*;
use crate::{
    policy::{Call, Effect, Policy},
    time::Timestamp,
};

const POLICY: &str = r#"format = 1
plugin = "sample"
vendor = "acme"
versions = "^1.2"
summary = "Does this and that."

[limits]
memory = "64 MiB"
deadline = "10 s"
cpu = { per-mille = 20, window = "60 s" }
output = "2 MiB"
host-calls = 20000
log-lines = 10
state = "1 MiB"

# Says things.
[[grant]]
capability = "log"
effect = "allow"
reason = "Says what went wrong."
approved-by = "alice"
risk = "low"

[[grant]]
capability = "files"
effect = "allow"
roots = [
  { root = "/etc", paths = ["**"] },
  { root = "/var/lib", paths = ["*", "*/*"] },
]
reason = "Reads what is \"set\"."
approved-by = "alice"
expires = 2099-12-31
risk = "high"

[[grant]]
capability = "files"
effect = "deny"
roots = [{ root = "/etc", paths = ["shadow"] }]
reason = "Passwords."
approved-by = "alice"
risk = "low"

[[grant]]
capability = "exec"
effect = "allow"
programs = [
  { path = "/bin/a", arguments = [[], [{ matches = "[a-z -]{0,9}", at-most = 3 }]], environment = { LANG = "C" } },
]
reason = "Runs it."
approved-by = "bob"
risk = "high"

[[grant]]
capability = "wake"
effect = "allow"
macs = ["52:54:00"]
links = ["eth0", "eth1"]
per-minute = 6
reason = "Wakes."
approved-by = "bob"
risk = "low"
"#;

fn policy(text: &str) -> Policy {
    Policy::parse("p.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn observed() -> Observed {
    let digest = crate::digest::Sha256::of(POLICY.as_bytes());
    let plugin = "sample".parse().unwrap();
    Observed::new(plugin, "1.2.0".to_owned(), digest, Timestamp::from_ms(5))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]",
        "[a-c]/[a-c]",
        "[a-c]/[ab]/c",
        "a b",
        "[.a-z\"ü ]{1,4}"
    ]
}

/// A call that the policy may know; none where the words are none.
fn call() -> impl Strategy<Value = Option<Call>> {
    let file = (prop_oneof!["/etc", "/var/lib", "/home"], name())
        .prop_map(|(root, name)| vec!["files".to_owned(), format!("{root}/{name}")]);
    let run = (any::<bool>(), prop::collection::vec("-?[ab]{0,2}", 0..4)).prop_map(
        |(with, arguments)| {
            let with = with.then(|| "with=LANG".to_owned());
            let words = ["exec".to_owned()].into_iter().chain(with);
            words
                .chain(["/bin/a".to_owned()])
                .chain(arguments)
                .collect()
        },
    );
    let wake = (0_u8..3, "eth[01]").prop_map(|(last, link)| {
        vec![
            "wake".to_owned(),
            format!("52:54:00:00:00:{last:02x}"),
            link,
        ]
    });
    let words = prop_oneof![4 => file, 3 => run, 2 => wake, 1 => Just(vec!["log".to_owned()])];
    words.prop_map(|words| Call::from_words(&words).ok())
}

/// Whether a run of the same was observed with at least these variables: a program need not be
/// given all that it may have.
fn is_covered(call: &Call, seen: &[Call]) -> bool {
    seen.iter().any(|seen| match (call, seen) {
        (Call::Run(mine), Call::Run(seen)) => {
            let has = |name: &String| seen.environment.contains(name);
            mine.environment.iter().all(has)
                && (&mine.program, &mine.arguments, mine.session)
                    == (&seen.program, &seen.arguments, seen.session)
        }
        // A link that a grant names may be a virtual one.
        (
            Call::Wake { mac, link, .. },
            Call::Wake {
                mac: other,
                link: on,
                ..
            },
        ) => mac == other && link == on,
        (mine, seen) => mine == seen,
    })
}

proptest! {
    #[test]
    fn a_proposal_allows_exactly_what_was_observed_and_allowed(
        asked in prop::collection::vec(call(), 0..12),
        others in prop::collection::vec(call(), 0..40),
    ) {
        let (old, now) = (policy(POLICY), Timestamp::from_ms(5));
        let asked: Vec<Call> = asked.into_iter().flatten().collect();
        let mut record = observed();
        let mut seen = Vec::new();
        for call in &asked {
            let allowed = old.matcher().permits(call, now).is_ok();
            let verdict = if allowed { Verdict::Allowed } else { Verdict::Refused };
            record.note(call, verdict, now);
            seen.extend(allowed.then(|| call.clone()));
        }
        // As it comes from the file.
        let record = Observed::parse(&record.to_text()).unwrap();
        let text = propose("p.toml", POLICY, &record).unwrap();
        let proposal = policy(&text);
        for call in asked.iter().chain(others.iter().flatten()) {
            let allowed = proposal.matcher().permits(call, now).is_ok();
            prop_assert_eq!(allowed, is_covered(call, &seen), "{} in\n{}", call, text);
            prop_assert!(!allowed || old.matcher().permits(call, now).is_ok());
        }
        let wider = crate::policy::compare(&old, &proposal);
        prop_assert_eq!(wider.wider().count(), 0);
    }

    #[test]
    fn the_words_of_a_call_are_read_from_its_text(
        words in prop::collection::vec(prop_oneof!["\\PC{0,6}", "[\n\t\"\\\\ ]{1,3}"], 0..5),
    ) {
        let words = [vec!["exec".to_owned(), "/bin/a".to_owned()], words].concat();
        if let Ok(call) = Call::from_words(&words) {
            let read = split(&call.to_string()).unwrap();
            prop_assert_eq!(Call::from_words(&read), Ok(call));
        }
    }
}

#[test]
fn a_proposal_says_what_each_line_rests_on_and_gives_nothing_that_was_refused() {
    let mut record = observed();
    let mut note = |text: &str, verdict| {
        let call = Call::from_words(&split(text).unwrap()).unwrap();
        record.note(&call, verdict, Timestamp::from_ms(9));
    };
    note("files /etc/os-release", Verdict::Allowed);
    note("files /etc/os-release", Verdict::Allowed);
    note("files /etc/a link /etc/b", Verdict::Allowed);
    note("files /etc/shadow", Verdict::Refused);
    note("files /etc/x", Verdict::LedAstray);
    note("files /etc/*", Verdict::Allowed);
    record.peaks = Peaks {
        calls: 7,
        memory_bytes: 1_000_000,
        elapsed_us: 40_000,
        host_calls: 100,
        output_bytes: 10_000,
        state_bytes: 0,
    };
    let text = propose("p.toml", POLICY, &record).unwrap();
    for line in [
        "memory = \"1465 KiB\" # seen: 1000000 bytes",
        "deadline = \"160 ms\" # seen: 40 ms, times four",
        "host-calls = 150 # seen: 100",
        "cpu = { per-mille = 20, window = \"60 s\" }",
        "# Used 4 times.",
        "# Left out, for it can't be written: \"/etc/*\"",
        "  { root = \"/etc\", paths = [\"a\", \"b\", \"os-release\"] },",
        "reason = \"Reads what is \\\"set\\\".\"",
        "expires = 2099-12-31",
        "# Not used while it was observed, so it is left out:",
        "# capability = \"wake\"",
        "#   files /etc/shadow   refused 1 times",
        "#   files /etc/x   refused where a link led 1 times",
    ] {
        assert!(
            text.lines().any(|it| it == line),
            "{line} is not in\n{text}"
        );
    }
    let proposal = policy(&text);
    assert_eq!(proposal.grants.len(), 2, "one, and the denial");
    assert!(
        proposal
            .grants
            .iter()
            .any(|grant| grant.effect == Effect::Deny)
    );
    assert!(proposal.limits.memory < policy(POLICY).limits.memory);
}

#[test]
fn a_link_that_no_grant_names_is_not_named_for_it_could_be_a_virtual_one() {
    let open = POLICY.replace("links = [\"eth0\", \"eth1\"]\n", "");
    let mut record = observed();
    let words = ["wake", "52:54:00:00:00:07", "eth0"];
    let call = Call::from_words(&words).unwrap();
    record.note(&call, Verdict::Allowed, Timestamp::from_ms(9));
    let proposal = policy(&propose("p.toml", &open, &record).unwrap());
    assert_eq!(
        crate::policy::compare(&policy(&open), &proposal)
            .wider()
            .count(),
        0
    );
    let other = Call::from_words(&["wake", "52:54:00:00:00:08", "eth0"]).unwrap();
    let permits = |call| {
        proposal
            .matcher()
            .permits(call, Timestamp::from_ms(9))
            .is_ok()
    };
    assert!(permits(&call) && !permits(&other));
}

#[test]
fn what_a_plugin_waits_for_stays_whether_it_changed_or_not() {
    let grant = "[[grant]]\ncapability = \"watch\"\neffect = \"allow\"\nroots = [{ root = \"/srv\", \
                 paths = [\"*\"] }]\nreason = \"Waits.\"\napproved-by = \"alice\"\nrisk = \"low\"\n";
    let text = format!("{POLICY}\n{grant}");
    let proposal = policy(&propose("p.toml", &text, &observed()).unwrap());
    let call = Call::from_words(&["watch", "/srv/a"]).unwrap();
    let permitted = proposal.matcher().permits(&call, Timestamp::from_ms(9));
    assert!(permitted.is_ok(), "{permitted:?}");
}

#[test]
fn what_is_no_record_or_anothers_is_refused() {
    for text in ["", "{}", "x"] {
        assert!(Observed::parse(text).is_err(), "{text}");
    }
    let record = observed();
    let text = format!("{}x\n", record.to_text());
    assert!(Observed::parse(&text).is_err());
    let other = POLICY.replace("\"sample\"", "\"other\"");
    let error = propose("p.toml", &other, &record).unwrap_err();
    assert!(error.to_string().contains("`other`"), "{error}");
}
