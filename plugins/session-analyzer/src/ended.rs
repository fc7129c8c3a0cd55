//! Which processes ended since the sample before, and how.

use std::collections::BTreeMap;

use bailiwick_sdk::processes::{Ending, Process};

/// Signals by which the kernel ends a program that did what it must not: ILL, TRAP, ABRT,
/// BUS, FPE, SEGV, SYS.
const CRASHES: [u8; 7] = [4, 5, 6, 7, 8, 11, 31];
/// Bytes of a process in what is saved.
const SAVED: usize = 14;

/// One process, told from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Life {
    pub(crate) pid: u32,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) started: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It is gone, or ended by itself: of most that is all that can be told.
    Ended,
    /// By a signal that says what it did.
    Crash(u8),
    /// By another signal.
    Killed(u8),
}

impl How {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Crash(_) => "crash",
            Self::Killed(_) => "killed",
        }
    }

    pub(crate) fn signal(self) -> Option<u32> {
        match self {
            Self::Ended => None,
            Self::Crash(signal) | Self::Killed(signal) => Some(signal.into()),
        }
    }
}

/// The processes of the last sample; whether each had ended by then.
#[derive(Debug, Default)]
pub(crate) struct Lives(BTreeMap<Life, bool>);

impl Lives {
    /// Takes over the processes of a sample; which of them, and of those before, ended since
    /// the last one. Each is told once: at first none is.
    pub(crate) fn follow<'a>(
        &mut self,
        processes: impl Iterator<Item = Process<'a>>,
    ) -> Vec<(Life, How)> {
        let mut before = std::mem::take(&mut self.0);
        let mut ended = Vec::new();
        for process in processes {
            let life = Life {
                pid: process.id,
                started: process.started,
            };
            let told = before.remove(&life).unwrap_or(false);
            let how = match process.ending {
                Ending::None => None,
                Ending::Ended => Some(How::Ended),
                Ending::Signal(signal) if CRASHES.contains(&signal) => Some(How::Crash(signal)),
                Ending::Signal(signal) => Some(How::Killed(signal)),
            };
            if let Some(how) = how.filter(|_| !told) {
                ended.push((life, how));
            }
            self.0.insert(life, how.is_some());
        }
        let gone = before.into_iter().filter(|(_, told)| !told);
        ended.extend(gone.map(|(life, _)| (life, How::Ended)));
        ended
    }

    /// What the next version needs so that no end is missed.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        for (life, told) in &self.0 {
            out.extend_from_slice(&life.pid.to_le_bytes());
            out.extend_from_slice(&life.started.to_le_bytes());
            out.extend_from_slice(&[u8::from(*told), 0]);
        }
    }

    pub(crate) fn load(saved: &[u8]) -> Option<Self> {
        let (lives, rest) = saved.as_chunks::<SAVED>();
        if !rest.is_empty() {
            return None;
        }
        let life = |saved: &[u8; SAVED]| {
            let (pid, rest) = saved.split_first_chunk()?;
            let (started, told) = rest.split_first_chunk()?;
            let life = Life {
                pid: u32::from_le_bytes(*pid),
                started: u64::from_le_bytes(*started),
            };
            match told {
                [0, 0] => Some((life, false)),
                [1, 0] => Some((life, true)),
                _ => None,
            }
        };
        lives.iter().map(life).collect::<Option<_>>().map(Self)
    }
}
