//! The ledger, with envelopes that a real key signed.

use std::{path::Path, time::Duration};

use bailiwick_core::action::{Audience, Order, Outcome, Progress};
use bailiwick_repository::{Key, OPERATOR};

use super::*;

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fn device(byte: u8) -> DeviceId {
    DeviceId::from_bytes([byte; 16])
}

fn draft(id: u8, audience: Audience) -> Draft {
    Draft {
        draft: 1,
        id: ActionId::from_bytes([id; 16]),
        audience,
        handler: "run-program".parse().unwrap(),
        order: Order::Run {
            arguments: r#"{"a":1}"#.to_owned(),
        },
        expires_in_s: 3_600,
    }
}

/// An action of the operator whose key is in `folder`.
pub(crate) fn signed(folder: &Path, id: u8, audience: Audience) -> Envelope {
    let key = Key::load(&folder.join("alice.json"));
    let key = key
        .or_else(|_| Key::generate(folder, OPERATOR, "alice"))
        .unwrap();
    let document = draft(id, audience).document(key.operator(), NOW).unwrap();
    key.seal(document).unwrap()
}

/// The list in which whoever signed `envelope` may do everything.
pub(crate) fn listing(envelope: &Envelope) -> Operators {
    let key = envelope.document().key;
    let listed = format!(
        "format = 1\n[[operator]]\nname = \"alice\"\nkey = \"{key}\"\nhandlers = [\"*\"]\n\
         groups = [\"*\"]\nuntil = 2099-12-31\n"
    );
    Operators::parse("o", &listed).unwrap()
}

fn message(id: u8, device: DeviceId, outcome: Outcome) -> OutcomeMessage {
    OutcomeMessage {
        device,
        action: ActionId::from_bytes([id; 16]),
        at: NOW,
        outcome,
    }
}

fn done() -> Outcome {
    Outcome::Done {
        result: "{}".to_owned(),
    }
}

fn refused() -> Outcome {
    Outcome::Refused {
        reason: "audience: no".to_owned(),
    }
}

fn ids(ledger: &Ledger, device: DeviceId, now: Timestamp) -> Vec<u8> {
    let pending = ledger.pending(&device, now).unwrap();
    pending.iter().map(|one| one.action.as_bytes()[0]).collect()
}

#[test]
fn an_envelope_waits_for_each_device_until_its_outcome_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    let two = Audience::Devices(vec![device(1), device(2)]);
    let envelope = signed(folder.path(), 1, two);
    ledger.take(&envelope, NOW).unwrap();
    ledger.take(&envelope, NOW).unwrap();
    let group = Audience::Group("workshop".parse().unwrap());
    ledger.take(&signed(folder.path(), 2, group), NOW).unwrap();
    assert_eq!(ids(&ledger, device(1), NOW), [1, 2]);
    assert_eq!(ids(&ledger, device(3), NOW), [2]);
    let pending = ledger.pending(&device(1), NOW).unwrap();
    assert_eq!(pending[0].envelope, envelope.to_bytes());
    assert_eq!(ledger.awaited(NOW).unwrap(), [device(1), device(2)]);
    ledger.outcome(&message(1, device(1), done()), NOW).unwrap();
    assert_eq!(ids(&ledger, device(1), NOW), [2]);
    assert_eq!(ledger.awaited(NOW).unwrap(), [device(2)]);
    drop(ledger);
    let ledger = Ledger::open(folder.path()).unwrap();
    assert_eq!(ids(&ledger, device(2), NOW), [1, 2], "after a restart");
    let late = NOW.after(Duration::from_secs(31 * 86_400 + 3_600));
    assert_eq!(ids(&ledger, device(2), late), [] as [u8; 0], "given up");
}

#[test]
fn how_it_ended_stays_and_a_refusal_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    let one = Audience::Devices(vec![device(1)]);
    ledger.take(&signed(folder.path(), 1, one), NOW).unwrap();
    let outcome = || {
        let found = ledger.find(&ActionId::from_bytes([1; 16])).unwrap();
        found.unwrap().devices[0].outcome.clone()
    };
    assert_eq!(outcome(), None);
    for (told, expected) in [
        (refused(), refused()),
        (Outcome::Interrupted, Outcome::Interrupted),
        (refused(), Outcome::Interrupted),
        (done(), Outcome::Interrupted),
    ] {
        ledger.outcome(&message(1, device(1), told), NOW).unwrap();
        assert_eq!(outcome(), Some(expected));
    }
    // Of one that came to the device on another way.
    ledger.outcome(&message(9, device(4), done()), NOW).unwrap();
    let listed = ledger.list(Some(&device(4)), 10).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].devices[0].outcome, Some(done()));
}

#[test]
fn a_draft_becomes_what_is_signed_and_progress_is_the_last_word() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    let one = Audience::Devices(vec![device(1)]);
    ledger.draft(&draft(1, one.clone()), NOW).unwrap();
    let listed = ledger.list(None, 10).unwrap();
    assert_eq!(listed[0].draft, Some(draft(1, one.clone())));
    assert_eq!(ids(&ledger, device(1), NOW), [] as [u8; 0], "nobody signed");
    ledger.take(&signed(folder.path(), 1, one), NOW).unwrap();
    let word = |percent, text: &str| ProgressMessage {
        at: NOW,
        progress: Progress {
            percent,
            text: text.to_owned(),
        },
    };
    let (here, action) = (device(1), ActionId::from_bytes([1; 16]));
    let other = ActionId::from_bytes([7; 16]);
    ledger
        .progress(&here, &action, &word(Some(10), "a"))
        .unwrap();
    ledger.progress(&here, &action, &word(None, "b")).unwrap();
    ledger.progress(&here, &other, &word(None, "c")).unwrap();
    let listed = ledger.list(None, 10).unwrap();
    assert_eq!(listed.len(), 1, "words of an unknown action are not kept");
    assert!(listed[0].sent_ms.is_some() && listed[0].draft.is_none());
    assert_eq!(listed[0].devices[0].sentence(), "b");
    assert_eq!(ids(&ledger, device(1), NOW), [1], "a word is no outcome");
}

#[test]
fn what_is_no_action_is_refused_and_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path()).unwrap();
    let one = Audience::Devices(vec![device(1)]);
    let expired = NOW.after(Duration::from_secs(3_600));
    let envelope = signed(folder.path(), 1, one.clone());
    let refused = ledger.take(&envelope, expired).unwrap_err().to_string();
    assert!(refused.contains("expired"), "{refused}");
    let mut endless = draft(2, one);
    endless.expires_in_s = 31 * 86_400;
    let refused = ledger.draft(&endless, NOW).unwrap_err().to_string();
    assert!(refused.contains("30 days"), "{refused}");
    assert_eq!(ledger.list(None, 10).unwrap().len(), 0);
}

#[tokio::test]
async fn only_what_a_listed_operator_signed_is_taken_in() {
    let folder = tempfile::tempdir().unwrap();
    let actions = Actions::new(Ledger::open(folder.path()).unwrap());
    let changed = actions.changed();
    let envelope = signed(folder.path(), 1, Audience::Devices(vec![device(1)]));
    let listed = listing(&envelope);
    let mut forged = envelope.to_bytes();
    forged[0] = if forged[0] == b'0' { b'1' } else { b'0' };
    for (bytes, operators, expected) in [
        (b"junk".to_vec(), listed.clone(), "no envelope"),
        (forged, listed.clone(), "did not sign"),
        (envelope.to_bytes(), Operators::default(), "no operator"),
    ] {
        let refused = actions.take(bytes, operators, NOW).await;
        let Err(PostError::Refused(reason)) = refused else {
            panic!("{refused:?}");
        };
        assert!(reason.contains(expected), "{reason}");
    }
    assert!(!changed.has_changed().unwrap());
    let taken = actions.take(envelope.to_bytes(), listed, NOW).await;
    assert_eq!(taken, Ok(Answer::Stored));
    assert!(changed.has_changed().unwrap());
}
