//! Patterns of an argument: letters and classes with bounded repetition, always of the
//! whole text. No alternatives, no groups, nothing unbounded: whoever reads a policy sees
//! what can pass, and matching takes time in proportion to pattern and text.

use std::{fmt, str::FromStr};

/// Longest pattern, in bytes.
const LONGEST_PATTERN: usize = 256;

/// Most repetitions of one class.
const MOST_TIMES: usize = 4_096;

/// A pattern such as `eth[0-9]{1,2}`.
#[derive(Clone, PartialEq, Eq)]
pub struct TextPattern {
    text: String,
    atoms: Vec<Atom>,
}

#[derive(Clone, PartialEq, Eq)]
struct Atom {
    ranges: Vec<(char, char)>,
    least: usize,
    most: usize,
}

/// Text that is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is no pattern: printable characters and classes like `[a-z0-9_-]`, each with at most one \
     count like `{{1,32}}` or `{{4}}`; `\\` before one of `[]{{}}\\` and before each of \
     `.*+?()|^$`, which have no meaning here"
)]
pub struct TextPatternError;

impl Atom {
    fn takes(&self, character: char) -> bool {
        self.ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&character))
    }

    fn is_within(&self, other: &Self) -> bool {
        let ranges_are = self.ranges.iter().all(|(first, last)| {
            let holds = |(least, most): &(char, char)| least <= first && last <= most;
            other.ranges.iter().any(holds)
        });
        ranges_are && other.least <= self.least && self.most <= other.most
    }
}

impl TextPattern {
    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let characters: Vec<char> = text.chars().collect();
        let mut here = vec![false; characters.len() + 1];
        here[0] = true;
        for atom in &self.atoms {
            here = after(atom, &here, &characters);
        }
        here.last() == Some(&true)
    }

    /// Whether everything that matches this is proven to match `other`: they are the same, or
    /// have the same number of atoms, each within its counterpart.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.atoms.len() == other.atoms.len()
            && self
                .atoms
                .iter()
                .zip(&other.atoms)
                .all(|(mine, other)| mine.is_within(other))
    }
}

/// Where the text can go on after `atom`, if it can begin at each of `here`.
fn after(atom: &Atom, here: &[bool], characters: &[char]) -> Vec<bool> {
    // How many characters from each position on the atom takes in a row.
    let mut run = vec![0_usize; here.len()];
    for at in (0..characters.len()).rev() {
        if atom.takes(characters[at]) {
            run[at] = run[at + 1] + 1;
        }
    }
    // Begins and ends of the spans that are reached, summed up at last.
    let mut change = vec![0_isize; here.len() + 1];
    for (at, run) in run.into_iter().enumerate() {
        let most = run.min(atom.most);
        if here[at] && most >= atom.least {
            change[at + atom.least] += 1;
            change[at + most + 1] -= 1;
        }
    }
    let mut open = 0;
    change[..here.len()]
        .iter()
        .map(|step| {
            open += step;
            open > 0
        })
        .collect()
}

impl FromStr for TextPattern {
    type Err = TextPatternError;

    fn from_str(text: &str) -> Result<Self, TextPatternError> {
        if text.is_empty() || text.len() > LONGEST_PATTERN || text.chars().any(char::is_control) {
            return Err(TextPatternError);
        }
        let mut rest = text.chars().peekable();
        let mut atoms = Vec::new();
        while let Some(character) = rest.next() {
            let ranges = match character {
                '[' => class(&mut rest)?,
                '\\' => {
                    let escaped = rest.next().filter(|c| c.is_ascii_punctuation());
                    let escaped = escaped.ok_or(TextPatternError)?;
                    vec![(escaped, escaped)]
                }
                // In other languages of patterns these mean something: nobody shall be wrong.
                ']' | '{' | '}' | '.' | '*' | '+' | '?' | '(' | ')' | '|' | '^' | '$' => {
                    return Err(TextPatternError);
                }
                character => vec![(character, character)],
            };
            let (least, most) = if rest.next_if_eq(&'{').is_some() {
                let count: String = rest.by_ref().take_while(|c| *c != '}').collect();
                times(&count)?
            } else {
                (1, 1)
            };
            atoms.push(Atom {
                ranges,
                least,
                most,
            });
        }
        // A count whose end is missing took the rest; one that is written out ends in `}`.
        let text = text.to_owned();
        Ok(Self { text, atoms })
    }
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What stands between `[` and `]`.
fn class(rest: &mut Rest<'_>) -> Result<Vec<(char, char)>, TextPatternError> {
    let mut ranges = Vec::new();
    loop {
        let first = match rest.next().ok_or(TextPatternError)? {
            ']' if !ranges.is_empty() => return Ok(ranges),
            '\\' => rest
                .next()
                .filter(|c| c.is_ascii_punctuation())
                .ok_or(TextPatternError)?,
            ']' | '[' | '^' => return Err(TextPatternError),
            character => character,
        };
        let mut ahead = rest.clone();
        let last = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' => {
                *rest = ahead;
                last
            }
            _ => first,
        };
        let plain =
            first == last || (first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric());
        if first > last || !plain {
            return Err(TextPatternError);
        }
        ranges.push((first, last));
    }
}

/// What stands between `{` and `}`.
fn times(text: &str) -> Result<(usize, usize), TextPatternError> {
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| text.parse().ok()).flatten();
        number
            .filter(|number| *number <= MOST_TIMES)
            .ok_or(TextPatternError)
    };
    let (least, most) = match text.split_once(',') {
        Some((least, most)) => (number(least)?, number(most)?),
        None => (number(text)?, number(text)?),
    };
    if least > most || most == 0 {
        return Err(TextPatternError);
    }
    Ok((least, most))
}

impl fmt::Display for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextPattern({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        pattern.parse::<TextPattern>().unwrap().matches(text)
    }

    #[test]
    fn the_whole_text_has_to_match() {
        for (pattern, text) in [
            ("[a-z]{1,32}", "nginx"),
            ("eth[0-9]{1,2}", "eth10"),
            ("a{0,2}ab", "aab"),
            (r"[0-9]{1,3}\.[0-9]{1,3}", "10.0"),
            ("[a-z0-9_-]{2}", "-_"),
            ("--name=[a-zé]{1,4}", "--name=é"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("[a-z]{1,32}", ""),
            ("[a-z]{1,32}", "nginx;"),
            ("[a-z]{1,32}", "nginx\n"),
            ("[a-z]{1,3}", "abcd"),
            ("eth[0-9]", "xeth0"),
            ("eth[0-9]", "eth"),
            (r"1\.2", "1x2"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn what_means_something_elsewhere_is_refused() {
        for text in [
            "",
            ".*",
            "a+",
            "a|b",
            "(a)",
            "^a",
            "a$",
            "[^a]",
            "[",
            "[]",
            "a{",
            "a{}",
            "a{2,1}",
            "a{0}",
            "a{1,9999}",
            "a{-1}",
            "a{1}{2}",
            "[z-a]",
            "[ -~]",
            "\\n",
            "a\\",
            "a]",
            "\u{7}",
        ] {
            assert_eq!(text.parse::<TextPattern>(), Err(TextPatternError), "{text}");
        }
        assert!(
            "a".repeat(LONGEST_PATTERN + 1)
                .parse::<TextPattern>()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_text_makes_it_panic(pattern in ".{0,40}", text in ".{0,60}") {
            if let Ok(pattern) = pattern.parse::<TextPattern>() {
                pattern.matches(&text);
            }
        }

        #[test]
        fn it_says_the_same_as_trying_every_way(
            atoms in prop::collection::vec(("[ab]", 0_usize..3, 0_usize..3), 1..4),
            text in "[ab]{0,7}",
        ) {
            let pattern: String = atoms
                .iter()
                .map(|(letter, least, more)| format!("[{letter}]{{{least},{}}}", least + more + 1))
                .collect();
            fn ways(atoms: &[(String, usize, usize)], text: &str) -> bool {
                let Some(((letter, least, more), rest)) = atoms.split_first() else {
                    return text.is_empty();
                };
                (*least..=least + more + 1).any(|count| {
                    text.strip_prefix(&letter.repeat(count)).is_some_and(|text| ways(rest, text))
                })
            }
            prop_assert_eq!(matches(&pattern, &text), ways(&atoms, &text));
        }
    }
}
