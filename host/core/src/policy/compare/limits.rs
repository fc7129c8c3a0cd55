//! Limits, schedule and sampling: numbers, of which the larger or the more frequent is wider.

use std::fmt::Display;

use super::{
    super::{Interval, Policy},
    Change, Direction, Subject,
};
use crate::{limits::CpuShare, time::Span};

pub(super) fn changes(old: &Policy, new: &Policy) -> Vec<Change> {
    let (was, is) = (&old.limits, &new.limits);
    let mut changes = Vec::new();
    changes.extend(larger(Subject::Memory, was.memory, is.memory));
    changes.extend(larger(Subject::Deadline, was.deadline, is.deadline));
    changes.extend(cpu(was.cpu, is.cpu));
    changes.extend(larger(Subject::Output, was.output, is.output));
    changes.extend(larger(Subject::HostCalls, was.host_calls, is.host_calls));
    changes.extend(larger(Subject::LogLines, was.log_lines, is.log_lines));
    changes.extend(larger(Subject::State, was.state, is.state));
    changes.extend(schedule(old.schedule, new.schedule));
    changes.extend(larger(
        Subject::Sessions,
        old.sampling.sessions,
        new.sampling.sessions,
    ));
    let (was, is) = (old.sampling.file_every, new.sampling.file_every);
    if was != is {
        let text = format!("a file every {is}, before every {was}");
        changes.push(Change::new(Subject::Files, Direction::Neither, text));
    }
    changes
}

fn larger<T: Ord + Display>(about: Subject, old: T, new: T) -> Option<Change> {
    let direction = match new.cmp(&old) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => Direction::Wider,
        std::cmp::Ordering::Less => Direction::Narrower,
    };
    let text = format!("from {old} to {new}");
    Some(Change::new(about, direction, text))
}

/// Both the share and what may be used at once count.
fn cpu(old: CpuShare, new: CpuShare) -> Vec<Change> {
    let shown = |share: CpuShare| {
        let (tenths, window) = (share.per_mille, share.window);
        format!("{}.{} % of a core over {window}", tenths / 10, tenths % 10)
    };
    let text = format!("from {} to {}", shown(old), shown(new));
    let wider = new.per_mille > old.per_mille || new.budget_ns() > old.budget_ns();
    let narrower = new.per_mille < old.per_mille || new.budget_ns() < old.budget_ns();
    [(wider, Direction::Wider), (narrower, Direction::Narrower)]
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, direction)| Change::new(Subject::Cpu, direction, text.clone()))
        .collect()
}

fn schedule(old: Option<Interval>, new: Option<Interval>) -> Option<Change> {
    let change = |direction, text| Some(Change::new(Subject::Schedule, direction, text));
    match (old, new) {
        (None, None) => None,
        (None, Some(new)) => change(
            Direction::Wider,
            format!("is now called every {}, before only when asked", new.every),
        ),
        (Some(old), None) => change(
            Direction::Narrower,
            format!("is now called only when asked, before every {}", old.every),
        ),
        (Some(old), Some(new)) if old.every != new.every => {
            let direction = match new.every < old.every {
                true => Direction::Wider,
                false => Direction::Narrower,
            };
            let text = format!(
                "is now called every {}, before every {}",
                new.every, old.every
            );
            change(direction, text)
        }
        (Some(old), Some(new)) if old.jitter != new.jitter => {
            let at_most = |jitter: Span| format!("by at most {jitter}");
            let text = format!(
                "calls are delayed {}, before {}",
                at_most(new.jitter),
                at_most(old.jitter)
            );
            change(Direction::Neither, text)
        }
        (Some(_), Some(_)) => None,
    }
}
