//! Envelopes that are none, and the order of the checks.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{ids::DeviceId, time::Timestamp};

const KEY: [u8; 32] = [0xab; 32];

/// Stands in for Ed25519, which is not core's: 64 bytes that depend on every byte.
fn sign(bytes: &[u8]) -> [u8; 64] {
    let digest = crate::digest::Sha256::of(bytes);
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(digest.as_bytes());
    signature
}

fn verify(key: &OperatorKey, bytes: &[u8], signature: &Signature) -> bool {
    key.as_bytes() == &KEY && signature.as_bytes() == &sign(bytes)
}

fn device() -> DeviceId {
    DeviceId::from_bytes([1; 16])
}

fn run(arguments: &str) -> Order {
    Order::Run {
        arguments: arguments.to_owned(),
    }
}

fn document(order: Order) -> Document {
    let devices = Audience::Devices(vec![device()]);
    let times = (Timestamp::from_ms(1_000), Timestamp::from_ms(5_000));
    let (id, handler) = (
        ActionId::from_bytes([7; 16]),
        "run-program".parse().unwrap(),
    );
    let key = OperatorKey::from_bytes(KEY);
    Document::new(id, devices, handler, order, times, key).unwrap()
}

fn sealed(document: Document) -> Envelope {
    Envelope::seal(document, |bytes| Some(sign(bytes))).unwrap()
}

fn operators() -> Operators {
    let key = OperatorKey::from_bytes(KEY);
    let text = format!(
        "format = 1\n[[operator]]\nname = \"alice\"\nkey = \"{key}\"\n\
         handlers = [\"run-program\"]\ngroups = [\"workshop\"]\nuntil = 2027-12-31\n"
    );
    Operators::parse("o", &text).unwrap()
}

/// How one thing is wrong.
struct Wrong {
    name: &'static str,
    envelope: fn(&mut Document),
    device: fn(&mut Device),
    expected: &'static str,
}

struct Device {
    operators: Operators,
    groups: BTreeSet<crate::ids::GroupName>,
    signed: u64,
    now: u64,
    seen: bool,
    standing: Standing,
    signature: bool,
}

impl Device {
    fn good() -> Self {
        Self {
            operators: operators(),
            groups: BTreeSet::from(["workshop".parse().unwrap()]),
            signed: 1_500,
            now: 2_000,
            seen: false,
            standing: Standing::Handler,
            signature: true,
        }
    }

    fn judge(&self, envelope: &Envelope) -> Result<Accepted, Refusal> {
        let judged = Judged {
            operators: &self.operators,
            device: &device(),
            groups: &self.groups,
            signed: Timestamp::from_ms(self.signed),
            now: Timestamp::from_ms(self.now),
            standing: self.standing,
        };
        judge(
            envelope,
            &judged,
            |_| self.seen,
            |key, bytes, signature| self.signature && verify(key, bytes, signature),
        )
    }
}

/// In the order in which they are checked.
const WRONG: [Wrong; 6] = [
    Wrong {
        name: "signature",
        envelope: |_| {},
        device: |device| device.signature = false,
        expected: "signature: ",
    },
    Wrong {
        name: "right",
        envelope: |document| document.handler = "wake-on-lan".parse().unwrap(),
        device: |_| {},
        expected: "right: alice may not give orders to wake-on-lan",
    },
    Wrong {
        name: "audience",
        envelope: |document| {
            document.audience = Audience::Devices(vec![DeviceId::from_bytes([2; 16])]);
        },
        device: |_| {},
        expected: "audience: ",
    },
    Wrong {
        name: "expiry",
        envelope: |_| {},
        device: |device| device.signed = 5_000,
        expected: "expiry: ",
    },
    Wrong {
        name: "nonce",
        envelope: |_| {},
        device: |device| device.seen = true,
        expected: "nonce: ",
    },
    Wrong {
        name: "policy",
        envelope: |_| {},
        device: |device| device.standing = Standing::Stopped,
        expected: "policy: ",
    },
];

fn judged_with(wrong: &[bool]) -> Result<Accepted, Refusal> {
    let (mut document, mut device) = (document(run("{}")), Device::good());
    for (one, _) in WRONG.iter().zip(wrong).filter(|(_, wrong)| **wrong) {
        (one.envelope)(&mut document);
        (one.device)(&mut device);
    }
    device.judge(&sealed(document))
}

#[test]
fn each_check_refuses_in_its_own_words() {
    for (at, wrong) in WRONG.iter().enumerate() {
        let only: Vec<bool> = (0..WRONG.len()).map(|n| n == at).collect();
        let refused = judged_with(&only).unwrap_err().to_string();
        assert!(
            refused.starts_with(wrong.expected),
            "{}: {refused}",
            wrong.name
        );
    }
    assert!(matches!(judged_with(&[false; 6]), Ok(Accepted::Run(_))));
}

proptest! {
    /// Whatever is wrong at once, the first of it in the order is what is told.
    #[test]
    fn the_first_that_is_wrong_is_told(wrong in prop::collection::vec(any::<bool>(), 6)) {
        match wrong.iter().position(|wrong| *wrong) {
            None => prop_assert!(judged_with(&wrong).is_ok()),
            Some(first) => {
                let refused = judged_with(&wrong).unwrap_err().to_string();
                prop_assert!(refused.starts_with(WRONG[first].expected), "{refused}");
            }
        }
    }

    #[test]
    fn one_changed_byte_is_no_envelope_or_refused(at in 0_usize..400, bit in 0_u32..8) {
        let mut bytes = sealed(document(run(r#"{"a":1}"#))).to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(envelope) = Envelope::parse(&bytes) {
            prop_assert_eq!(Device::good().judge(&envelope), Err(Refusal::Signature));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(Envelope::parse(&bytes));
    }

    #[test]
    fn an_envelope_is_read_as_it_is_written(arguments in "\\PC{0,40}", order in 0..3) {
        let arguments = serde_json::json!({ "a": arguments }).to_string();
        let order = match order {
            0 => Order::Run { arguments },
            1 => Order::Cancel { action: ActionId::from_bytes([9; 16]) },
            _ => Order::Rate { every_ms: 2_000, for_ms: 60_000 },
        };
        let envelope = sealed(document(order));
        prop_assert_eq!(Envelope::parse(&envelope.to_bytes()), Ok(envelope));
    }
}

#[test]
fn a_clock_that_is_set_back_revives_nothing_and_one_set_forward_ends_it() {
    let envelope = sealed(document(run("{}")));
    for (now, signed, ok) in [
        (4_999, 0, true),
        (5_000, 0, false),
        (0, 4_999, true),
        (0, 5_000, false),
        (1, 9_000, false),
    ] {
        let device = Device {
            now,
            signed,
            ..Device::good()
        };
        assert_eq!(device.judge(&envelope).is_ok(), ok, "{now} {signed}");
    }
}

#[test]
fn rights_hold_for_the_devices_that_are_listed() {
    let envelope = sealed(document(run("{}")));
    let mut elsewhere = Device::good();
    elsewhere.groups.clear();
    assert_eq!(
        elsewhere.judge(&envelope),
        Err(Refusal::Devices("alice".into()))
    );
    let mut over = Device::good();
    over.now = 1_830_297_600_000;
    assert_eq!(over.judge(&envelope), Err(Refusal::Over("alice".into())));
    let mut nobody = Device::good();
    nobody.operators = Operators::default();
    let unknown = nobody.judge(&envelope).unwrap_err();
    assert!(matches!(unknown, Refusal::Unknown(_)) && !unknown.is_of_an_operator());
    let mut other_group = document(run("{}"));
    other_group.audience = Audience::Group("office".parse().unwrap());
    let mut member = Device::good();
    member.groups.insert("office".parse().unwrap());
    assert_eq!(
        member.judge(&sealed(other_group)),
        Err(Refusal::Devices("alice".into())),
        "who may for one group of a device may not for all of another"
    );
}

#[test]
fn a_plugin_does_what_it_can() {
    let rate = Order::Rate {
        every_ms: 2_000,
        for_ms: 60_000,
    };
    let cancel = Order::Cancel {
        action: ActionId::from_bytes([9; 16]),
    };
    let cases = [
        (run("{}"), Standing::Handler, None),
        (run("{}"), Standing::Collector, Some("handles no actions")),
        (run("{}"), Standing::Unassigned, Some("not assigned")),
        (rate.clone(), Standing::Collector, None),
        (rate.clone(), Standing::Handler, Some("is not sampled")),
        (rate, Standing::Stopped, Some("does not run")),
        (cancel, Standing::Unassigned, None),
    ];
    for (order, standing, refused) in cases {
        let device = Device {
            standing,
            ..Device::good()
        };
        match (device.judge(&sealed(document(order.clone()))), refused) {
            (Ok(_), None) => {}
            (Err(refusal), Some(words)) => {
                assert!(refusal.to_string().contains(words), "{refusal}")
            }
            (other, _) => panic!("{order:?} {standing:?}: {other:?}"),
        }
    }
}

/// A document with one thing changed in its text, signed as it is.
fn respelt(from: &str, to: &str) -> Result<Envelope, EnvelopeError> {
    let text = document(run("{}")).text().unwrap();
    assert!(text.contains(from), "{text}");
    let text = text.replacen(from, to, 1);
    let signature = Signature::from_bytes(sign(&[DOMAIN, text.as_bytes()].concat()));
    Envelope::parse(format!("{signature}\n{text}").as_bytes())
}

#[test]
fn a_document_has_one_spelling_and_its_bounds() {
    assert!(
        respelt("{}", "{ }").is_ok(),
        "arguments are the operator's own text"
    );
    let cases = [
        (r#""format":1"#, r#""format":2"#, "format 2"),
        (r#""format":1,"#, "", "missing field"),
        (r#""format":1,"#, r#""format":1,"more":1,"#, "unknown field"),
        (
            r#""format":1,"#,
            r#""format":1,"format":1,"#,
            "duplicate field",
        ),
        (r#""format":1,"#, r#""format": 1,"#, "spelt in another way"),
        ("1000", "1000.0", "invalid type"),
        ("5000", "999", "expires before"),
        ("5000", "2592001001", "longer than 30 days"),
        (r#""{}""#, r#""[]""#, "no JSON object"),
        (r#""{}""#, r#""{""#, "no JSON object"),
        ("run-program", "Run", "not a name"),
        (
            r#""devices":["01010101010101010101010101010101"]"#,
            r#""devices":[]"#,
            "0 devices",
        ),
        (
            r#"{"run":{"arguments":"{}"}}"#,
            r#"{"run":{"arguments":"{}","x":1}}"#,
            "unknown field",
        ),
        (
            r#"{"run":{"arguments":"{}"}}"#,
            r#"{"rate":{"every-ms":999,"for-ms":60000}}"#,
            "a rate is",
        ),
        (
            r#"{"run":{"arguments":"{}"}}"#,
            r#"{"rate":{"every-ms":2000,"for-ms":86400001}}"#,
            "a rate is",
        ),
    ];
    for (from, to, expected) in cases {
        let refused = respelt(from, to).unwrap_err().to_string();
        assert!(refused.contains(expected), "{to}: {refused}");
    }
}

#[test]
fn what_is_too_long_or_has_another_form_is_none() {
    let long = vec![b'a'; usize::try_from(LONGEST_ENVELOPE.get()).unwrap() + 1];
    assert!(matches!(
        Envelope::parse(&long),
        Err(EnvelopeError::TooLong(_))
    ));
    let arguments = format!("{{\"a\":\"{}\"}}", "x".repeat(64 * 1024));
    let refused = Document::new(
        ActionId::from_bytes([7; 16]),
        Audience::Devices(vec![device()]),
        "run-program".parse().unwrap(),
        run(&arguments),
        (Timestamp::from_ms(1), Timestamp::from_ms(2)),
        OperatorKey::from_bytes(KEY),
    );
    assert!(refused.unwrap_err().to_string().contains("longer than"));
    let good = sealed(document(run("{}"))).to_bytes();
    let upper: Vec<u8> = good.iter().map(u8::to_ascii_uppercase).collect();
    for bad in [
        &b""[..],
        b"{}",
        &good[1..],
        &good[..100],
        &upper,
        &[0xff; 200],
    ] {
        assert_eq!(Envelope::parse(bad), Err(EnvelopeError::Form));
    }
    // The longest arguments fit, whatever is in them.
    let quotes = format!("{{\"a\":\"{}\"}}", "\\\"".repeat(32_000));
    let envelope = sealed(document(run(&quotes)));
    assert_eq!(Envelope::parse(&envelope.to_bytes()), Ok(envelope));
}
