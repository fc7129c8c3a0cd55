//! Skips, noted where nobody overlooks them.

use std::{env, fs::OpenOptions, io::Write as _, path::Path};

/// The variable that names the file in which skips are noted, a line each. Not one of
/// `BAILIWICK_…`: those are settings, and the agent refuses what it does not know.
pub const SKIPPED: &str = "SKIPPED_TESTS_FILE";

/// Where a skip is no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// With `CI=true` it is one: everything can be installed there.
    OutsideCi,
    /// Nowhere: nothing that can be installed would bring it.
    Everywhere,
}

/// Notes that `untested` is not tested for want of `missing`.
///
/// # Panics
///
/// Where a skip is a failure.
pub(crate) fn skip(missing: &str, untested: &str, rule: Rule) {
    let line = format!("{missing} is missing; not tested: {untested}");
    let in_ci = env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(
        !is_failure(rule, in_ci),
        "{line}. With CI=true a skip is a failure"
    );
    eprintln!("skipped: {line}");
    if let Some(file) = env::var_os(SKIPPED) {
        note(Path::new(&file), &line);
    }
}

fn is_failure(rule: Rule, in_ci: bool) -> bool {
    in_ci && rule == Rule::OutsideCi
}

/// Appended in one write, so that tests side by side do not mix their lines.
fn note(file: &Path, line: &str) {
    let noted = OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    if let Err(error) = noted {
        panic!("the skip can't be noted in {}: {error}", file.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_installed_must_be_there_in_ci() {
        assert!(is_failure(Rule::OutsideCi, true));
        assert!(!is_failure(Rule::OutsideCi, false));
        assert!(!is_failure(Rule::Everywhere, true));
    }

    #[test]
    fn each_skip_is_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skipped");
        note(&file, "one");
        note(&file, "two");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "one\ntwo\n");
    }
}
