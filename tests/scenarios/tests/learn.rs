//! A plugin is observed on a device, and a policy proposed of what it asked for.

#![cfg(unix)]

use std::fs;

use bailiwick_core::policy::{
    Policy, Relation, compare,
    learn::{Observed, Verdict, propose},
};
use bailiwick_scenarios::Desk;

#[test]
fn what_a_plugin_asks_for_under_its_policy_becomes_the_least_one() {
    let mut desk = Desk::new();
    desk.report_each_second();
    let _console = desk.console();
    let folder = desk.path("device").join("observed");
    let settings = format!(
        "{}observe-dir = \"{}\"\n",
        desk.settings(),
        folder.display()
    );
    fs::write(desk.path("device.toml"), settings).expect("the folder is ours");
    let mut agent = desk.agent();
    agent.event("delivered");
    // What is new is written when the agent ends, too.
    agent.stop();
    let file = folder.join("pressure-0.2.0.observed");

    let text = fs::read_to_string(&file).expect("it is there");
    let observed = Observed::parse(&text).expect("it is a record");
    assert!(
        observed.peaks.calls > 0 && observed.peaks.memory_bytes > 0,
        "{text}"
    );
    let allowed = |text: &str| {
        let is_it = |(call, verdict, count): (bailiwick_core::policy::Call, Verdict, u64)| {
            call.to_string() == text && verdict == Verdict::Allowed && count > 0
        };
        observed.calls().any(is_it)
    };
    assert!(allowed("files /proc/loadavg"), "{text}");

    let policy = include_str!("../../../policies/pressure.toml");
    let proposal = propose("pressure.toml", policy, &observed).expect("a proposal");
    let (old, new) = (policy, proposal.as_str());
    let read = |text| Policy::parse("pressure.toml", text).expect("a policy");
    let comparison = compare(&read(old), &read(new));
    assert_eq!(comparison.relation(), Relation::Narrower, "{proposal}");
}
