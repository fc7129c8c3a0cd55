//! What was found, and where.

use std::fmt;

use crate::Rule;

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// By which rule.
    pub rule: Rule,
    /// Where to look.
    pub place: Place,
    /// What exactly, as one sentence without a full stop. May repeat what the component and
    /// the policy call things.
    pub text: String,
}

/// A place in a policy, or a file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// As it was named by who asked.
    pub file: String,
    /// Within it.
    pub at: Option<Position>,
}

/// A character of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl Place {
    /// A whole file.
    pub fn file(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            at: None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.at.map_or(Ok(()), |Position { line, column }| {
            write!(f, ":{line}:{column}")
        })
    }
}
