//! Where things lie in the outbox's table. All that a commit writes is in one: each table that
//! it changes costs it some pages more.
//!
//! ```text
//! lane (1 byte, from 0 on), sequence number (8 bytes, big-endian)   an entry's record
//! 254, name of the plugin                                           what its report sender remembers
//! 255                                                               the ledger
//! ```

use std::ops::RangeInclusive;

use bailiwick_core::ids::PluginName;

use super::{Lane, Ticket};
use crate::keys::{number_of, numbered};

/// Of the ledger.
pub(super) const LEDGER: &[u8] = &[255];

/// Of what the report sender of `plugin` remembers.
pub(crate) fn sender(plugin: &PluginName) -> Vec<u8> {
    [&[254], plugin.as_str().as_bytes()].concat()
}

/// As redb takes it.
pub(super) fn range(places: &RangeInclusive<[u8; 9]>) -> RangeInclusive<&[u8]> {
    places.start().as_slice()..=places.end().as_slice()
}

impl Ticket {
    /// Of its entry.
    pub(super) fn place(self) -> [u8; 9] {
        let mut place = [self.lane.number(); 9];
        place[1..].copy_from_slice(&numbered(self.sequence));
        place
    }

    /// Whose place this is.
    pub(super) fn at(place: &[u8]) -> Option<Self> {
        let (number, sequence) = place.split_first()?;
        Some(Self {
            lane: Lane::ALL
                .into_iter()
                .find(|lane| lane.number() == *number)?,
            sequence: number_of(sequence),
        })
    }
}

impl Lane {
    const fn number(self) -> u8 {
        match self {
            Self::Outcomes => 0,
            Self::Reports => 1,
            Self::Files => 2,
        }
    }

    /// Of its entries from number `first` on.
    pub(super) fn places_from(self, first: u64) -> RangeInclusive<[u8; 9]> {
        let of = |sequence| {
            Ticket {
                lane: self,
                sequence,
            }
            .place()
        };
        of(first)..=of(u64::MAX)
    }
}
