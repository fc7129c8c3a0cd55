//! Components: any bytes are inspected or refused, and what is found can be told and judged.

#![no_main]

use std::sync::LazyLock;

use bailiwick_audit::{inspect, render, visible};
use bailiwick_core::{audit::verdict, policy::Policy, time::Timestamp};
use libfuzzer_sys::fuzz_target;

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = include_str!("../../../policies/inventory.toml");
    Policy::parse("policy.toml", text).expect("a policy of this repository")
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(inspection) = inspect(bytes) {
        let today = Timestamp::from_ms(1_800_000_000_000);
        let verdict = verdict(&inspection.component_imports(), &POLICY, today);
        let told = render(&inspection, Some(&verdict));
        // Names that a vendor chose must not steer the terminal of whoever reads them.
        let steers = |c: char| c.is_control() && c != '\n';
        assert!(!told.contains(steers), "{told:?}");
        assert!(!visible(&told).contains(char::is_control));
    }
});
