//! What no plugin may ever pass, seen from outside.

use bailiwick_core::{
    decision::{AT_ONCE, DISTINCT, LONGEST_CALL},
    limits::Limits,
    policy::learn::MOST_CALLS,
};

use super::run::Saw;
use crate::bridge::log::LINE;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Bound {
    /// Memories, tables and host buffers within `memory`.
    Memory,
    /// No call ends well after `deadline`.
    Deadline,
    /// No result of a call over `output`.
    Output,
    /// No more than `host-calls` are answered in a call.
    HostCalls,
    /// No more than `log-lines` in a call, and the notice.
    LogLines,
    /// One line is one line, not too long, that no terminal obeys.
    Line,
    /// What is kept within `state`.
    State,
    /// A call that computes lets others run meanwhile.
    GivingWay,
    /// What a handler tells, told no more than four times a second.
    Words,
    /// Few starts in ten minutes.
    Starts,
    /// Few entries of the log in a moment.
    Entries,
    /// An entry that names no user and no secret, not too long.
    Entry,
    /// Few calls that are told apart while it is observed.
    Observed,
}

/// Most starts of a plugin that fails, within ten minutes: the first, and one after each of
/// four failures; the fifth suspends it for as long.
const STARTS: u32 = 5;

/// What nothing in an entry may tell: a user of whom a guest knows, and what it calls a secret.
const UNTOLD: [&str; 2] = ["alice", "hunter2"];

const ALL: [Bound; 13] = [
    Bound::Memory,
    Bound::Deadline,
    Bound::Output,
    Bound::HostCalls,
    Bound::LogLines,
    Bound::Line,
    Bound::State,
    Bound::GivingWay,
    Bound::Words,
    Bound::Starts,
    Bound::Entries,
    Bound::Entry,
    Bound::Observed,
];

impl Saw {
    /// Which bounds were passed.
    pub(super) fn broken(&self, limits: &Limits) -> Vec<Bound> {
        let is_broken = |bound: &Bound| match bound {
            Bound::Memory => self.memory > limits.memory,
            Bound::Deadline => self.longest_that_ended_well > limits.deadline.get(),
            Bound::Output => self.longest_output > limits.output,
            Bound::HostCalls => self.most_host_calls > u64::from(limits.host_calls) + 1,
            Bound::LogLines => self.most_lines > u64::from(limits.log_lines) + 1,
            Bound::Line => self
                .lines
                .iter()
                .any(|line| line.len() > LINE || line.chars().any(char::is_control)),
            Bound::State => self.kept > limits.state,
            Bound::GivingWay => self.kept_the_thread,
            Bound::Words => self.words_too_soon > 0,
            Bound::Starts => self.starts > STARTS,
            Bound::Entries => self.entries.len() > DISTINCT + AT_ONCE as usize,
            Bound::Entry => self.entries.iter().any(|entry| {
                entry.len() > LONGEST_CALL || UNTOLD.iter().any(|word| entry.contains(word))
            }),
            Bound::Observed => self.observed > MOST_CALLS,
        };
        ALL.into_iter().filter(is_broken).collect()
    }
}
