//! Magic packets that the privileged process sends, for a raw frame takes a right that the agent
//! gave up: both ends of that.

use std::{os::unix::net::UnixStream, time::Duration};

use bailiwick_core::{
    digest::Sha256,
    policy::Rates,
    ports::{Clock as _, WakeCarrier, WakeError},
};

use super::linux;
use crate::{
    SystemClock,
    privileged::{Privileged, Request, SignedPolicies, tell},
};

/// A packet, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Digest of the policy that grants it.
    pub(crate) policy: Sha256,
    /// The name of the link.
    pub(crate) link: String,
    pub(crate) by: WakeCarrier,
    pub(crate) payload: Vec<u8>,
}

/// Words with which an answer begins: it was sent; not yet, and in how many milliseconds; not,
/// and why.
const SENT: u8 = b'+';
const LATER: u8 = b'l';
const NOT: u8 = b'n';

/// Has `privileged` send a packet.
pub(super) fn ask(privileged: &Privileged, packet: Packet) -> Result<(), WakeError> {
    let answer = privileged.ask(&Request::Wake(packet), None);
    let answer = answer.map_err(|error| WakeError::Unavailable(error.to_string()))?;
    match answer.split_first() {
        Some((&SENT, _)) => Ok(()),
        Some((&LATER, wait)) => {
            let wait = wait.try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
            Err(WakeError::TooOften(Duration::from_millis(wait)))
        }
        _ => {
            let reason = String::from_utf8_lossy(answer.get(1..).unwrap_or_default());
            Err(WakeError::Unavailable(reason.into_owned()))
        }
    }
}

/// Sends a packet if a signed policy grants it, as often as that says, and says what came of it.
pub(crate) fn answer(
    packet: &Packet,
    signed: &mut dyn SignedPolicies,
    rates: &mut Rates,
    clock: &SystemClock,
    to: UnixStream,
) {
    let answer = match send(packet, signed, rates, clock) {
        Ok(()) => vec![SENT],
        Err(WakeError::TooOften(wait)) => {
            let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            [&[LATER][..], &wait.to_le_bytes()].concat()
        }
        Err(error) => [&[NOT][..], error.to_string().as_bytes()].concat(),
    };
    tell(to, &answer);
}

fn send(
    packet: &Packet,
    signed: &mut dyn SignedPolicies,
    rates: &mut Rates,
    clock: &SystemClock,
) -> Result<(), WakeError> {
    let policy = signed.policy(&packet.policy);
    let policy = policy.map_err(WakeError::Unavailable)?;
    let allowed = policy.wake();
    let allowed = allowed.allows(&packet.payload, &packet.link, clock.now());
    let allowed = allowed.map_err(|why| WakeError::Unavailable(why.to_string()))?;
    if !allowed.link_is_named && linux::is_virtual(&packet.link) {
        return Err(WakeError::Virtual);
    }
    rates
        .take(&policy.plugin, allowed.per_minute, clock.monotonic())
        .map_err(WakeError::TooOften)?;
    linux::send(&packet.link, packet.by, &packet.payload)
        .map_err(|error| WakeError::Unavailable(error.to_string()))
}
