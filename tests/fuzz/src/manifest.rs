//! The documents that a repository signs beside policies, and tokens: any text is read or
//! refused. A release that is read is written as one that says the same.

#![no_main]

use bailiwick_core::{
    action::Operators, assignment::Assignment, enrolment::Token, release::Release,
    revocation::Revocations,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(release) = Release::parse("release.toml", text) {
        let again = Release::parse("release.toml", &release.to_toml()).expect("what we wrote");
        assert_eq!(again, release);
    }
    let _ = Assignment::parse("assignment.toml", text);
    let _ = Revocations::parse("revocations.toml", text);
    let _ = Operators::parse("operators.toml", text);
    let _ = text.parse::<Token>();
});
