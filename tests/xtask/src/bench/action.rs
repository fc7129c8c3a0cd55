//! How long an operator waits for the answer of a device that is connected: from the console
//! taking a signed action in until the console hears how it ended. Between lie the console's
//! ledger, its broker, all checks of the agent, what it writes down before and after, and the
//! handler.
//!
//! The bound is held against `run-program`, which runs `uptime` under the project's own
//! policy: how long the program took with all that holds it is shown beneath. So is what
//! `wake-on-lan` takes to answer how fit the device is, for which no program is started.
//!
//! Both ends are times of the console's clock, in whole milliseconds; the client's start and
//! its TLS handshake are not in them. Actions are signed beforehand and sent one by one.

use std::{path::PathBuf, time::Duration};

use anyhow::ensure;
use serde_json::Value;

use super::{Bench, device::Device, table::Figure};
use crate::operator::Operator;

pub(super) const PROGRAM: (&str, &str) = ("run-program", r#"{"program":"/usr/bin/uptime"}"#);
/// The address is one for documentation (RFC 5737).
pub(super) const FITNESS: (&str, &str) = ("wake-on-lan", r#"{"fitness":{"target":"192.0.2.7"}}"#);
const ACTIONS: usize = 200;
const ACTIONS_SHORT: usize = 20;
/// These come first and are not counted: the plugin is started, and files are read once.
const BEFORE: usize = 3;
/// For a plugin to be fetched and started.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn measure(bench: &Bench, _: &str) -> anyhow::Result<Vec<Figure>> {
    let desk = bench.desk("action")?;
    let handlers = [PROGRAM.0, FITNESS.0];
    for handler in handlers {
        desk.add_with(handler, |_| None)?;
    }
    let operator = Operator::make(&desk, &handlers)?;
    let mut device = Device::begin_over_mqtt(desk)?;
    for _ in handlers {
        device.wait(PATIENCE, "start of a handler", |event| {
            event["event"] == "plugin-started"
        })?;
    }
    let actions = if bench.short { ACTIONS_SHORT } else { ACTIONS };
    let program = answers(&mut device, &operator, PROGRAM, actions)?;
    let fitness = answers(&mut device, &operator, FITNESS, actions)?;
    device.end()?;
    let took = sorted(&program, |answer| answer.ms);
    let ran = sorted(&program, |answer| answer.ran_ms);
    let fitness = sorted(&fitness, |answer| answer.ms);
    Ok(vec![
        Figure::new("action-median", at(&took, 50)),
        Figure::new("action-p99", at(&took, 99)),
        Figure::new("action-least-ms", at(&took, 0)),
        Figure::new("action-longest-ms", at(&took, 100)),
        Figure::new("action-program-median-ms", at(&ran, 50)),
        Figure::new("action-no-program-median-ms", at(&fitness, 50)),
        Figure::new("action-no-program-p99-ms", at(&fitness, 99)),
        Figure::new("actions-of-each", actions as f64),
    ])
}

/// What came of one action.
struct Answer {
    /// From sent to heard.
    ms: i64,
    /// How long the program ran, with what holds it; 0 if none did.
    ran_ms: i64,
}

fn answers(
    device: &mut Device,
    operator: &Operator,
    order: (&str, &str),
    actions: usize,
) -> anyhow::Result<Vec<Answer>> {
    let id = device.id()?;
    let signed: Vec<PathBuf> = (0..BEFORE + actions)
        .map(|number| operator.sign(&format!("{}-{number}", order.0), &id, order))
        .collect::<anyhow::Result<_>>()?;
    let mut answers = Vec::with_capacity(signed.len());
    for envelope in &signed {
        let action = operator.send(&device.desk, &device.address, envelope)?;
        let told = operator.watch(&device.desk, &action)?;
        let outcome = &told["outcome"];
        ensure!(outcome["ended"] == "done", "{action}: {told}");
        let result: Value = serde_json::from_str(outcome["result"].as_str().unwrap_or_default())?;
        let (sent, heard) = operator.times(&device.desk, &action)?;
        answers.push(Answer {
            ms: heard - sent,
            ran_ms: result["elapsed-ms"].as_i64().unwrap_or_default(),
        });
        // What the agent tells meanwhile is read, so that it never waits.
        device.rest(Duration::ZERO)?;
    }
    Ok(answers.split_off(BEFORE))
}

fn sorted(answers: &[Answer], of: impl Fn(&Answer) -> i64) -> Vec<i64> {
    let mut all: Vec<i64> = answers.iter().map(of).collect();
    all.sort_unstable();
    all
}

/// The value below or at which so many of a hundred are; 0 is the least.
fn at(sorted: &[i64], per_cent: usize) -> f64 {
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted[rank - 1] as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_of_a_hundred_is_the_nearest_from_above() {
        let all: Vec<i64> = (1..=200).collect();
        let ranks = [0, 50, 99, 100].map(|per_cent| at(&all, per_cent));
        assert_eq!(ranks, [1.0, 100.0, 198.0, 200.0]);
        assert_eq!(at(&[7], 50), 7.0);
    }
}
