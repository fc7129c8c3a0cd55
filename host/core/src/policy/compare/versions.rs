//! Which versions of a plugin a policy is for.

use semver::{Comparator, Op, VersionReq};

type Triple = (u64, u64, u64);

/// From the first version on, up to the second and without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: Triple,
    below: Option<Triple>,
}

/// Whether every version that `mine` accepts is proven to be accepted by `other`.
pub(super) fn is_within(mine: &VersionReq, other: &VersionReq) -> bool {
    if mine == other {
        return true;
    }
    let (Some(mine), Some(other)) = (range(mine), range(other)) else {
        return false;
    };
    let ends_within = match (mine.below, other.below) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(mine), Some(other)) => mine <= other,
    };
    other.from <= mine.from && ends_within
}

/// `None` where versions before a release are named: they follow rules of their own.
fn range(of: &VersionReq) -> Option<Range> {
    let mut all = Range {
        from: (0, 0, 0),
        below: None,
    };
    for comparator in &of.comparators {
        let one = one(comparator)?;
        all.from = all.from.max(one.from);
        all.below = match (all.below, one.below) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    Some(all)
}

/// The rules of Cargo, which are those of the crate `semver`.
fn one(comparator: &Comparator) -> Option<Range> {
    if !comparator.pre.is_empty() {
        return None;
    }
    let (major, minor, patch) = (comparator.major, comparator.minor, comparator.patch);
    let least = (major, minor.unwrap_or(0), patch.unwrap_or(0));
    // The first version after those that begin with what is written.
    let after = match (minor, patch) {
        (Some(minor), Some(patch)) => (major, minor, patch.checked_add(1)?),
        (Some(minor), None) => (major, minor.checked_add(1)?, 0),
        (None, _) => (major.checked_add(1)?, 0, 0),
    };
    let next_minor = |minor: u64| Some((major, minor.checked_add(1)?, 0));
    let (from, below) = match comparator.op {
        Op::Exact | Op::Wildcard => (least, Some(after)),
        Op::Greater => (after, None),
        Op::GreaterEq => (least, None),
        Op::Less => ((0, 0, 0), Some(least)),
        Op::LessEq => ((0, 0, 0), Some(after)),
        Op::Tilde => match minor {
            Some(minor) => (least, Some(next_minor(minor)?)),
            None => (least, Some(after)),
        },
        Op::Caret => match (major, minor, patch) {
            (0, Some(0), Some(_) | None) => (least, Some(after)),
            (0, Some(minor), _) => (least, Some(next_minor(minor)?)),
            (_, _, _) => (least, Some((major.checked_add(1)?, 0, 0))),
        },
        // An operator of a later version of the crate.
        _ => return None,
    };
    Some(Range { from, below })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use semver::Version;

    use super::*;

    #[test]
    fn ranges_within_each_other_are_told() {
        for (mine, other, within) in [
            ("^0.1", "^0.1", true),
            ("^0.1", ">=0.1, <0.2", true),
            (">=0.1, <0.2", "^0.1", true),
            (">=0.1, <0.3", "^0.1", false),
            ("~1.2", "^1", true),
            ("=1.2.3", "1.2.*", true),
            ("^1.2", "^1.3", false),
            ("<=1.4", "<1.5", true),
            ("^0.0.3", "=0.0.3", true),
            ("^1.0.0-rc.1", "^1", false),
        ] {
            let read = |text: &str| text.parse().unwrap();
            assert_eq!(
                is_within(&read(mine), &read(other)),
                within,
                "{mine} {other}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_within_accepts_nothing_more(
            mine in "(=|>|>=|<|<=|~|\\^)[0-2](\\.[0-2](\\.[0-2])?)?(, (<|<=)[0-3](\\.[0-2])?)?",
            other in "(=|>|>=|<|<=|~|\\^)[0-2](\\.[0-2](\\.[0-2])?)?",
        ) {
            let (mine, other): (VersionReq, VersionReq) =
                (mine.parse().unwrap(), other.parse().unwrap());
            if is_within(&mine, &other) {
                for number in 0..64 {
                    let version = Version::new(number / 16, number / 4 % 4, number % 4);
                    prop_assert!(!mine.matches(&version) || other.matches(&version), "{}", version);
                }
            }
        }
    }
}
