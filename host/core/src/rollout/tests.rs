use proptest::prelude::*;

use super::*;

const NOW: Monotonic = Monotonic::ZERO;
const STEPS: [Step; 5] = [
    Step::Verify,
    Step::Audit,
    Step::Compile,
    Step::Instantiate,
    Step::HandOver,
];

fn wanted(patch: u64) -> Wanted {
    Wanted {
        version: Version::new(0, 1, patch),
        release: Sha256::of(&patch.to_be_bytes()),
        policy: Sha256::of(b"policy"),
    }
}

fn rollout() -> Rollout {
    Rollout::new(
        "inventory".parse().unwrap(),
        "bailiwick".parse().unwrap(),
        Trial::default(),
    )
}

fn assign(rollout: &mut Rollout, serial: u64, patch: u64) -> Vec<Effect> {
    let wanted = wanted(patch);
    rollout.on(Event::Assigned { serial, wanted }, NOW)
}

/// Does every step of the candidate.
fn prepare(rollout: &mut Rollout) -> Vec<Effect> {
    let mut effects = Vec::new();
    for step in STEPS {
        let generation = rollout.candidate().unwrap().0.id;
        effects = rollout.on(Event::StepDone { generation, step }, NOW);
    }
    effects
}

fn succeed(rollout: &mut Rollout, times: u32) {
    for _ in 0..times {
        let generation = rollout.running().unwrap().id;
        rollout.on(Event::CallSucceeded { generation }, NOW);
    }
}

fn fail(rollout: &mut Rollout) -> Vec<Effect> {
    let generation = rollout.running().unwrap().id;
    let reason = "trap".to_owned();
    rollout.on(Event::CallFailed { generation, reason }, NOW)
}

/// Version 1 kept, version 2 on probation.
fn on_probation() -> Rollout {
    let mut rollout = rollout();
    assign(&mut rollout, 1, 1);
    prepare(&mut rollout);
    succeed(&mut rollout, 3);
    assign(&mut rollout, 2, 2);
    prepare(&mut rollout);
    assert!(rollout.on_probation());
    rollout
}

fn running(rollout: &Rollout) -> Option<u64> {
    rollout
        .running()
        .map(|running| running.wanted.version.patch)
}

fn revoke(versions: &str) -> Event {
    let text = format!(
        "format = 1\n[[revoked]]\nplugin = \"inventory\"\nvendor = \"bailiwick\"\n\
         versions = \"{versions}\"\nreason = \"Leaks.\"\n"
    );
    Event::Revoked(Revocations::parse("revoked.toml", &text).unwrap())
}

fn refuse(version: &str) -> Event {
    let text = format!(
        "format = 1\n[[refused]]\nplugin = \"inventory\"\nvendor = \"bailiwick\"\n\
         version = \"{version}\"\ncomponent-sha256 = \"{}\"\nby = \"anna\"\non = 2026-12-01\n\
         reason = \"Reads too much.\"\n",
        "0".repeat(64)
    );
    Event::Revoked(Revocations::parse("revoked.toml", &text).unwrap())
}

fn reports(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Report(transition) => Some(transition.to_string()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_generation_is_prepared_step_by_step_and_kept_after_its_trial() {
    let mut rollout = rollout();
    let effects = assign(&mut rollout, 1, 1);
    assert!(matches!(
        &effects[1],
        Effect::Do {
            step: Step::Verify,
            running: None,
            ..
        }
    ));
    let effects = prepare(&mut rollout);
    assert!(matches!(effects[0], Effect::Activate(_)));
    succeed(&mut rollout, 2);
    assert!(rollout.on_probation());
    succeed(&mut rollout, 1);
    assert!(!rollout.on_probation());
    assert_eq!(assign(&mut rollout, 1, 1), []);
}

#[test]
fn time_alone_proves_nothing_but_with_one_call_it_does() {
    let mut rollout = on_probation();
    let later = NOW.after(Trial::default().duration);
    assert_eq!(rollout.on(Event::Tick, later), []);
    let generation = rollout.running().unwrap().id;
    let effects = rollout.on(Event::CallSucceeded { generation }, later);
    assert!(matches!(effects[0], Effect::Discard(_)));
    assert!(!rollout.on_probation());
}

#[test]
fn failures_on_probation_go_back_and_are_not_tried_again() {
    let mut rollout = on_probation();
    assert_eq!(fail(&mut rollout), []);
    let effects = fail(&mut rollout);
    assert!(matches!(&effects[0], Effect::Stop(from) if from.wanted == wanted(2)));
    assert!(matches!(&effects[1], Effect::Start(to) if to.wanted == wanted(1)));
    assert_eq!(running(&rollout), Some(1));
    assert_eq!(assign(&mut rollout, 2, 2), []);
    assert_ne!(assign(&mut rollout, 3, 3), []);
}

#[test]
fn failures_after_the_trial_do_not_go_back() {
    let mut rollout = on_probation();
    succeed(&mut rollout, 3);
    for _ in 0..10 {
        assert_eq!(fail(&mut rollout), []);
    }
    assert_eq!(running(&rollout), Some(2));
}

#[test]
fn an_older_assignment_is_refused() {
    let mut rollout = on_probation();
    let effects = assign(&mut rollout, 1, 1);
    assert_eq!(
        reports(&effects),
        ["assignment 1 is older than 2, which was followed already: refused"]
    );
    assert_eq!(effects.len(), 1);
    assert_eq!(running(&rollout), Some(2));
}

#[test]
fn what_asks_for_more_waits_for_approval_while_the_old_runs() {
    let mut rollout = on_probation();
    succeed(&mut rollout, 3);
    assign(&mut rollout, 3, 3);
    let generation = rollout.candidate().unwrap().0.id;
    let step = Step::Verify;
    rollout.on(Event::StepDone { generation, step }, NOW);
    let difference = vec!["imports `network`".to_owned()];
    let effects = rollout.on(
        Event::Widened {
            generation,
            difference,
        },
        NOW,
    );
    assert_eq!(
        reports(&effects),
        [
            "0.1.3 (generation 3) asks for more than is approved: imports `network`; 0.1.2 keeps \
          running"
        ]
    );
    assert_eq!(running(&rollout), Some(2));
    assert_eq!(assign(&mut rollout, 3, 3), []);
    let mut approved = wanted(3);
    approved.policy = Sha256::of(b"wider policy");
    let wanted = approved;
    assert_ne!(rollout.on(Event::Assigned { serial: 4, wanted }, NOW), []);
}

#[test]
fn what_is_put_off_is_tried_again() {
    let mut rollout = rollout();
    assign(&mut rollout, 1, 1);
    let generation = rollout.candidate().unwrap().0.id;
    let (step, reason) = (Step::Verify, "no network".to_owned());
    rollout.on(
        Event::StepPutOff {
            generation,
            step,
            reason,
        },
        NOW,
    );
    assert!(rollout.candidate().is_none());
    assert_ne!(assign(&mut rollout, 1, 1), []);
}

#[test]
fn revocation_stops_and_nothing_goes_back_to_it() {
    let mut rollout = on_probation();
    rollout.on(revoke("=0.1.1"), NOW);
    assert_eq!(rollout.previous(), None);
    fail(&mut rollout);
    fail(&mut rollout);
    assert_eq!(running(&rollout), None);

    let mut rollout = on_probation();
    let effects = rollout.on(revoke("*"), NOW);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Stop(_)))
    );
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Start(_)))
    );
    assert_eq!(running(&rollout), None);
    let refused = reports(&assign(&mut rollout, 3, 3));
    assert_eq!(
        refused,
        ["0.1.3 is assigned but revoked: Leaks.; nothing of it runs"]
    );
    assert_eq!(assign(&mut rollout, 3, 3), [], "it is told once");
}

/// 0.1.1 runs, and 0.1.2 asks for more than is approved.
fn waits_for_approval() -> Rollout {
    let mut rollout = rollout();
    assign(&mut rollout, 1, 1);
    prepare(&mut rollout);
    succeed(&mut rollout, 3);
    assign(&mut rollout, 2, 2);
    let generation = rollout.candidate().unwrap().0.id;
    let step = Step::Verify;
    rollout.on(Event::StepDone { generation, step }, NOW);
    let difference = vec!["files: /etc/shadow".to_owned()];
    rollout.on(
        Event::Widened {
            generation,
            difference,
        },
        NOW,
    );
    rollout
}

#[test]
fn what_waited_for_approval_and_is_refused_tells_who_refused_it_and_why() {
    let words = "0.1.2 is assigned but refused by anna on 2026-12-01: Reads too much.; \
                 0.1.1 keeps running";
    let mut rollout = waits_for_approval();
    assert_eq!(assign(&mut rollout, 2, 2), []);
    assert_eq!(reports(&rollout.on(refuse("0.1.2"), NOW)), [words]);
    // Once, though each refresh brings the list and the assignment again.
    assert_eq!(rollout.on(refuse("0.1.2"), NOW), []);
    assert_eq!(assign(&mut rollout, 2, 2), []);
    assert_eq!(running(&rollout), Some(1));

    let Event::Revoked(list) = refuse("0.1.2") else {
        unreachable!()
    };
    let mut again = rollout.clone().restored(Trial::default(), list);
    assert_eq!(reports(&again.on(Event::Started, NOW)), [words]);

    // Taken back while the agent did not run, or ended before that was written down.
    let stored = serde_json::to_string(&rollout).unwrap();
    let stored: Rollout = serde_json::from_str(&stored).unwrap();
    let mut later = stored.restored(Trial::default(), Revocations::default());
    assert_eq!(reports(&later.on(Event::Started, NOW)), [""; 0]);
    assert_ne!(assign(&mut later, 2, 2), []);
    // What failed for itself is not tried again.
    let mut other = waits_for_approval().restored(Trial::default(), Revocations::default());
    other.on(Event::Started, NOW);
    assert_eq!(assign(&mut other, 2, 2), []);

    // Taken back: it is audited anew.
    assert_eq!(rollout.on(Event::Revoked(Revocations::default()), NOW), []);
    assert_ne!(assign(&mut rollout, 2, 2), []);
}

#[test]
fn what_is_refused_after_it_was_approved_stops() {
    let mut rollout = on_probation();
    let effects = rollout.on(refuse("0.1.2"), NOW);
    assert_eq!(running(&rollout), Some(1));
    assert_eq!(
        reports(&effects),
        ["0.1.2 (generation 2) is stopped, refused by anna on 2026-12-01: Reads too much."]
    );
    assert_eq!(reports(&assign(&mut rollout, 2, 2)).len(), 1);
    assert_eq!(running(&rollout), Some(1));
    assert!(rollout.has_given_up());
    assign(&mut rollout, 3, 1);
    assert!(!rollout.has_given_up());
}

#[test]
fn a_restart_runs_what_ran_offline_and_never_what_is_revoked() {
    let mut rollout = on_probation();
    succeed(&mut rollout, 3);
    assign(&mut rollout, 3, 3);
    let Event::Revoked(list) = revoke("=0.1.2") else {
        unreachable!()
    };
    let mut stored = rollout.clone();
    stored.candidate = None;
    let mut offline = stored
        .clone()
        .restored(Trial::default(), Revocations::default());
    let effects = offline.on(Event::Started, NOW);
    assert!(matches!(&effects[..], [Effect::Start(running)] if running.wanted == wanted(2)));
    let mut revoked = stored.restored(Trial::default(), list);
    let effects = revoked.on(Event::Started, NOW);
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Start(_)))
    );
}

#[test]
fn what_stops_the_agent_again_and_again_is_taken_back() {
    let mut rollout = on_probation();
    rollout.on(Event::Started, NOW);
    rollout.on(Event::Started, NOW);
    let effects = rollout.on(Event::Started, NOW);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Start(to) if to.wanted == wanted(1)))
    );
    assert_eq!(running(&rollout), Some(1));
}

#[test]
fn a_failed_step_leaves_the_old_running() {
    let mut rollout = on_probation();
    assign(&mut rollout, 3, 3);
    for step in &STEPS[..4] {
        let generation = rollout.candidate().unwrap().0.id;
        rollout.on(
            Event::StepDone {
                generation,
                step: *step,
            },
            NOW,
        );
    }
    let generation = rollout.candidate().unwrap().0.id;
    let (step, reason) = (Step::HandOver, "incompatible".to_owned());
    let effects = rollout.on(
        Event::StepFailed {
            generation,
            step,
            reason,
        },
        NOW,
    );
    assert!(matches!(effects[0], Effect::Discard(_)));
    assert_eq!(running(&rollout), Some(2));
}

fn events() -> impl Strategy<Value = Vec<(u8, u64, u64)>> {
    prop::collection::vec((0_u8..9, 0_u64..5, 0_u64..4), 0..60)
}

proptest! {
    /// Whatever happens in whatever order: the serial never falls, nothing revoked runs,
    /// and no generation that was discarded is started or activated afterwards.
    #[test]
    fn any_order_of_events_keeps_the_promises(events in events()) {
        let mut rollout = rollout();
        let mut discarded = std::collections::BTreeSet::new();
        let mut revoked = None;
        for (kind, number, choice) in events {
            let candidate = rollout.candidate().map_or(GenerationId(number), |(c, _)| c.id);
            let step = rollout.candidate().map_or(STEPS[usize::try_from(number).unwrap()], |(_, step)| step);
            let current = rollout.running().map_or(GenerationId(number), |running| running.id);
            let reason = String::new();
            let event = match kind {
                0 | 1 => Event::Assigned { serial: number, wanted: wanted(choice) },
                2 | 3 => Event::StepDone { generation: candidate, step },
                4 => Event::CallSucceeded { generation: current },
                5 => Event::CallFailed { generation: current, reason },
                6 => Event::Started,
                7 if number == 0 => { revoked = Some(choice); revoke(&format!("=0.1.{choice}")) }
                7 => Event::StepFailed { generation: candidate, step, reason },
                _ => Event::Tick,
            };
            let serial = rollout.serial();
            let effects = rollout.on(event, NOW);
            prop_assert!(rollout.serial() >= serial);
            prop_assert!(revoked.is_none() || running(&rollout) != revoked);
            for effect in effects {
                match effect {
                    Effect::Discard(generation) => { discarded.insert(generation.id.0); }
                    Effect::Start(generation) | Effect::Activate(generation) => {
                        prop_assert!(!discarded.contains(&generation.id.0));
                        prop_assert_eq!(Some(&generation), rollout.running());
                    }
                    _ => {}
                }
            }
            let kept = [rollout.running(), rollout.previous()];
            prop_assert!(kept.into_iter().flatten().all(|g| !discarded.contains(&g.id.0)));
        }
    }
}
