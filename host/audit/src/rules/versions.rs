//! Requirements on versions that reach over a break, and versions that are assigned in vain.

use bailiwick_core::policy::Policy;
use semver::Version;

use super::Case;
use crate::{PolicyFile, Rule};

pub(super) fn judge(case: &mut Case<'_>, file: &PolicyFile) {
    let policy = file.policy();
    if let Some((first, second)) = two_series(policy) {
        let text = format!(
            "`{}` holds for {first} and for {second}, which break with each other",
            policy.versions
        );
        case.find(Rule::WideVersions, file.place("versions"), text);
    }
    if let Some(release) = &case.subject.release
        && release.assigned.is_some()
        && let Some(why) = &release.forbidden
    {
        let text = format!("version {} is {why}", release.version);
        case.find(Rule::Forbidden, file.place("plugin"), text);
    }
    if let Some(release) = &case.subject.release
        && release.assigned.is_some()
        && !policy.versions.matches(&release.version)
    {
        let text = format!(
            "version {} is none of `{}`",
            release.version, policy.versions
        );
        case.find(Rule::OutsideVersions, file.place("versions"), text);
    }
}

/// Two versions of different series that the policy covers. A requirement begins and ends at
/// the versions that it names, so what it covers is covered at or beside one of these.
fn two_series(policy: &Policy) -> Option<(Version, Version)> {
    let mut covered: Vec<Version> = policy
        .versions
        .comparators
        .iter()
        .flat_map(|named| {
            let (major, minor) = (named.major, named.minor.unwrap_or(0));
            let patch = named.patch.unwrap_or(0);
            let mut near = vec![
                Version::new(major, minor, patch),
                Version::new(major, minor, patch + 1),
                Version::new(major, minor + 1, 0),
                Version::new(major + 1, 0, 0),
            ];
            near.extend(
                major
                    .checked_sub(1)
                    .map(|major| Version::new(major, u64::MAX, u64::MAX)),
            );
            near.extend(
                minor
                    .checked_sub(1)
                    .map(|minor| Version::new(major, minor, u64::MAX)),
            );
            near.extend(
                patch
                    .checked_sub(1)
                    .map(|patch| Version::new(major, minor, patch)),
            );
            near
        })
        // Everything below the least that is named.
        .chain([
            Version::new(0, 0, 0),
            Version::new(0, 0, 1),
            Version::new(0, 1, 0),
        ])
        .filter(|version| policy.versions.matches(version))
        .collect();
    covered.sort();
    let first = covered.first()?.clone();
    let other = covered
        .into_iter()
        .find(|version| series(version) != series(&first))?;
    Some((first, shown(other)))
}

/// The end of a series is no version that anybody knows.
fn shown(version: Version) -> Version {
    match (version.minor, version.patch) {
        (u64::MAX, _) => Version::new(version.major, 0, 0),
        (minor, u64::MAX) => Version::new(version.major, minor, 0),
        _ => version,
    }
}

/// What is compatible as Cargo has it: the first number that is not 0, and those before it.
fn series(version: &Version) -> (u64, u64, u64) {
    match (version.major, version.minor) {
        (0, 0) => (0, 0, version.patch),
        (0, minor) => (0, minor, 0),
        (major, _) => (major, 0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(requirement: &str) -> bool {
        let text = include_str!("../../../core/fixtures/policy.toml");
        let mut policy = Policy::parse("p.toml", text).unwrap();
        policy.versions = requirement.parse().unwrap();
        let found = two_series(&policy);
        if let Some((first, second)) = &found {
            assert!(policy.versions.matches(first), "{requirement}: {first}");
            assert_ne!(series(first), series(second), "{requirement}");
        }
        found.is_some()
    }

    #[test]
    fn a_requirement_is_wide_if_it_covers_two_series() {
        for narrow in [
            "^0.1",
            "=0.1.3",
            "~1.2",
            "^1.2.3",
            "1.*",
            ">=1.2, <2",
            ">=0.1.2, <0.2",
            ">=0.1, <=0.1.7",
            "0.1.*",
            ">=0.0.3, <0.0.4",
            ">0.1.4, <0.2.0",
        ] {
            assert!(!wide(narrow), "{narrow}");
        }
        for broad in [
            ">=0.1, <0.3",
            "<1",
            "0.*",
            "<2",
            ">=1, <3",
            ">=0.1, <=0.2",
            ">=1.5, <2.1",
            "~0",
            "^0",
            ">=0.0.3, <0.0.5",
            "<=1.0.0",
            ">0.1, <1",
        ] {
            assert!(wide(broad), "{broad}");
        }
    }
}
