use super::*;
use crate::session::{Reading, Remote, Seen, Source, Tracker};

fn matcher(grants: &[&str]) -> Power {
    let grants: String = grants
        .iter()
        .map(|grant| {
            format!(
                "[[grant]]\ncapability = \"power\"\n{grant}\nreason = \"A test.\"\n\
                 approved-by = \"tests\"\nrisk = \"high\"\n"
            )
        })
        .collect();
    let text = format!("{}{grants}", include_str!("../../fixtures/policy.toml"));
    Policy::parse("p.toml", &text).unwrap().power()
}

const AWAY: &str = "effect = \"allow\"\nverbs = [\"reboot\", \"lock\"]\nwhen-users = \"away\"\n\
                    warn-for = \"5 s\"\npause = \"1 h\"";

#[test]
fn users_who_are_there_are_spared_and_a_lock_takes_nothing_from_them() {
    let power = matcher(&[AWAY]);
    let ask = |verb, users| power.allows(verb, users, Timestamp::EPOCH);
    let warned = ask(PowerVerb::Reboot, Presence::Away).unwrap();
    assert_eq!(warned.warn_for, Duration::from_secs(5));
    assert_eq!(warned.pause, Duration::from_secs(3_600));
    assert!(ask(PowerVerb::Reboot, Presence::Nobody).is_ok());
    let in_use = Err(PowerRefusal::InUse);
    assert_eq!(ask(PowerVerb::Reboot, Presence::Present), in_use);
    let lock = ask(PowerVerb::Lock, Presence::Present).unwrap();
    assert_eq!(lock.warn_for, Duration::ZERO);
    let other = Err(PowerRefusal::Denied(Denial::NotGranted));
    assert_eq!(ask(PowerVerb::PowerOff, Presence::Nobody), other);
}

#[test]
fn deny_beats_allow_and_an_end_is_told() {
    let power = matcher(&[AWAY, "effect = \"deny\"\nverbs = [\"reboot\"]"]);
    let reboot = power.allows(PowerVerb::Reboot, Presence::Nobody, Timestamp::EPOCH);
    let denied = PowerRefusal::Denied(Denial::Denied {
        by: power.0[1].source,
    });
    assert_eq!(reboot, Err(denied));
    let power = matcher(&[&format!("{AWAY}\nexpires = 2026-12-31")]);
    let late = Timestamp::from_ms(4_000_000_000_000);
    let expired = power.allows(PowerVerb::Reboot, Presence::Nobody, late);
    assert!(matches!(
        expired,
        Err(PowerRefusal::Denied(Denial::Expired { .. }))
    ));
}

fn sessions(seen: Vec<Seen>) -> Vec<Session> {
    let mut tracker = Tracker::new(100);
    let reading = Reading {
        consulted: [Source::Logind].into(),
        seen,
        ..Reading::default()
    };
    tracker.observe(&reading, Timestamp::EPOCH);
    tracker.sessions().cloned().collect()
}

fn seen(number: &str, kind: SessionKind, state: SessionState, idle: Option<u64>) -> Seen {
    Seen {
        logind: Some(number.to_owned()),
        kind: Some(kind),
        state: Some(state),
        idle: idle.map(|ms| Idle::Since(Timestamp::from_ms(ms))),
        ..Seen::new(Source::Logind, 1_000)
    }
}

#[test]
fn who_is_at_the_device_is_told_from_the_most_present_session() {
    use SessionKind::{Background, Console, Graphical, Remote as From, Service};
    use SessionState::{Active, Closing, Disconnected, Locked};
    let at = |minutes: u64| Timestamp::from_ms(minutes * 60_000);
    let presence = |seen, minutes| Presence::of(&sessions(seen), at(minutes));
    assert_eq!(presence(vec![], 0), Presence::Nobody);
    let services = vec![
        seen("1", Service, Active, None),
        seen("2", Background, Active, None),
        seen("3", Graphical, Closing, None),
    ];
    assert_eq!(presence(services, 0), Presence::Nobody);
    let away = || {
        vec![
            seen("1", Graphical, Locked, None),
            seen("2", From(Remote::Rdp), Disconnected, None),
            seen("3", Console, Active, Some(0)),
        ]
    };
    assert_eq!(presence(away(), 10), Presence::Away);
    assert_eq!(presence(away(), 9), Presence::Present, "idle, but not long");
    let mut one_there = away();
    one_there.push(seen("4", From(Remote::Ssh), Active, None));
    assert_eq!(presence(one_there, 10), Presence::Present);
    let unknown = Seen {
        kind: None,
        state: None,
        ..seen("1", Console, Active, None)
    };
    assert_eq!(presence(vec![unknown], 99), Presence::Present);
}

#[test]
fn nothing_comes_twice_and_nothing_soon_after_the_start() {
    let at = |minutes: u64| Monotonic::ZERO.after(Duration::from_secs(60 * minutes));
    let hour = Duration::from_secs(3_600);
    let mut past = PowerPast::default();
    let soon = |minutes: u64| Err(NotYet::TooSoon(Duration::from_secs(60 * minutes)));
    // A device that was started anew waits, whatever its agent knows of before.
    assert_eq!(past.may(PowerVerb::Reboot, hour, at(10)), soon(50));
    assert_eq!(past.may(PowerVerb::Lock, hour, at(10)), Ok(()));
    let before = past;
    past.note(PowerVerb::Lock, at(10));
    assert_eq!(past.may(PowerVerb::Lock, hour, at(20)), soon(50));
    assert_eq!(past.may(PowerVerb::Suspend, hour, at(60)), Ok(()));
    past.note(PowerVerb::Suspend, at(60));
    assert_eq!(past.may(PowerVerb::Reboot, hour, at(61)), soon(59));
    assert_eq!(past.may(PowerVerb::Reboot, hour, at(120)), Ok(()));
    // What nothing came of leaves the other as it is.
    let mut refused = past;
    refused.take_back(PowerVerb::Suspend, &before);
    assert_eq!(refused.may(PowerVerb::Suspend, hour, at(61)), Ok(()));
    assert_eq!(refused.may(PowerVerb::Lock, hour, at(20)), soon(50));
    past.note(PowerVerb::Reboot, at(120));
    for verb in PowerVerb::ALL {
        let again = past.may(verb, Duration::ZERO, at(125));
        assert_eq!(again, Err(NotYet::UnderWay), "{verb:?}");
    }
    // Nothing came of it.
    assert_eq!(
        past.may(PowerVerb::PowerOff, Duration::ZERO, at(130)),
        Ok(())
    );
}
