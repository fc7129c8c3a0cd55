//! Who sees which process, and how much of it.

use std::num::NonZeroU16;

use proptest::prelude::*;

use super::*;
use crate::policy::{Effect, Grant, GrantSource, Risk, Scope, Seen, Whose};

fn grant(effect: Effect, scope: Scope, expires: Option<u64>) -> Grant {
    Grant {
        capability: Capability::Processes,
        effect,
        scope,
        reason: "A test.".to_owned(),
        approved_by: "tests".to_owned(),
        expires: expires.map(Timestamp::from_ms),
        risk: Risk::Low,
        source: GrantSource::Policy { line: 1 },
    }
}

fn policy(grants: Vec<Grant>) -> Policy {
    let text = include_str!("../../fixtures/policy.toml");
    let mut policy = Policy::parse("p", text).unwrap();
    policy.grants = grants;
    policy
}

fn seen(whose: Whose, fields: &[Sensitive]) -> Scope {
    let with = |fields: Fields, field: &Sensitive| fields.with(*field);
    let fields = fields.iter().fold(Fields::NONE, with);
    Scope::Seen(Seen { whose, fields })
}

fn session(generation: u64) -> SessionId {
    SessionId::new("7", generation)
}

const NOW: Timestamp = Timestamp::from_ms(100);

#[test]
fn own_and_other_sessions_have_the_fields_of_the_grants_that_cover_them() {
    let own = grant(
        Effect::Allow,
        seen(Whose::OwnSession, &[Sensitive::User]),
        None,
    );
    let all = grant(
        Effect::Allow,
        seen(Whose::All, &[Sensitive::CommandLine]),
        None,
    );
    let matcher = policy(vec![own, all]).processes();
    let id = session(1);
    let view = matcher.view(Some(&id), NOW).unwrap();
    let mine = view.fields(Owner::Session(&id)).unwrap();
    assert!(mine.has(Sensitive::User) && mine.has(Sensitive::CommandLine));
    let other = session(2);
    for owner in [Owner::System, Owner::Session(&other)] {
        let fields = view.fields(owner).unwrap();
        assert!(!fields.has(Sensitive::User) && fields.has(Sensitive::CommandLine));
    }
}

#[test]
fn denials_and_expiry_take() {
    let allow = |expires| {
        grant(
            Effect::Allow,
            seen(
                Whose::OwnSession,
                &[Sensitive::User, Sensitive::CommandLine],
            ),
            expires,
        )
    };
    let fields = grant(Effect::Deny, seen(Whose::All, &[Sensitive::User]), None);
    let whole = grant(Effect::Deny, Scope::Whole, None);
    let id = session(1);
    let view = |grants| {
        policy(grants)
            .processes()
            .view(Some(&id), NOW)
            .map(|view| view.view)
    };
    let left = view(vec![fields.clone(), allow(None)]).unwrap();
    let left = left.fields(true).unwrap();
    assert!(!left.has(Sensitive::User) && left.has(Sensitive::CommandLine));
    assert!(matches!(
        view(vec![allow(None), whole]),
        Err(Denial::Denied { .. })
    ));
    assert!(matches!(
        view(vec![allow(Some(100))]),
        Err(Denial::Expired { .. })
    ));
    assert_eq!(view(vec![fields]), Err(Denial::NotGranted));
}

#[test]
fn homes_in_paths_lose_their_names() {
    let described = |executable: &str| Described {
        executable: executable.to_owned(),
        user: Some("alice".to_owned()),
        command_line: "vim /home/alice/secret".to_owned(),
        ..Described::default()
    };
    let none = Fields::NONE;
    let redacted = [
        ("/home/alice/bin/tool", "/home/~/bin/tool"),
        ("/home/alice", "/home/~"),
        ("C:\\Users\\alice\\tool.exe", "C:\\Users\\~\\tool.exe"),
        ("/usr/bin/home/alice", "/usr/bin/home/alice"),
        ("", ""),
    ];
    for (executable, shown) in redacted {
        assert_eq!(described(executable).executable_for(none), shown);
    }
    let process = described("/home/alice/bin/tool");
    let user = none.with(Sensitive::User);
    assert_eq!(process.executable_for(user), "/home/alice/bin/tool");
    // What is given of names in another form is not given as it is by paths.
    for redaction in [Redaction::Hashed, Redaction::Truncated(NonZeroU16::MAX)] {
        let user = none.given(Sensitive::User, redaction);
        assert_eq!(process.executable_for(user), "/home/~/bin/tool");
    }
}

proptest! {
    /// With grants for its own session alone, whatever their number, fields and order.
    #[test]
    fn an_instance_sees_no_process_of_others(
        grants in prop::collection::vec((any::<bool>(), 0_u8..8, any::<bool>()), 1..6),
        own in 0_u64..4,
        owner in prop::option::of(0_u64..4),
    ) {
        let grants = grants.into_iter().map(|(allow, bits, expired)| {
            let effect = if allow { Effect::Allow } else { Effect::Deny };
            let chosen: Vec<_> = [Sensitive::User, Sensitive::CommandLine, Sensitive::Place]
                .into_iter()
                .filter(|field| bits >> *field as u8 & 1 == 1)
                .collect();
            let whose = if allow { Whose::OwnSession } else { Whose::All };
            let expires = (allow && expired).then_some(100);
            grant(effect, seen(whose, &chosen), expires)
        });
        let matcher = policy(grants.collect()).processes();
        let (own, owner) = (session(own), owner.map(session));
        let owned = owner.as_ref().map_or(Owner::System, Owner::Session);
        if let Ok(view) = matcher.view(Some(&own), NOW) {
            prop_assert_eq!(view.fields(owned).is_some(), owner.as_ref() == Some(&own));
        }
        if let Ok(view) = matcher.view(None, NOW) {
            prop_assert_eq!(view.fields(owned), None);
        }
    }
}
