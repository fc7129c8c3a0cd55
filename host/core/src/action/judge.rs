//! Whether a device does what an envelope asks: checked in this order, so that nothing is
//! looked at that an earlier check would have refused.
//!
//! 1. **signature**: the key that the document names signed it;
//! 2. **right**: the `policies` role lists that key, for this plugin, for these devices, today;
//! 3. **audience**: this device is meant;
//! 4. **expiry**: by the larger of the clock and the highest signed time that was seen, so
//!    that a clock that is set back revives nothing;
//! 5. **nonce**: it never ran here;
//! 6. **policy**: the plugin is assigned, runs, and does what is asked.

use std::{collections::BTreeSet, time::Duration};

use super::{
    ActionId, Envelope, Operator, OperatorKey, Operators, Request, Signature,
    document::{Audience, Document, Order},
};
use crate::{
    ids::{DeviceId, GroupName, PluginName},
    time::Timestamp,
};

/// What a device knows when an envelope comes.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Who may sign.
    pub operators: &'a Operators,
    /// The device.
    pub device: &'a DeviceId,
    /// Its groups.
    pub groups: &'a BTreeSet<GroupName>,
    /// The latest time that somebody trusted signed, as far as this device has seen.
    pub signed: Timestamp,
    /// Its clock.
    pub now: Timestamp,
    /// How the plugin that is meant stands.
    pub standing: Standing,
}

/// How a plugin stands on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody assigned it to the device.
    Unassigned,
    /// It is assigned and does not run.
    Stopped,
    /// It runs, and handles actions.
    Handler,
    /// It runs, and is sampled.
    Collector,
}

/// What a device does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Hands it to the handler.
    Run(Request),
    /// Calls an action of this handler off.
    Cancel {
        /// Which.
        action: ActionId,
        /// Whose.
        handler: PluginName,
    },
    /// Samples a plugin faster for a while.
    Rate {
        /// Which.
        plugin: PluginName,
        /// From one sample to the next.
        every: Duration,
        /// For how long from now.
        lasts: Duration,
    },
}

/// Why it does nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The signature is not that of the key.
    #[error("signature: the key that it names did not sign it; sign it anew")]
    Signature,
    /// Nobody lists the key.
    #[error(
        "right: no operator has the key {0}; whoever holds the key of policies adds it with \
         `bailiwick-console repo operator add`"
    )]
    Unknown(OperatorKey),
    /// The operator's time is over.
    #[error("right: {0} may sign actions no more; `bailiwick-console repo operator add` renews it")]
    Over(String),
    /// Not this plugin.
    #[error("right: {name} may not give orders to {handler}")]
    Handler {
        /// Who.
        name: String,
        /// To which.
        handler: PluginName,
    },
    /// Not these devices.
    #[error("right: {0} may not give orders to the devices that it is meant for")]
    Devices(String),
    /// Another device is meant.
    #[error("audience: it is meant for other devices")]
    Audience,
    /// It is too late.
    #[error("expiry: it was to begin before {0}, and that is over; sign a new one")]
    Expired(Expiry),
    /// It ran.
    #[error("nonce: it was here before; sign a new one to do it again")]
    Seen,
    /// The plugin is not assigned.
    #[error("policy: the plugin {0} is not assigned to this device")]
    Unassigned(PluginName),
    /// The plugin does not run.
    #[error("policy: the plugin {0} does not run; `bailiwick status` on the device says why")]
    Stopped(PluginName),
    /// It handles nothing.
    #[error("policy: the plugin {0} handles no actions")]
    NoHandler(PluginName),
    /// It is not sampled.
    #[error("policy: the plugin {0} is not sampled")]
    NotSampled(PluginName),
}

/// When an action expired, as people of a log read it: milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry(pub Timestamp);

impl std::fmt::Display for Expiry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ms after 1970", self.0.as_ms())
    }
}

impl Refusal {
    /// Whether somebody who may give orders signed it: only of such a one is the id worth
    /// anything.
    pub fn is_of_an_operator(&self) -> bool {
        !matches!(self, Self::Signature | Self::Unknown(_))
    }
}

/// Judges an envelope. `seen` says whether an action was here before.
///
/// # Errors
/// The first check that fails, in the order of this module.
pub fn judge(
    envelope: &Envelope,
    device: &Judged<'_>,
    seen: impl FnOnce(&ActionId) -> bool,
    verify: impl FnOnce(&OperatorKey, &[u8], &Signature) -> bool,
) -> Result<Accepted, Refusal> {
    if !envelope.verifies(verify) {
        return Err(Refusal::Signature);
    }
    let document = envelope.document();
    let time = device.now.max(device.signed);
    right(document, device, time)?;
    let meant = match &document.audience {
        Audience::Devices(devices) => devices.contains(device.device),
        Audience::Group(group) => device.groups.contains(group),
    };
    if !meant {
        return Err(Refusal::Audience);
    }
    if time >= document.expires {
        return Err(Refusal::Expired(Expiry(document.expires)));
    }
    if seen(&document.id) {
        return Err(Refusal::Seen);
    }
    policy(document, device.standing)
}

fn right(document: &Document, device: &Judged<'_>, time: Timestamp) -> Result<(), Refusal> {
    let operator: &Operator = device
        .operators
        .of(&document.key)
        .ok_or(Refusal::Unknown(document.key))?;
    let name = || operator.name.clone();
    if time >= operator.until {
        return Err(Refusal::Over(name()));
    }
    if !operator.handlers.covers(&document.handler) {
        return Err(Refusal::Handler {
            name: name(),
            handler: document.handler.clone(),
        });
    }
    let reaches = match &document.audience {
        Audience::Group(group) => operator.groups.covers(group),
        Audience::Devices(_) => operator.groups.covers_any(device.groups),
    };
    if reaches {
        Ok(())
    } else {
        Err(Refusal::Devices(name()))
    }
}

fn policy(document: &Document, standing: Standing) -> Result<Accepted, Refusal> {
    let handler = document.handler.clone();
    match (&document.order, standing) {
        // What was begun can be called off whatever became of the plugin.
        (Order::Cancel { action }, _) => Ok(Accepted::Cancel {
            action: *action,
            handler,
        }),
        (_, Standing::Unassigned) => Err(Refusal::Unassigned(handler)),
        (_, Standing::Stopped) => Err(Refusal::Stopped(handler)),
        (Order::Run { .. }, Standing::Collector) => Err(Refusal::NoHandler(handler)),
        (Order::Rate { .. }, Standing::Handler) => Err(Refusal::NotSampled(handler)),
        (Order::Run { arguments }, Standing::Handler) => Ok(Accepted::Run(Request {
            id: document.id,
            handler,
            arguments: arguments.clone(),
            expires: document.expires,
        })),
        (Order::Rate { every_ms, for_ms }, Standing::Collector) => Ok(Accepted::Rate {
            plugin: handler,
            every: Duration::from_millis(*every_ms),
            lasts: Duration::from_millis(*for_ms),
        }),
    }
}
