//! A new field of an existing collector touches nothing under `host/`: the inventory and
//! then the inventory with one field more go through the same sandbox, the same sender and
//! the same receiver, those of agent and console.

use bailiwick_core::time::Timestamp;
use bailiwick_harness::guest::{Guest, Target, Tried};
use bailiwick_report::{
    receiver::{Stream, Verdict},
    rows::{Snapshot, Value},
    sender::{Content, Sender},
    wire::{Limits, Origin, Report},
};

const DEVICE: [u8; 16] = [7; 16];
const TAKEN_AT: Timestamp = Timestamp::from_ms(1_795_392_000_000);

/// Both ends of the way of one plugin's reports.
struct Way {
    sender: Sender,
    stream: Option<Stream>,
}

impl Way {
    /// Sends `snapshot` as the agent does and takes it in as the console does. What the
    /// report held, and whether it came as a difference.
    fn send(&mut self, version: &str, snapshot: Snapshot) -> (Content, bool) {
        let origin = Origin::new(DEVICE, "inventory", version).unwrap();
        let prepared = self
            .sender
            .next(&origin, TAKEN_AT.as_ms(), snapshot.clone());
        let report = Report::parse(&prepared.bytes, Limits::default()).unwrap();
        let accepted = match Stream::accept(self.stream.as_ref(), &report).unwrap() {
            Verdict::Accepted(accepted) => accepted,
            other => panic!("{other:?}"),
        };
        assert_eq!(accepted.stream.snapshot(), &snapshot);
        self.sender = prepared.sender;
        self.stream = Some(accepted.stream);
        (prepared.content, accepted.diff.is_some())
    }

    /// The new field, as the console has it.
    fn read_at(&self) -> Option<u64> {
        let snapshot = self.stream.as_ref().unwrap().snapshot();
        let collection = snapshot.schema().position("reading")?;
        match snapshot.rows(collection).next()?.get(0)? {
            Value::Unsigned(read_at) => Some(read_at),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn run(name: &str) {
    let inventory = Guest::plugin("inventory").run().await;
    let guest = Guest::build(name, Target::Unknown);
    let (first, second) = (guest.run().await, guest.run().await);
    let rows = |tried: &Tried| tried.told.rows().unwrap().clone();
    let more = rows(&first).row_count();
    let more = more.abs_diff(rows(&inventory).row_count());
    assert!(
        more < 20,
        "{more} rows more or less: it is not the inventory"
    );

    let mut way = Way {
        sender: Sender::new(1),
        stream: None,
    };
    assert!(matches!(
        way.send("0.1.0", rows(&inventory)),
        (Content::Full { .. }, false)
    ));
    assert_eq!(way.read_at(), None);

    // Its schema is another: all of it, once.
    assert!(matches!(
        way.send("0.2.0", rows(&first)),
        (Content::Full { .. }, false)
    ));
    let before = way.read_at().unwrap();
    assert!(before > 1_735_689_600_000, "{before} is before 2025");

    let (content, is_diff) = way.send("0.2.0", rows(&second));
    assert!(is_diff);
    match content {
        Content::Diff { changed, .. } => assert!((1..20).contains(&changed), "{changed}"),
        Content::Full { .. } => panic!("{content:?}"),
    }
    assert!(way.read_at().unwrap() > before);
}
