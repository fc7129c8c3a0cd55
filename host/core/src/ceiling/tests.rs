use proptest::prelude::*;

use super::*;
use crate::{policy::Access, time::Timestamp};

fn policy() -> Policy {
    let text = include_str!("../../fixtures/policy.toml");
    Policy::parse("inventory.toml", text).unwrap()
}

const GOOD: &str = r#"format = 1
[[ceiling]]
deny-files = [{ root = "/etc", paths = ["passwd"] }]
reason = "Names of people."
[[ceiling]]
plugin = "inventory"
deny = ["network", "state"]
limits = { memory = "1 MiB", cpu-per-mille = 10 }
reason = "A small machine."
"#;

#[test]
fn what_the_owner_takes_is_gone_and_says_so() {
    let ceiling = Ceiling::parse("ceiling.toml", GOOD).unwrap();
    let narrowed = narrow(&policy(), &ceiling);
    let now = Timestamp::EPOCH;
    let Access::Denied(denial) = narrowed.access(Capability::Network, now) else {
        panic!("linked")
    };
    assert_eq!(
        denial.to_string(),
        "line 5 of the owner's ceiling denies it"
    );
    assert_eq!(narrowed.access(Capability::State, now), Access::Absent);
    assert_eq!(narrowed.access(Capability::System, now), Access::Linked);
    assert!(narrowed.files().file("/etc/passwd", now).is_err());
    assert!(narrowed.files().file("/etc/group", now).is_ok());
    assert_eq!(narrowed.limits.memory, ByteCount::mib(1));
    assert_eq!(narrowed.limits.output, ByteCount::mib(1));
    assert_eq!(narrowed.limits.cpu.per_mille, 10);
    assert_eq!(narrowed.limits.host_calls, policy().limits.host_calls);
}

#[test]
fn an_entry_for_another_plugin_takes_nothing() {
    let text = GOOD
        .replace("\"inventory\"", "\"other\"")
        .replace("\"passwd\"", "\"nothing\"");
    let narrowed = narrow(&policy(), &Ceiling::parse("c", &text).unwrap());
    assert_eq!(
        narrowed.access(Capability::Network, Timestamp::EPOCH),
        Access::Linked
    );
    assert_eq!(narrowed.limits, policy().limits);
}

#[test]
fn refusals_say_where_and_what_to_write() {
    for (from, to, expected) in [
        (
            "deny = ",
            "allow = ",
            "c:7:1: `allow` is not a key of `[[ceiling]]`",
        ),
        (
            "\"network\"",
            "\"telepathy\"",
            "c:7:9: `deny` can't be `\"telepathy\"`",
        ),
        ("10 }", "0 }", "c:8:46: `cpu-per-mille` can't be `0`"),
        ("1 MiB", "1 B", "c:8:21: `memory` can't be"),
        (
            "deny-files = [{ root = \"/etc\", paths = [\"passwd\"] }]\n",
            "",
            "c:2:1: this entry takes nothing",
        ),
        (
            "reason = \"Names of people.\"\n",
            "",
            "c:2:1: `reason` is missing",
        ),
    ] {
        let refused = Ceiling::parse("c", &GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
}

fn entries() -> impl Strategy<Value = Ceiling> {
    let pattern = prop::sample::select(vec!["passwd", "*", "**", "class/dmi/id/*", "status"]);
    let root = prop::sample::select(vec!["/", "/etc", "/sys", "/var/lib/dpkg"]);
    let file = (root, pattern).prop_map(|(root, pattern)| FileRoot {
        root: root.to_owned(),
        patterns: vec![pattern.parse().unwrap()],
    });
    let limits = (
        prop::option::of(0_u64..1 << 26),
        prop::option::of(1_u16..1_000),
        prop::option::of(1_u32..100_000),
        prop::option::of(0_u64..1 << 26),
    )
        .prop_map(|(size, cpu, number, output)| LimitsCeiling {
            memory: size.map(ByteCount::new),
            deadline: None,
            cpu_per_mille: cpu,
            output: output.map(ByteCount::new),
            host_calls: number,
            log_lines: number,
            state: size.map(ByteCount::new),
        });
    let entry = (
        prop::sample::subsequence(Capability::ALL.to_vec(), 0..7),
        prop::collection::vec(file, 0..3),
        limits,
        any::<bool>(),
    )
        .prop_map(|(deny, deny_files, limits, named)| CeilingEntry {
            plugin: named.then(|| "inventory".parse().unwrap()),
            deny,
            deny_files,
            limits,
            reason: "A test.".to_owned(),
            line: 1,
        });
    prop::collection::vec(entry, 0..3).prop_map(|entries| Ceiling { entries })
}

proptest! {
    #[test]
    fn a_ceiling_never_widens(
        ceiling in entries(),
        path in prop::sample::select(vec![
            "/etc/passwd", "/etc/shadow", "/sys/class/dmi/id/x", "/var/lib/dpkg/status", "/root/x",
        ]),
    ) {
        let before = policy();
        let after = narrow(&before, &ceiling);
        let now = Timestamp::EPOCH;
        let rank = |access| match access {
            Access::Absent => 0,
            Access::Denied(_) => 1,
            Access::Linked => 2,
        };
        for capability in Capability::ALL {
            prop_assert!(rank(after.access(capability, now)) <= rank(before.access(capability, now)));
        }
        if after.files().file(path, now).is_ok() {
            prop_assert!(before.files().file(path, now).is_ok());
        }
        let (a, b) = (after.limits, before.limits);
        prop_assert!(a.memory <= b.memory && a.deadline <= b.deadline && a.output <= b.output);
        prop_assert!(a.cpu.budget_ns() <= b.cpu.budget_ns() && a.state <= b.state);
        prop_assert!(a.host_calls <= b.host_calls && a.log_lines <= b.log_lines);
        prop_assert_eq!(narrow(&after, &ceiling).limits, after.limits);
    }
}
