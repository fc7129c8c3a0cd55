//! Envelopes and outcomes over HTTPS.

use std::collections::BTreeSet;

use bailiwick_core::action::{ActionId, Audience, LONGEST_ENVELOPE, Operator, Outcome, Reach};
use bailiwick_transport::actions::{Inbox, Outbound, OutcomeMessage};

use super::*;
use crate::actions::tests::signed;

const DEVICE: DeviceId = DeviceId::from_bytes([0xab; 16]);

fn refused(answer: Result<bailiwick_transport::Receipt, SendError>) -> String {
    match answer {
        Err(SendError::Refused { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_envelope_waits_for_its_device_until_the_outcome_is_in_and_junk_harms_nothing() {
    let console = Console::start().await;
    let envelopes = Outbound::envelopes(&console.https, &console.address(""));
    let long = vec![b'a'; usize::try_from(LONGEST_ENVELOPE.get()).unwrap() + 1];
    let reason = refused(envelopes.send("long", long).await);
    assert!(reason.contains("more than"), "{reason}");
    let reason = refused(envelopes.send("junk", b"junk".to_vec()).await);
    assert!(reason.contains("no envelope"), "{reason}");
    let folder = console.folder.path();
    let envelope = signed(folder, 1, Audience::Devices(vec![DEVICE]));
    let reason = refused(envelopes.send("early", envelope.to_bytes()).await);
    assert!(reason.contains("no operator has the key"), "{reason}");

    let operator = Operator {
        name: "alice".to_owned(),
        key: envelope.document().key,
        handlers: Reach::All,
        groups: Reach::Named(BTreeSet::from(["workshop".parse().unwrap()])),
        until: Timestamp::from_ms(1_900_000_000_000),
        line: 0,
    };
    let repository = Repository::open(folder).unwrap();
    let now = Timestamp::from_ms(1_795_000_000_000);
    repository.add_operator(operator, now).unwrap();
    let inbox = Inbox::new(&console.https, &console.address(""), &DEVICE);
    let asking = tokio::spawn(async move { (inbox.next().await, inbox) });
    envelopes.send("good", envelope.to_bytes()).await.unwrap();
    let (found, inbox) = asking.await.unwrap();
    assert_eq!(found, Ok(vec![envelope.to_bytes()]));
    assert_eq!(inbox.next().await, Ok(vec![envelope.to_bytes()]), "again");

    let outcomes = Outbound::outcomes(&console.https, &console.address(""));
    let reason = refused(outcomes.send("o", b"{}".to_vec()).await);
    assert!(reason.contains("missing field"), "{reason}");
    let message = |id: u8| OutcomeMessage {
        device: DEVICE,
        action: ActionId::from_bytes([id; 16]),
        at: Timestamp::from_ms(6),
        outcome: Outcome::TimedOut,
    };
    let body = |id| serde_json::to_vec(&message(id)).unwrap();
    for _ in 0..2 {
        outcomes.send("ended", body(1)).await.unwrap();
    }
    let ledger = Ledger::open_to_read(folder).unwrap();
    assert_eq!(ledger.pending(&DEVICE, Timestamp::from_ms(7)).unwrap(), []);
    let found = ledger
        .find(&ActionId::from_bytes([1; 16]))
        .unwrap()
        .unwrap();
    assert_eq!(found.devices.len(), 1);
    assert_eq!(found.devices[0].outcome, Some(Outcome::TimedOut));
}
