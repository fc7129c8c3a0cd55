use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use bailiwick_core::action::{Audience, Document, OperatorKey, Order};

use super::*;

const DEVICE: DeviceId = DeviceId::from_bytes([7; 16]);
const NOON: Timestamp = Timestamp::from_ms(1_800_000_000_000);
const LATER: Timestamp = Timestamp::from_ms(1_800_000_060_000);

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// What alice signs, of whom `seed` is.
struct Signing {
    id: u8,
    seed: u8,
    audience: Audience,
    handler: &'static str,
    order: Order,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            id: 1,
            seed: 1,
            audience: Audience::Devices(vec![DEVICE]),
            handler: "run-program",
            order: Order::Run {
                arguments: "{}".to_owned(),
            },
        }
    }
}

impl Signing {
    fn sealed(self) -> Envelope {
        let pair = pair(self.seed);
        let key = OperatorKey::from_bytes(pair.public_key().as_ref().try_into().unwrap());
        let document = Document::new(
            ActionId::from_bytes([self.id; 16]),
            self.audience,
            self.handler.parse().unwrap(),
            self.order,
            (NOON, LATER),
            key,
        );
        let sign = |bytes: &[u8]| pair.sign(bytes).as_ref().try_into().ok();
        Envelope::seal(document.unwrap(), sign).unwrap()
    }
}

/// What a device of the group `workshop` knows, whose settings file is in `folder`.
fn asking(folder: &Path) -> Asking {
    let file = folder.join("bailiwick.toml");
    std::fs::write(&file, "format = 1\ngroups = [\"workshop\"]\n").unwrap();
    let mut asking = Asking::new(folder, file, None);
    let key = OperatorKey::from_bytes(pair(1).public_key().as_ref().try_into().unwrap());
    let list = format!(
        "format = 1\n[[operator]]\nname = \"alice\"\nkey = \"{key}\"\n\
         handlers = [\"run-program\"]\ngroups = [\"workshop\"]\nuntil = 2027-12-31\n"
    );
    let digest = Sha256::of(list.as_bytes());
    asking.listed(Some(digest), |_| Some(list)).unwrap();
    asking
}

#[test]
fn what_an_operator_asks_begins_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut asking = asking(folder.path());
    let envelope = Signing::default().sealed();
    let request = asking.judge(&envelope, &DEVICE, NOON).unwrap();
    assert_eq!(request.id, envelope.id());
    let again = asking.judge(&envelope, &DEVICE, NOON).unwrap_err();
    assert!(again.contains("nonce"), "{again}");
}

#[test]
fn what_nobody_asks_of_this_device_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    let mut asking = asking(folder.path());
    let signing = Signing::default;
    let of = |name: &str| Audience::Group(name.parse().unwrap());
    let action = ActionId::from_bytes([9; 16]);
    for (signing, expected) in [
        (
            Signing {
                seed: 2,
                ..signing()
            },
            "no operator has the key",
        ),
        (
            Signing {
                handler: "wake-on-lan",
                ..signing()
            },
            "may not give orders to wake-on-lan",
        ),
        (
            Signing {
                audience: Audience::Devices(vec![DeviceId::from_bytes([8; 16])]),
                ..signing()
            },
            "other devices",
        ),
        (
            Signing {
                audience: of("offices"),
                ..signing()
            },
            "may not give orders to the devices",
        ),
        (
            Signing {
                order: Order::Cancel { action },
                ..signing()
            },
            "no handler to do something",
        ),
    ] {
        let refused = asking.judge(&signing.sealed(), &DEVICE, NOON).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    let late = asking.judge(&signing().sealed(), &DEVICE, LATER);
    assert!(late.unwrap_err().contains("expiry"));
    let mut forged = signing().sealed().to_bytes();
    forged[0] = if forged[0] == b'0' { b'1' } else { b'0' };
    let forged = Envelope::parse(&forged).unwrap();
    let refused = asking.judge(&forged, &DEVICE, NOON).unwrap_err();
    assert!(refused.contains("did not sign"), "{refused}");
}

#[test]
fn a_clock_that_is_set_back_revives_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut asking = asking(folder.path());
    asking.is_at_least(&Signed {
        // A week later than `LATER`: it may have been signed just then.
        timestamp_expires: Some("2027-01-22T08:01:00Z".to_owned()),
        ..Signed::default()
    });
    // What is older says nothing.
    asking.is_at_least(&Signed::default());
    let refused = asking.judge(&Signing::default().sealed(), &DEVICE, NOON);
    assert!(refused.unwrap_err().contains("expiry"));
}

#[test]
fn who_is_taken_off_the_list_asks_no_more_and_neither_does_anybody_while_it_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut asking = asking(folder.path());
    let another = Sha256::of(b"another list");
    let refused = asking.listed(Some(another), |_| None).unwrap_err();
    assert!(refused.contains("not on this device yet"), "{refused}");
    asking
        .listed(Some(another), |_| Some("format = 1\n".to_owned()))
        .unwrap();
    let refused = asking.judge(&Signing::default().sealed(), &DEVICE, NOON);
    assert!(refused.unwrap_err().contains("no operator has the key"));
    asking.listed(None, |_| None).unwrap();
    let refused = asking.judge(&Signing::default().sealed(), &DEVICE, NOON);
    assert!(refused.unwrap_err().contains("no operator has the key"));
}

#[test]
fn groups_are_those_of_the_settings_file_now_unless_others_are_set_in_front_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut asking = asking(folder.path());
    let file = folder.path().join("bailiwick.toml");
    let judge = |asking: &mut Asking, id, text: &str| {
        std::fs::write(&file, text).unwrap();
        let signing = Signing {
            id,
            ..Signing::default()
        };
        asking.judge(&signing.sealed(), &DEVICE, NOON).is_ok()
    };
    let (workshop, offices) = (
        "format = 1\ngroups = [\"workshop\"]\n",
        "format = 1\ngroups = [\"offices\"]\n",
    );
    assert!(!judge(&mut asking, 1, offices));
    assert!(judge(&mut asking, 2, workshop));
    assert!(judge(&mut asking, 3, "groups = "), "the last ones stay");
    asking.settings = Sources::of_groups(file.clone(), Some("offices"));
    assert!(!judge(&mut asking, 4, workshop));
}

#[test]
fn what_began_is_known_until_it_has_expired() {
    let folder = tempfile::tempdir().unwrap();
    let mut asking = asking(folder.path());
    for number in 0..MOST {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_le_bytes());
        asking.began.insert(ActionId::from_bytes(id), LATER);
    }
    let envelope = Signing::default().sealed();
    let refused = asking.judge(&envelope, &DEVICE, NOON).unwrap_err();
    assert!(refused.contains("too many"), "{refused}");
    let half = MOST / 2;
    for expires in asking.began.values_mut().take(half) {
        *expires = Timestamp::EPOCH;
    }
    asking.judge(&envelope, &DEVICE, NOON).unwrap();
    assert_eq!(asking.began.len(), MOST - half + 1);
}
