//! Which paths a files grant covers.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// A root that a files grant names, and the paths beneath it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRoot {
    /// Absolute path of a directory, without a slash at the end (`/sys`), or `/`.
    pub root: String,
    /// Paths beneath the root. A path that none matches is outside the grant.
    pub patterns: Vec<PathPattern>,
}

/// A relative path in which `*` stands for one part, or a piece of one, and a last part
/// `**` for any number of parts, at least one. Names that begin with a dot are names
/// like others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(pub(super) Vec<String>);

/// Longest path and longest pattern, in bytes: what the contract's `files` allows.
pub const LONGEST_PATH: usize = 4_096;

/// Text that is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// More than [`LONGEST_PATH`] bytes.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// It begins with a slash.
    #[error("it is absolute, and paths are relative to their root")]
    Absolute,
    /// It does not begin with a slash, and must.
    #[error("it is not absolute")]
    NotAbsolute,
    /// It has an empty, `.` or `..` part.
    #[error("it has an empty, `.` or `..` part")]
    Part,
    /// `**` stands elsewhere than alone in the last part.
    #[error("`**` stands alone and last, or not at all")]
    DoubleStar,
    /// A character that other tools treat as a pattern, or a control character.
    #[error("it has {0:?}, and only `*` has a meaning in paths")]
    Character(char),
}

impl FileRoot {
    /// The folders that hold what the patterns mean, where they have stars in their last parts
    /// alone.
    pub(super) fn folders(&self) -> impl Iterator<Item = String> {
        self.patterns.iter().map(|pattern| {
            let mut folder = self.root.trim_end_matches('/').to_owned();
            let parts = pattern.0.split_last().map_or(&[][..], |(_, before)| before);
            for part in parts {
                folder.push('/');
                folder.push_str(part);
            }
            match folder.is_empty() {
                true => "/".to_owned(),
                false => folder,
            }
        })
    }
}

impl PathPattern {
    /// The parts, of which only the last can be `**`.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether it has no `*`.
    pub fn is_literal(&self) -> bool {
        !self.0.iter().any(|part| part.contains('*'))
    }

    /// Whether it covers the relative path `path`, which has no empty, `.` or `..` part.
    pub fn matches(&self, path: &str) -> bool {
        self.match_parts(path, false)
    }

    /// Whether it covers `path` or a directory that holds it: what a denial means.
    pub fn matches_or_holds(&self, path: &str) -> bool {
        self.match_parts(path, true)
    }

    fn match_parts(&self, path: &str, or_holds: bool) -> bool {
        let mut parts = path.split('/');
        for pattern in &self.0 {
            let Some(part) = parts.next() else {
                return false;
            };
            if pattern == "**" {
                return true;
            }
            if !matches_part(pattern.as_bytes(), part.as_bytes()) {
                return false;
            }
        }
        or_holds || parts.next().is_none()
    }
}

/// Whether `pattern`, in which `*` stands for any bytes, is `part`. It goes back to the
/// last `*` only, so its time is at most the product of both lengths.
fn matches_part(pattern: &[u8], part: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while seen < part.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, seen));
            at += 1;
        } else if pattern.get(at) == Some(&part[seen]) {
            at += 1;
            seen += 1;
        } else if let Some((star_at, taken)) = star {
            star = Some((star_at, taken + 1));
            at = star_at + 1;
            seen = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST_PATH {
            return Err(PatternError::TooLong);
        }
        if text.starts_with('/') {
            return Err(PatternError::Absolute);
        }
        let odd = |c: &char| c.is_control() || "?[]{}\\".contains(*c);
        if let Some(c) = text.chars().find(odd) {
            return Err(PatternError::Character(c));
        }
        let parts: Vec<_> = text.split('/').map(str::to_owned).collect();
        for (n, part) in parts.iter().enumerate() {
            if matches!(part.as_str(), "" | "." | "..") {
                return Err(PatternError::Part);
            }
            if part.contains("**") && (part != "**" || n + 1 != parts.len()) {
                return Err(PatternError::DoubleStar);
            }
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// An absolute path in which stars stand as in [`PathPattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsolutePattern(PathPattern);

impl AbsolutePattern {
    /// Whether it covers `path`. One that is not absolute is covered by none.
    pub fn matches(&self, path: &str) -> bool {
        let relative = path.strip_prefix('/');
        relative.is_some_and(|path| self.0.matches(path))
    }

    /// Parts, of which the last may be `**`.
    pub(super) fn depth(&self) -> usize {
        self.0.0.len()
    }

    /// Whether it covers every path.
    pub fn is_everything(&self) -> bool {
        self.0.0 == ["**"]
    }

    /// See [`samples`].
    pub(super) fn samples(&self, depths: &BTreeSet<usize>) -> Vec<String> {
        samples(&self.to_string(), depths)
    }
}

/// Paths that stand for all that an absolute pattern covers, for whoever knows no pattern of
/// other [`depth`]s than `depths` and its own: whoever covers these covers all, since only a
/// star takes the character that stands in them for each star, and what a star takes can be
/// anything.
pub(super) fn samples(absolute: &str, depths: &BTreeSet<usize>) -> Vec<String> {
    /// Refused in patterns and roots, and accepted in paths.
    const ANYTHING: &str = "\u{1}";
    let begin = absolute.strip_suffix("**").unwrap_or(absolute);
    let stands = begin.replace('*', ANYTHING);
    if begin.len() == absolute.len() {
        return vec![stands];
    }
    // Each number of parts may be covered by another pattern. Where no pattern has so many,
    // nor one fewer, the same ones cover as with one part fewer.
    let first = depth(absolute);
    let known = depths.iter().copied().chain([first]);
    let asked: BTreeSet<usize> = known.flat_map(|depth| [depth, depth + 1]).collect();
    asked
        .range(first..)
        .map(|parts| {
            let more = vec![ANYTHING; parts - first + 1];
            format!("{stands}{}", more.join("/"))
        })
        .collect()
}

/// Parts of an absolute path or pattern; a last `**` is one.
pub(super) fn depth(absolute: &str) -> usize {
    absolute.matches('/').count()
}

impl FromStr for AbsolutePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let relative = text.strip_prefix('/').ok_or(PatternError::NotAbsolute)?;
        relative.parse().map(Self)
    }
}

impl fmt::Display for AbsolutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_absolute_pattern_is_shown_as_it_is_read_and_stands_for_what_it_covers() {
        for text in ["/usr/bin/a", "/opt/**", "/opt/*/bin/x*"] {
            let pattern: AbsolutePattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), text);
            let samples = pattern.samples(&BTreeSet::from([1, 5]));
            assert!(samples.iter().all(|path| pattern.matches(path)));
        }
        for (text, error) in [
            ("usr/bin/a", PatternError::NotAbsolute),
            ("", PatternError::NotAbsolute),
            ("/", PatternError::Part),
            ("//a", PatternError::Absolute),
            ("/a/../b", PatternError::Part),
        ] {
            assert_eq!(text.parse::<AbsolutePattern>(), Err(error), "{text}");
        }
        let opt: AbsolutePattern = "/opt/**".parse().unwrap();
        let parts = |depths: &[usize]| -> Vec<_> {
            let samples = opt.samples(&depths.iter().copied().collect());
            samples.iter().map(|path| depth(path)).collect()
        };
        assert_eq!(parts(&[1]), [2, 3]);
        assert_eq!(parts(&[3, 6]), [2, 3, 4, 6, 7]);
        assert!(!opt.matches("opt/x") && !opt.matches("/opt") && !opt.matches(""));
    }

    fn covers(pattern: &str, path: &str) -> bool {
        pattern.parse::<PathPattern>().unwrap().matches(path)
    }

    #[test]
    fn a_star_stays_within_its_part() {
        assert!(covers("class/dmi/id/*", "class/dmi/id/product_name"));
        assert!(!covers("class/dmi/id/*", "class/dmi/id"));
        assert!(!covers("class/dmi/id/*", "class/dmi/id/power/state"));
        assert!(covers(
            "*/current/meta/snap.yaml",
            "core20/current/meta/snap.yaml"
        ));
        assert!(covers("a*c*", "abcd"));
        assert!(covers("*", ".hidden"));
        assert!(!covers("a*c", "abcd"));
        assert!(!covers("a*b*b", "ab"));
        assert!(covers("passwd", "passwd"));
        assert!(!covers("passwd", "passwd-"));
    }

    #[test]
    fn two_stars_stand_for_one_part_or_more() {
        assert!(covers("app/**", "app/x"));
        assert!(covers("app/**", "app/x/y/z"));
        assert!(!covers("app/**", "app"));
        assert!(!covers("app/**", "apps/x"));
        assert!(covers("**", "x"));
    }

    #[test]
    fn what_others_treat_as_patterns_is_refused() {
        for (text, error) in [
            ("", PatternError::Part),
            ("a//b", PatternError::Part),
            ("a/../b", PatternError::Part),
            ("./a", PatternError::Part),
            ("a/", PatternError::Part),
            ("/a", PatternError::Absolute),
            ("**/a", PatternError::DoubleStar),
            ("a**", PatternError::DoubleStar),
            ("a?", PatternError::Character('?')),
            ("a\\b", PatternError::Character('\\')),
            ("a\0", PatternError::Character('\0')),
        ] {
            assert_eq!(text.parse::<PathPattern>(), Err(error), "{text}");
        }
    }

    /// The same meaning, written for shortness.
    fn slow(pattern: &[u8], part: &[u8]) -> bool {
        match pattern.split_first() {
            None => part.is_empty(),
            Some((b'*', rest)) => (0..=part.len()).any(|n| slow(rest, &part[n..])),
            Some((byte, rest)) => part
                .split_first()
                .is_some_and(|(p, tail)| p == byte && slow(rest, tail)),
        }
    }

    proptest! {
        #[test]
        fn parts_match_as_defined(pattern in "[ab*]{0,8}", part in "[ab]{0,10}") {
            prop_assert_eq!(
                matches_part(pattern.as_bytes(), part.as_bytes()),
                slow(pattern.as_bytes(), part.as_bytes())
            );
        }

        #[test]
        fn patterns_read_what_they_write(text in "[a-z*.]{1,3}(/[a-z*.]{1,3}){0,3}") {
            if let Ok(pattern) = text.parse::<PathPattern>() {
                prop_assert_eq!(pattern.to_string(), text);
            }
        }
    }
}
