//! The matcher of `wake` grants, and what a magic packet is.

use super::{Capability, Denial, Effect, Grant, Policy, Scope};
use crate::time::Timestamp;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// What of `wake` a grant means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wakes {
    /// Whom. A shorter list of bytes means every address that begins so; an empty one all.
    pub macs: Vec<Vec<u8>>,
    /// On which links; none named means every link that is a card of its own, and none that
    /// is virtual.
    pub links: Vec<String>,
    /// Most packets in a minute.
    pub per_minute: u16,
}

/// The wake grants of a policy.
#[derive(Clone, Debug, Default)]
pub struct Wake(Vec<Grant>);

/// What a packet is sent under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeAllowed {
    /// Whom it wakes.
    pub mac: Mac,
    /// Whether the grant names the link, so that it may be a virtual one.
    pub link_is_named: bool,
    /// Most packets of the plugin in a minute.
    pub per_minute: u16,
}

/// Why a packet is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WakeRefusal {
    /// The payload is something else.
    #[error("it is no magic packet: {0}")]
    NotMagic(&'static str),
    /// No grant covers the address on this link.
    #[error("it is not granted: {0}")]
    Denied(Denial),
}

/// The address that `payload` wakes.
///
/// # Errors
///
/// It is no magic packet, and why: 6 bytes 0xff, 16 times the address, then nothing or a
/// SecureOn password of 4 or 6 bytes.
pub fn magic(payload: &[u8]) -> Result<Mac, WakeRefusal> {
    const REPEATED: usize = 6 + 16 * 6;
    if !matches!(payload.len().checked_sub(REPEATED), Some(0 | 4 | 6)) {
        return Err(WakeRefusal::NotMagic("its length is not 102, 106 or 108"));
    }
    let (head, rest) = payload.split_at(6);
    if head != [0xff; 6] {
        return Err(WakeRefusal::NotMagic("it does not begin with 6 bytes 0xff"));
    }
    let (addresses, _password) = rest.split_at(16 * 6);
    let mut mac = [0; 6];
    mac.copy_from_slice(&addresses[..6]);
    if addresses.chunks_exact(6).any(|each| each != mac) {
        return Err(WakeRefusal::NotMagic(
            "it does not repeat one address 16 times",
        ));
    }
    if mac[0] & 1 != 0 {
        return Err(WakeRefusal::NotMagic(
            "the address is of a group, not of a card",
        ));
    }
    Ok(mac)
}

/// The packet that wakes `mac`, without a password.
pub fn packet_for(mac: Mac) -> Vec<u8> {
    [vec![0xff; 6], mac.repeat(16)].concat()
}

impl Policy {
    /// The matcher of its wake grants.
    pub fn wake(&self) -> Wake {
        Wake(self.grants_of(Capability::Wake).cloned().collect())
    }
}

impl Wakes {
    fn covers(&self, mac: Mac, link: &str) -> bool {
        self.macs.iter().any(|prefix| mac.starts_with(prefix))
            && (self.links.is_empty() || self.links.iter().any(|named| named == link))
    }
}

impl Wake {
    /// Under what `payload` may be sent on `link` at `now`. Deny beats allow.
    ///
    /// # Errors
    ///
    /// It is no magic packet, or no grant covers it.
    pub fn allows(
        &self,
        payload: &[u8],
        link: &str,
        now: Timestamp,
    ) -> Result<WakeAllowed, WakeRefusal> {
        let mac = magic(payload)?;
        let mut allowed: Option<WakeAllowed> = None;
        let mut denial = Denial::NotGranted;
        for grant in &self.0 {
            let Scope::Wakes(wakes) = &grant.scope else {
                continue;
            };
            if !wakes.covers(mac, link) {
                continue;
            }
            match (grant.effect, grant.expires) {
                (Effect::Deny, _) => {
                    let by = grant.source;
                    return Err(WakeRefusal::Denied(Denial::Denied { by }));
                }
                (Effect::Allow, Some(at)) if at <= now => {
                    let grant = grant.source;
                    denial = Denial::Expired { grant, at };
                }
                (Effect::Allow, _) => {
                    let before = allowed.map_or((false, 0), |a| (a.link_is_named, a.per_minute));
                    allowed = Some(WakeAllowed {
                        mac,
                        link_is_named: before.0 || !wakes.links.is_empty(),
                        per_minute: before.1.max(wakes.per_minute),
                    });
                }
            }
        }
        allowed.ok_or(WakeRefusal::Denied(denial))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: Mac = [0x52, 0x54, 0, 1, 2, 3];

    fn packet(mac: Mac, password: &[u8]) -> Vec<u8> {
        [vec![0xff; 6], mac.repeat(16), password.to_vec()].concat()
    }

    fn wake(grants: &str) -> Wake {
        let text = format!("{}{grants}", include_str!("../../fixtures/policy.toml"));
        Policy::parse("p.toml", &text).unwrap().wake()
    }

    fn grant(scope: &str) -> String {
        format!(
            "[[grant]]\ncapability = \"wake\"\n{scope}\nreason = \"A test.\"\n\
             approved-by = \"tests\"\nrisk = \"low\"\n"
        )
    }

    #[test]
    fn only_magic_packets_are_magic() {
        for password in [&[][..], &[1; 4], &[1; 6]] {
            assert_eq!(magic(&packet(MAC, password)), Ok(MAC));
        }
        let mut broken = packet(MAC, &[]);
        broken[50] ^= 1;
        let mut headless = packet(MAC, &[]);
        headless[0] = 0;
        for other in [
            broken,
            headless,
            packet(MAC, &[1; 5]),
            packet(MAC, &[1; 8]),
            packet([0xff; 6], &[]),
            Vec::new(),
        ] {
            assert!(matches!(magic(&other), Err(WakeRefusal::NotMagic(_))));
        }
    }

    #[test]
    fn addresses_links_and_denials_are_respected() {
        let wake = wake(
            &[
                grant(
                    "effect = \"allow\"\nmacs = [\"52:54:00\"]\nlinks = [\"lan0\"]\nper-minute = 6",
                ),
                grant("effect = \"allow\"\nmacs = [\"any\"]\nper-minute = 2"),
                grant("effect = \"deny\"\nmacs = [\"52:54:00:ff:ff:ff\"]"),
            ]
            .concat(),
        );
        let ask = |mac, link| wake.allows(&packet(mac, &[]), link, Timestamp::EPOCH);
        let named = ask(MAC, "lan0").unwrap();
        assert!(named.link_is_named && named.per_minute == 6 && named.mac == MAC);
        let other = ask(MAC, "lan1").unwrap();
        assert!(!other.link_is_named && other.per_minute == 2);
        let denied = ask([0x52, 0x54, 0, 0xff, 0xff, 0xff], "lan0");
        assert!(matches!(
            denied,
            Err(WakeRefusal::Denied(Denial::Denied { .. }))
        ));
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(payload in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = magic(&payload);
        }
    }
}
