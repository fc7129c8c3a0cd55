//! The chain through a device's log: each entry's link is a digest of the entry's digest, of
//! its number and of the link before, so that an entry that is edited, removed or moved breaks
//! it.
//!
//! Whoever can write the log can also make a new chain from any entry on. What they can't
//! change is a [`Head`] that was told elsewhere before, to the console for example: a log
//! that agrees with it is the one of that time, and what came after. Whoever keeps a head is
//! told the next one with a [`Proof`]: the digests of the entries between, so that they can
//! follow the chain without having the entries.

mod proof;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::digest::{Sha256, Sha256Error};
pub use proof::{Followed, MOST_PROVEN, Parted, Proof, Unproven};

/// What every link is made of, beside its entry: never a digest of anything else.
const DOMAIN: &[u8] = b"bailiwick log 2\0";

/// The link of one entry: an entry's own, with all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link(Sha256);

impl Link {
    /// Before the first entry.
    pub const BEGINNING: Self = Self(Sha256::from_bytes([0; 32]));

    /// As it is kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Sha256::from_bytes(bytes))
    }

    /// To keep it.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The link of the entry after this one's.
    pub fn next(&self, number: u64, entry: &[u8]) -> Self {
        self.next_of(number, &Sha256::of(entry))
    }

    /// The same of an entry of which only the digest is known.
    pub fn next_of(&self, number: u64, entry: &Sha256) -> Self {
        let mut text = [0; DOMAIN.len() + 32 + 8 + 32];
        let (domain, rest) = text.split_at_mut(DOMAIN.len());
        let (before, rest) = rest.split_at_mut(32);
        let (place, digest) = rest.split_at_mut(8);
        domain.copy_from_slice(DOMAIN);
        before.copy_from_slice(self.as_bytes());
        place.copy_from_slice(&number.to_le_bytes());
        digest.copy_from_slice(entry.as_bytes());
        Self(Sha256::of(&text))
    }
}

/// The last entry of a log at some time: `312:ab12…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Head {
    /// Number of the entry.
    pub number: u64,
    /// Its link.
    pub link: Link,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.link.0)
    }
}

impl From<Head> for String {
    fn from(head: Head) -> Self {
        head.to_string()
    }
}

impl TryFrom<String> for Head {
    type Error = HeadError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Text that is no [`Head`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// No number and no colon.
    #[error("`{0}` is no head of a log: it takes a number, a colon and 64 hexadecimal digits")]
    Form(String),
    /// The digest.
    #[error(transparent)]
    Digest(#[from] Sha256Error),
}

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || HeadError::Form(text.chars().take(100).collect());
        let (number, link) = text.split_once(':').ok_or_else(form)?;
        Ok(Self {
            number: number.parse().map_err(|_| form())?,
            link: Link(link.parse()?),
        })
    }
}

/// One entry as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number.
    pub number: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its link; none where it is gone.
    pub link: Option<Link>,
}

/// Where a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// At the device's first entry.
    AtFirst,
    /// Behind this one, which made room with all before it.
    After(Head),
}

/// How much a log keeps before its oldest entries make room: as long as it has no more than
/// `entries`, or no more than `bytes`, nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Entries.
    pub entries: u64,
    /// Their bytes, without links.
    pub bytes: u64,
    /// Bytes of the longest entry.
    pub longest: u64,
}

impl Room {
    /// For where nobody knows what made room.
    pub const UNKNOWN: Self = Self {
        entries: 0,
        bytes: 0,
        longest: 0,
    };

    /// Whether the oldest of so many entries of so many bytes has to make room.
    pub const fn is_short(&self, entries: u64, bytes: u64) -> bool {
        entries > self.entries && bytes > self.bytes
    }

    /// Whether a log can look so after some have made room.
    const fn fits(&self, entries: u64, bytes: u64) -> bool {
        entries >= self.entries && bytes.saturating_add(self.longest) >= self.bytes
    }
}

/// What was found of a log that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Entries in it.
    pub entries: u64,
    /// The last one that made room; none where the log has its first.
    pub made_room: Option<u64>,
    /// The last; none in an empty log.
    pub head: Option<Head>,
}

/// Why a log is not what was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// Its bytes do not fit its link.
    #[error("entry {0} was changed, or the one before it")]
    Changed(u64),
    /// A number is missing.
    #[error("entry {expected} is missing: {found} comes in its place")]
    Missing {
        /// What should come.
        expected: u64,
        /// What comes.
        found: u64,
    },
    /// It has no link.
    #[error("entry {0} is not in the chain: its link was removed")]
    Unlinked(u64),
    /// Older ones can't have made room yet.
    #[error("entries up to {until} are missing, and the {entries} that are left had room for them")]
    Shortened {
        /// The last that is missing.
        until: u64,
        /// How many are left.
        entries: u64,
    },
    /// It ends before an entry that was told of.
    #[error("entry {told} was there, and the log ends before it")]
    Ends {
        /// Number of the head that was told.
        told: u64,
    },
    /// That entry is another one now.
    #[error("entry {0} is not the one that was told of: the log was written anew")]
    Rewritten(u64),
    /// That entry made room since.
    #[error("entry {0}, which was told of, is no longer kept: nothing can be said of it")]
    Forgotten(u64),
}

/// Follows a log that keeps `room` from where it `begins`, and holds it against `told`, a head
/// that was noted elsewhere.
///
/// # Errors
/// The first place where it is not what was kept.
pub fn verify<'a>(
    begins: Begins,
    entries: impl IntoIterator<Item = Entry<'a>>,
    room: Room,
    told: Option<&Head>,
) -> Result<Whole, Broken> {
    let (mut link, mut expected) = match begins {
        Begins::AtFirst => (Link::BEGINNING, 0),
        Begins::After(head) => (head.link, head.number.saturating_add(1)),
    };
    let mut seen = match (begins, told) {
        (Begins::After(head), Some(told)) => told.number == head.number && told.link == head.link,
        _ => false,
    };
    let mut whole = Whole {
        entries: 0,
        made_room: match begins {
            Begins::AtFirst => None,
            Begins::After(head) => Some(head.number),
        },
        head: None,
    };
    let mut bytes = 0_u64;
    for entry in entries {
        if entry.number != expected {
            return Err(Broken::Missing {
                expected,
                found: entry.number,
            });
        }
        let kept = entry.link.ok_or(Broken::Unlinked(entry.number))?;
        link = link.next(entry.number, entry.bytes);
        if kept != link {
            return Err(Broken::Changed(entry.number));
        }
        if let Some(told) = told.filter(|told| told.number == entry.number) {
            if told.link != link {
                return Err(Broken::Rewritten(told.number));
            }
            seen = true;
        }
        expected = expected.saturating_add(1);
        whole.entries += 1;
        bytes = bytes.saturating_add(entry.bytes.len() as u64);
        whole.head = Some(Head {
            number: entry.number,
            link,
        });
    }
    if let Begins::After(head) = begins
        && !room.fits(whole.entries, bytes)
    {
        return Err(Broken::Shortened {
            until: head.number,
            entries: whole.entries,
        });
    }
    match told {
        Some(told) if !seen && told.number >= expected => Err(Broken::Ends { told: told.number }),
        Some(told) if !seen => Err(Broken::Forgotten(told.number)),
        _ => Ok(whole),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOM: Room = Room {
        entries: 4,
        bytes: 12,
        longest: 9,
    };

    /// A log as it is kept after `lines`, the last of them that find [`ROOM`].
    fn kept(lines: &[Vec<u8>]) -> (Begins, Vec<(u64, Vec<u8>, Link)>) {
        let mut link = Link::BEGINNING;
        let mut all = Vec::new();
        for (number, line) in (0..).zip(lines) {
            link = link.next(number, line);
            all.push((number, line.clone(), link));
        }
        let bytes = |all: &[(u64, Vec<u8>, Link)]| -> u64 {
            all.iter().map(|(_, line, _)| line.len() as u64).sum()
        };
        let mut cut = 0;
        while ROOM.is_short((all.len() - cut) as u64, bytes(&all[cut..])) {
            cut += 1;
        }
        let rest = all.split_off(cut);
        let begins = all.last().map_or(Begins::AtFirst, |(number, _, link)| {
            Begins::After(Head {
                number: *number,
                link: *link,
            })
        });
        (begins, rest)
    }

    fn check(
        begins: Begins,
        log: &[(u64, Vec<u8>, Link)],
        told: Option<&Head>,
    ) -> Result<Whole, Broken> {
        let entries = log.iter().map(|(number, bytes, link)| Entry {
            number: *number,
            bytes,
            link: Some(*link),
        });
        verify(begins, entries, ROOM, told)
    }

    proptest! {
        #[test]
        fn what_was_kept_is_whole_and_any_change_of_it_is_found(
            lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..9),
            at in any::<prop::sample::Index>(),
            other in any::<prop::sample::Index>(),
        ) {
            let (begins, log) = kept(&lines);
            let whole = check(begins, &log, None).unwrap();
            prop_assert_eq!(whole.entries, log.len() as u64);
            let head = whole.head.unwrap();
            prop_assert_eq!(head.to_string().parse::<Head>(), Ok(head));
            prop_assert_eq!(check(begins, &log, Some(&head)), Ok(whole));
            let (at, other) = (at.index(log.len()), other.index(log.len()));

            let mut edited = log.clone();
            edited[at].1.push(7);
            prop_assert!(check(begins, &edited, None).is_err());

            let mut shorter = log.clone();
            shorter.remove(at);
            prop_assert!(check(begins, &shorter, Some(&head)).is_err());

            let mut moved = log.clone();
            moved.swap(at, other);
            prop_assert_eq!(check(begins, &moved, None).is_err(), at != other);

            // Whoever makes the whole chain anew is found by the head that was told.
            let mut anew = lines.clone();
            let changed = anew.len() - log.len() + at;
            anew[changed].push(7);
            let (begins, log) = kept(&anew);
            prop_assert!(check(begins, &log, None).is_ok());
            prop_assert_eq!(
                check(begins, &log, Some(&head)),
                Err(Broken::Rewritten(head.number))
            );
        }
    }

    #[test]
    fn what_made_room_is_told_from_what_was_removed() {
        let lines: Vec<Vec<u8>> = (0..6).map(|n| vec![n; 3]).collect();
        let (begins, mut log) = kept(&lines);
        let first = log.remove(0);
        let begins_later = Begins::After(Head {
            number: first.0,
            link: first.2,
        });
        assert_eq!(
            check(begins_later, &log, None),
            Err(Broken::Shortened {
                until: 2,
                entries: 3
            })
        );
        let told = |number| Head {
            number,
            link: Link::BEGINNING,
        };
        let (_, log) = kept(&lines);
        assert_eq!(
            check(begins, &log, Some(&told(0))),
            Err(Broken::Forgotten(0))
        );
        assert_eq!(
            check(begins, &log, Some(&told(9))),
            Err(Broken::Ends { told: 9 })
        );
    }

    #[test]
    fn text_that_is_no_head_is_refused() {
        for text in ["", "7", ":", "x:00", "7:00"] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
