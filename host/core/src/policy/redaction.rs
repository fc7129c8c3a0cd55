//! How much a plugin sees of a field that tells of a person.

use std::{borrow::Cow, fmt, num::NonZeroU16};

/// How much of a value is seen, from nothing to all: whoever may see more of it may also be
/// shown less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redaction {
    /// Nothing: the plugin is told of no value.
    #[default]
    Dropped,
    /// A digest under a key of the device, which it does not give away. Equal values have
    /// equal digests on one device, and others on another one.
    Hashed,
    /// Its first characters, at most so many.
    Truncated(NonZeroU16),
    /// All of it.
    Whole,
}

impl Redaction {
    /// Most characters that a policy may leave: a command line has no more bytes.
    pub const LONGEST: u16 = 4_096;

    /// What is seen of `value`; `hash` makes its digest.
    pub fn of(self, value: &str, hash: impl FnOnce(&str) -> String) -> Option<Cow<'_, str>> {
        match self {
            Self::Dropped => None,
            Self::Hashed => Some(Cow::Owned(hash(value))),
            Self::Truncated(most) => {
                let end = value.char_indices().nth(usize::from(most.get()));
                let end = end.map_or(value.len(), |(end, _)| end);
                Some(Cow::Borrowed(&value[..end]))
            }
            Self::Whole => Some(Cow::Borrowed(value)),
        }
    }

    /// After `:` in the words of a call; none of it is nothing or all.
    pub(super) fn asked(self) -> Option<String> {
        match self {
            Self::Hashed => Some("hash".to_owned()),
            Self::Truncated(most) => Some(most.to_string()),
            Self::Dropped | Self::Whole => None,
        }
    }

    /// Reads what follows a `:`.
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "hash" => Some(Self::Hashed),
            number => {
                let most: NonZeroU16 = number.parse().ok()?;
                (most.get() <= Self::LONGEST).then_some(Self::Truncated(most))
            }
        }
    }
}

/// How a digest is told to a plugin: `h-` and the first 16 of its bytes in hexadecimal digits.
/// No two values of a device share them by chance.
pub fn pseudonym(digest: &[u8]) -> String {
    let bytes = digest.iter().take(16);
    bytes.fold("h-".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Goes on after the name of the field: `hashed`.
impl fmt::Display for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => f.write_str("dropped"),
            Self::Hashed => f.write_str("hashed"),
            Self::Truncated(most) => write!(f, "cut to {most} characters"),
            Self::Whole => f.write_str("as it is"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(most: u16) -> Redaction {
        Redaction::Truncated(NonZeroU16::new(most).unwrap())
    }

    #[test]
    fn each_shows_as_much_as_it_says() {
        let seen = |redaction: Redaction| {
            redaction
                .of("jörg", |value| format!("<{}>", value.len()))
                .map(Cow::into_owned)
        };
        assert_eq!(seen(Redaction::Dropped), None);
        assert_eq!(seen(Redaction::Hashed).as_deref(), Some("<5>"));
        assert_eq!(seen(cut(2)).as_deref(), Some("jö"));
        assert_eq!(seen(cut(9)).as_deref(), Some("jörg"));
        assert_eq!(seen(Redaction::Whole).as_deref(), Some("jörg"));
    }

    #[test]
    fn they_are_in_order_from_nothing_to_all() {
        let order = [
            Redaction::Dropped,
            Redaction::Hashed,
            cut(1),
            cut(2),
            cut(Redaction::LONGEST),
            Redaction::Whole,
        ];
        assert!(order.is_sorted_by(|one, next| one < next));
        for redaction in order {
            let read = redaction.asked().and_then(|word| Redaction::parse(&word));
            assert!(read.is_none_or(|read| read == redaction));
        }
        assert_eq!(Redaction::parse("0"), None);
        assert_eq!(Redaction::parse("4097"), None);
    }
}
