//! A log that goes on from a head that somebody keeps.

use serde::{Deserialize, Serialize};

use super::{Head, Link};
use crate::digest::Sha256;

/// Most entries of one [`Proof`]. More come with the next.
pub const MOST_PROVEN: usize = 320;

/// That a log goes on from a head: the digests of the entries behind it, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Proof {
    /// Behind which entry it begins; none where it begins with the device's first.
    pub after: Option<Head>,
    /// Digests of the entries that follow, at most [`MOST_PROVEN`].
    #[serde(with = "digits")]
    pub entries: Vec<Sha256>,
}

/// What a proof says to whoever keeps a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The log goes on: this is its head now.
    On(Head),
    /// It is the log that is known, and nothing in it is new.
    Known,
}

/// Why a log does not go on from the head that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Parted {
    /// The entry of the known head is another one now.
    #[error("entry {0} of the log is not the one that was told: the log was written anew")]
    Rewritten(u64),
    /// The log ends before the known head.
    #[error(
        "the log has {last} as its last entry, and entry {known} was told before: it was cut, or \
         its device was set up anew or went back to an older copy of its data"
    )]
    Shortened {
        /// Number of the known head.
        known: u64,
        /// Last entry that is told now.
        last: u64,
    },
    /// Entries between are told by nobody.
    #[error("entries {from} to {until} of the log were not told: nothing can be said of them")]
    Gap {
        /// The first of them.
        from: u64,
        /// The last.
        until: u64,
    },
}

/// A proof that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it names no entry of a log, or more than {MOST_PROVEN}")]
pub struct Unproven;

impl Proof {
    /// The head to which it leads.
    ///
    /// # Errors
    /// It leads nowhere.
    pub fn head(&self) -> Result<Head, Unproven> {
        if self.entries.len() > MOST_PROVEN {
            return Err(Unproven);
        }
        self.heads().last().or(self.after).ok_or(Unproven)
    }

    /// Holds it against the head that is known.
    ///
    /// # Errors
    /// It is not the log that was known, or not all of it is told.
    pub fn follows(&self, known: &Head) -> Result<Followed, Parted> {
        let number_after = self.after.map_or(0, |after| after.number.saturating_add(1));
        if number_after > known.number.saturating_add(1) {
            return Err(Parted::Gap {
                from: known.number.saturating_add(1),
                until: number_after - 1,
            });
        }
        let told = self.after.into_iter().chain(self.heads());
        let mut last = None;
        for head in told {
            if head.number == known.number && head.link != known.link {
                return Err(Parted::Rewritten(known.number));
            }
            last = Some(head);
        }
        match last {
            Some(last) if last.number > known.number => Ok(Followed::On(last)),
            Some(last) if last.number == known.number => Ok(Followed::Known),
            Some(last) => Err(Parted::Shortened {
                known: known.number,
                last: last.number,
            }),
            None => Ok(Followed::Known),
        }
    }

    fn heads(&self) -> impl Iterator<Item = Head> {
        let begin = self.after.unwrap_or(Head {
            number: u64::MAX,
            link: Link::BEGINNING,
        });
        self.entries.iter().scan(begin, |head, entry| {
            // Before the first entry there is none, so its number is 0.
            head.number = head.number.wrapping_add(1);
            head.link = head.link.next_of(head.number, entry);
            Some(*head)
        })
    }
}

/// Digests one behind the other, 64 hexadecimal digits each.
mod digits {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::{MOST_PROVEN, Sha256};

    pub(super) fn serialize<S: Serializer>(
        entries: &[Sha256],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let all: String = entries.iter().map(Sha256::to_string).collect();
        serializer.serialize_str(&all)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Sha256>, D::Error> {
        let all = String::deserialize(deserializer)?;
        if all.len() > 64 * MOST_PROVEN {
            return Err(D::Error::custom("too many digests"));
        }
        all.as_bytes()
            .chunks(64)
            .map(|one| {
                let one = std::str::from_utf8(one).map_err(D::Error::custom)?;
                one.parse().map_err(D::Error::custom)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The heads of a log of `lines`.
    fn heads(lines: &[u8]) -> Vec<Head> {
        proof(None, lines).heads().collect()
    }

    fn proof(after: Option<Head>, lines: &[u8]) -> Proof {
        Proof {
            after,
            entries: lines.iter().map(|line| Sha256::of(&[*line])).collect(),
        }
    }

    proptest! {
        /// Who keeps a head and is told the rest follows; who is told the rest of another log
        /// does not, wherever the two part.
        #[test]
        fn a_log_goes_on_from_its_own_head_and_no_other(
            lines in prop::collection::vec(any::<u8>(), 1..20),
            keeps in any::<prop::sample::Index>(),
            changed in any::<prop::sample::Index>(),
            from in any::<prop::sample::Index>(),
        ) {
            let all = heads(&lines);
            let keeps = keeps.index(all.len());
            // Any part that begins at the head or before it.
            let from = from.index(keeps + 2);
            let after = from.checked_sub(1).map(|at| all[at]);
            let told = proof(after, &lines[from..]);
            let json = serde_json::to_string(&told).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Proof>(&json).unwrap(), &told);
            let last = all[all.len() - 1];
            prop_assert_eq!(told.head(), Ok(last));
            let expected = match last.number > all[keeps].number {
                true => Followed::On(last),
                false => Followed::Known,
            };
            prop_assert_eq!(told.follows(&all[keeps]), Ok(expected));

            let mut anew = lines.clone();
            let changed = changed.index(keeps + 1);
            anew[changed] = anew[changed].wrapping_add(1);
            let others = heads(&anew);
            let after = from.checked_sub(1).map(|at| others[at]);
            prop_assert_eq!(
                proof(after, &anew[from..]).follows(&all[keeps]),
                Err(Parted::Rewritten(all[keeps].number))
            );
        }
    }

    #[test]
    fn what_is_cut_or_not_told_is_said() {
        let all = heads(&[1, 2, 3, 4, 5]);
        let cut = Parted::Shortened { known: 4, last: 1 };
        assert_eq!(proof(None, &[1, 2]).follows(&all[4]), Err(cut));
        let gap = Parted::Gap { from: 1, until: 2 };
        assert_eq!(proof(Some(all[2]), &[4]).follows(&all[0]), Err(gap));
        assert_eq!(proof(None, &[]).head(), Err(Unproven));
        assert_eq!(proof(None, &[7; 321]).head(), Err(Unproven));
        assert!(serde_json::from_str::<Proof>(r#"{"after":null,"entries":"00"}"#).is_err());
    }
}
