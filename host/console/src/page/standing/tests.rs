use bailiwick_core::{
    digest::Sha256,
    ids::GenerationId,
    rollout::{Generation, Transition, Wanted},
};
use serde_json::json;

use super::*;

const NOW: i64 = 1_795_000_000_000;

fn latest(id: i64, plugin: Option<&str>, body: Value) -> Latest {
    Latest {
        happened: Happened {
            id,
            device: "00".repeat(16),
            plugin: plugin.map(str::to_owned),
            event: body["event"].as_str().unwrap().to_owned(),
            at_ms: NOW - 1_000 + id,
            words: String::new(),
            body,
        },
        count: 1,
    }
}

fn reporting(taken_ms: i64) -> Installed {
    Installed {
        plugin: "inventory".to_owned(),
        version: "0.1.0".to_owned(),
        reports: 1,
        bytes: 1,
        taken_ms,
        received_ms: taken_ms,
    }
}

fn judge(latest: &[Latest], installed: &[Installed]) -> Standing {
    Standing::judge(latest, installed, NOW, NOW)
}

fn of_inventory(bodies: &[Value]) -> Vec<Latest> {
    let bodies = bodies.iter().enumerate();
    bodies
        .map(|(id, body)| latest(id as i64, Some("inventory"), body.clone()))
        .collect()
}

/// The very words of the agent's rollout.
fn awaits_approval() -> Value {
    let transition = Transition::AwaitsApproval {
        generation: Generation {
            id: GenerationId(4),
            wanted: Wanted {
                version: "0.3.0".parse().unwrap(),
                release: Sha256::of(b""),
                policy: Sha256::of(b""),
            },
        },
        difference: vec!["network: links".to_owned(), "files: /etc/shadow".to_owned()],
        running: Some("0.2.0".parse().unwrap()),
    };
    json!({ "event": "refused", "version": "0.3.0", "reason": transition.to_string() })
}

#[test]
fn what_a_version_asks_for_is_read_from_the_agents_own_words() {
    let standing = judge(&of_inventory(&[awaits_approval()]), &[reporting(NOW)]);
    let approvals: Vec<_> = standing.approvals().collect();
    assert_eq!(approvals.len(), 1);
    assert_eq!(approvals[0].version, "0.3.0");
    assert_eq!(approvals[0].asks, ["network: links", "files: /etc/shadow"]);
    assert_eq!(approvals[0].meanwhile, "0.2.0 keeps running");
}

#[test]
fn a_restart_with_the_version_before_leaves_an_approval_waiting() {
    let started = |version: &str| json!({ "event": "plugin-started", "version": version });
    let waits = of_inventory(&[awaits_approval(), started("0.2.0")]);
    assert_eq!(judge(&waits, &[]).approvals().count(), 1);
    for settled in [
        started("0.3.0"),
        json!({ "event": "swapped", "from": "0.2.0", "to": "0.3.0" }),
        json!({ "event": "stopped" }),
    ] {
        let settled = of_inventory(&[awaits_approval(), settled]);
        assert_eq!(judge(&settled, &[]).approvals().count(), 0, "{settled:?}");
    }
}

#[test]
fn another_refusal_is_a_problem_and_no_approval() {
    let refused = json!({ "event": "refused", "version": "0.3.0", "reason": "not signed" });
    let standing = judge(&of_inventory(&[refused]), &[]);
    assert_eq!(standing.approvals().count(), 0);
    assert_eq!(standing.troubles().count(), 1);
}

#[test]
fn a_report_taken_later_shows_that_calls_succeed_again() {
    let failed = of_inventory(&[json!({ "event": "call-failed", "reason": "trap" })]);
    let at = failed[0].happened.at_ms;
    assert_eq!(judge(&failed, &[reporting(at - 1)]).troubles().count(), 1);
    assert_eq!(judge(&failed, &[reporting(at)]).troubles().count(), 0);
}

#[test]
fn what_runs_is_what_was_started_last_or_else_what_reports() {
    let running = |bodies: &[Value]| {
        let standing = judge(&of_inventory(bodies), &[reporting(NOW)]);
        standing.plugins["inventory"].running.clone()
    };
    assert_eq!(running(&[]).as_deref(), Some("0.1.0"));
    let swapped = json!({ "event": "swapped", "to": "0.2.0" });
    assert_eq!(
        running(std::slice::from_ref(&swapped)).as_deref(),
        Some("0.2.0")
    );
    let back = json!({ "event": "went-back", "to": "0.1.0" });
    assert_eq!(running(&[swapped, back]).as_deref(), Some("0.1.0"));
    assert_eq!(running(&[json!({ "event": "stopped" })]), None);
}

#[test]
fn troubles_of_the_device_last_until_they_are_put_right() {
    let failed = latest(1, None, json!({ "event": "refresh-failed" }));
    assert_eq!(
        judge(std::slice::from_ref(&failed), &[]).troubles().count(),
        1
    );
    let refreshed = latest(2, None, json!({ "event": "refreshed" }));
    assert_eq!(judge(&[failed, refreshed], &[]).troubles().count(), 0);
}

#[test]
fn a_certificate_that_came_after_all_puts_its_trouble_right() {
    for trouble in ["certificate-not-renewed", "certificate-expired"] {
        let failed = latest(1, None, json!({ "event": trouble }));
        assert_eq!(
            judge(std::slice::from_ref(&failed), &[]).troubles().count(),
            1
        );
        for better in ["certificate-renewed", "enrolled"] {
            let renewed = latest(2, None, json!({ "event": better }));
            assert_eq!(judge(&[failed.clone(), renewed], &[]).troubles().count(), 0);
        }
    }
}

#[test]
fn what_can_not_be_put_right_is_shown_for_a_week() {
    let mut dropped = latest(1, None, json!({ "event": "dropped" }));
    assert_eq!(
        judge(std::slice::from_ref(&dropped), &[])
            .troubles()
            .count(),
        1
    );
    dropped.happened.at_ms = NOW - SHOWN_MS;
    assert_eq!(judge(&[dropped], &[]).troubles().count(), 0);
}

#[test]
fn a_device_is_quiet_after_a_day() {
    let at = |last_seen| Standing::judge(&[], &[], last_seen, NOW).troubles().count();
    assert_eq!(at(NOW - QUIET_MS + 1), 0);
    assert_eq!(at(NOW - QUIET_MS), 1);
    assert_eq!(at(NOW + 1_000_000), 0);
}

#[test]
fn an_event_of_a_later_agent_changes_nothing() {
    let unknown = of_inventory(&[json!({ "event": "reconsidered", "version": 7 })]);
    assert_eq!(judge(&unknown, &[]).troubles().count(), 0);
}

#[test]
fn the_kinds_that_trouble_are_listed() {
    let others = [
        "pulled",
        "granted",
        "swapped",
        "kept",
        "started",
        "refreshed",
        "stopped",
    ];
    for kind in TROUBLING.iter().chain(&others) {
        let body = json!({ "event": kind, "version": "0.1.0", "reason": "" });
        let of_plugin = judge(&of_inventory(std::slice::from_ref(&body)), &[]);
        let of_device = judge(&[latest(1, None, body)], &[]);
        let troubles = of_plugin.troubles().count() + of_device.troubles().count();
        assert_eq!(troubles > 0, TROUBLING.contains(kind), "{kind}");
    }
}
