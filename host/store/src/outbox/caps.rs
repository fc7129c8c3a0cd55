//! How much may wait, and who makes room.

use std::time::Duration;

use bailiwick_core::{bytes::ByteCount, run_time::RunTime};

use super::outgoing::{Lane, What};

const DAY: Duration = Duration::from_secs(86_400);

/// How much may wait. Sizes count what is kept beside the bytes that are sent, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Everything together.
    pub bytes: ByteCount,
    /// Of each lane, in the order of [`Lane::ALL`].
    pub lanes: [LaneCap; 3],
}

/// How much of one kind may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneCap {
    /// All of the kind together.
    pub bytes: ByteCount,
    /// How long one may wait, in time that the agent runs: see [`RunTime`] for why.
    pub age: Duration,
}

impl Caps {
    /// 64 MiB in all, of which files take at most 32. A month of reports and outcomes, a
    /// week of files.
    pub const DEFAULT: Self = Self {
        bytes: ByteCount::mib(64),
        lanes: [
            LaneCap {
                bytes: ByteCount::mib(64),
                age: DAY.saturating_mul(30),
            },
            LaneCap {
                bytes: ByteCount::mib(64),
                age: DAY.saturating_mul(30),
            },
            LaneCap {
                bytes: ByteCount::mib(32),
                age: DAY.saturating_mul(7),
            },
        ],
    };

    /// The cap of `lane`.
    pub const fn of(&self, lane: Lane) -> LaneCap {
        self.lanes[lane.index()]
    }

    /// Whether something of `lane` that was put at `put` has waited too long.
    pub fn is_aged(&self, lane: Lane, put: RunTime, now: RunTime) -> bool {
        now.since(put) > self.of(lane).age
    }

    /// Whose oldest must go so that `extra` more bytes of `lane` fit beside `held` (bytes
    /// that each lane holds now); `Ok(None)` if they fit.
    ///
    /// What is less urgent goes first, files before all; what is more urgent than the
    /// newcomer never goes for it.
    ///
    /// # Errors
    /// No one is left that may go: the newcomer does not fit.
    pub fn victim(&self, held: [u64; 3], lane: Lane, extra: u64) -> Result<Option<Lane>, NoRoom> {
        let own = held[lane.index()];
        let stays = Lane::ALL.iter().filter(|other| **other < lane);
        let stays: u64 = stays.map(|other| held[other.index()]).sum();
        if extra > self.of(lane).bytes.get() || stays.saturating_add(extra) > self.bytes.get() {
            return Err(NoRoom);
        }
        if own.saturating_add(extra) > self.of(lane).bytes.get() {
            return Ok(Some(lane));
        }
        let all = held
            .iter()
            .fold(extra, |sum, held| sum.saturating_add(*held));
        if all <= self.bytes.get() {
            return Ok(None);
        }
        Lane::ALL
            .into_iter()
            .rev()
            .filter(|other| *other >= lane)
            .find(|other| held[other.index()] > 0)
            .map(Some)
            .ok_or(NoRoom)
    }
}

/// Something does not fit, whoever goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Why something will never be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It waited longer than [`LaneCap::age`].
    Age,
    /// [`Caps`] had no room for it, or it had to make room.
    Bytes,
    /// It is longer than [`Lane::longest`].
    Length,
}

impl DropReason {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Age => "it waited too long for the console",
            Self::Bytes => "the outbox is full: look why nothing is sent (`bailiwick status`)",
            Self::Length => "it is longer than the console takes",
        }
    }
}

/// Something that will never be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// What it was.
    pub what: What,
    /// Its idempotency key.
    pub key: String,
    /// Its size on disk.
    pub bytes: u64,
    /// Why it went.
    pub reason: DropReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps() -> Caps {
        let cap = |bytes| LaneCap {
            bytes: ByteCount::new(bytes),
            age: DAY,
        };
        Caps {
            bytes: ByteCount::new(100),
            lanes: [cap(100), cap(100), cap(50)],
        }
    }

    #[test]
    fn files_go_first_and_outcomes_last() {
        let caps = caps();
        let go = |held, lane, extra| caps.victim(held, lane, extra);
        assert_eq!(go([40, 30, 20], Lane::Outcomes, 10), Ok(None));
        assert_eq!(go([40, 30, 30], Lane::Outcomes, 1), Ok(Some(Lane::Files)));
        assert_eq!(go([40, 60, 0], Lane::Outcomes, 1), Ok(Some(Lane::Reports)));
        assert_eq!(go([99, 0, 0], Lane::Outcomes, 2), Ok(Some(Lane::Outcomes)));
    }

    #[test]
    fn nothing_more_urgent_goes_for_something_less_urgent() {
        let caps = caps();
        assert_eq!(caps.victim([50, 50, 0], Lane::Files, 1), Err(NoRoom));
        assert_eq!(caps.victim([100, 0, 0], Lane::Reports, 1), Err(NoRoom));
        let own = caps.victim([0, 0, 50], Lane::Files, 1);
        assert_eq!(own, Ok(Some(Lane::Files)), "its own cap");
    }

    #[test]
    fn what_never_fits_makes_nobody_go() {
        assert_eq!(caps().victim([0, 50, 0], Lane::Files, 51), Err(NoRoom));
        assert_eq!(caps().victim([0, 0, 50], Lane::Files, 51), Err(NoRoom));
        assert_eq!(caps().victim([50, 40, 10], Lane::Reports, 51), Err(NoRoom));
    }
}
