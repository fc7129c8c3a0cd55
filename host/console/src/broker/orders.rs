//! Envelopes on their way to devices, from the ledger: at once when one was handed in, and
//! again in every connection until its outcome has come.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use bailiwick_core::{action::ActionId, ids::DeviceId, time::Timestamp};
use bailiwick_transport::mqtt::{Client, Message, topic::Topic};
use tokio::{sync::watch, time::sleep};

use super::{foreign::Entrance, say};
use crate::actions::Actions;
pub(super) use crate::actions::Pending as Envelope;

/// Without a ring the ledger is looked at so often: an outcome may have made room.
const LOOK: Duration = Duration::from_secs(60);
/// Until the next look after one that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// What a connected device was handed.
pub(super) struct Pushed {
    actions: Actions,
    device: DeviceId,
    now: fn() -> Timestamp,
    changed: watch::Receiver<u64>,
    pushed: HashSet<ActionId>,
    looked: bool,
}

impl Pushed {
    pub(super) fn new(entrance: &Entrance, device: DeviceId) -> Self {
        Self {
            actions: entrance.actions.clone(),
            device,
            now: entrance.now,
            changed: entrance.actions.changed(),
            pushed: HashSet::new(),
            looked: false,
        }
    }

    /// What is to be handed over, as soon as there is something. Dropped in the middle it
    /// loses nothing: what it found counts as handed over when it is returned.
    pub(super) async fn next(&mut self) -> Vec<Envelope> {
        loop {
            if self.looked {
                tokio::select! {
                    // The sender lives as long as the ledger, which this holds.
                    _ = self.changed.changed() => {}
                    () = sleep(LOOK) => {}
                }
            }
            self.looked = false;
            let Ok(found) = self.actions.pending(self.device, (self.now)()).await else {
                sleep(AGAIN).await;
                continue;
            };
            self.looked = true;
            let known: HashSet<ActionId> = found.iter().map(|one| one.action).collect();
            // What was answered needs no place in memory.
            self.pushed.retain(|action| known.contains(action));
            let fresh: Vec<Envelope> = found
                .into_iter()
                .filter(|one| !self.pushed.contains(&one.action))
                .collect();
            if !fresh.is_empty() {
                self.pushed.extend(fresh.iter().map(|one| one.action));
                return fresh;
            }
        }
    }
}

/// Envelopes at somebody else's broker: retained there for the device until it has answered,
/// so that it has them when it connects.
pub(super) struct Orders {
    entrance: Entrance,
    changed: watch::Receiver<u64>,
    /// Devices that were heard of, and those that owe an outcome.
    devices: BTreeSet<DeviceId>,
    placed: HashSet<(DeviceId, ActionId)>,
    is_due: bool,
}

impl Orders {
    pub(super) fn new(entrance: &Entrance) -> Self {
        Self {
            entrance: entrance.clone(),
            changed: entrance.actions.changed(),
            devices: BTreeSet::new(),
            placed: HashSet::new(),
            is_due: true,
        }
    }

    /// A device sent something: what is for its group is for it too.
    pub(super) fn heard(&mut self, device: DeviceId) {
        self.is_due |= self.devices.insert(device);
    }

    /// What is to be placed.
    pub(super) async fn next(&mut self) -> Vec<(DeviceId, Envelope)> {
        loop {
            if !self.is_due {
                tokio::select! {
                    _ = self.changed.changed() => {}
                    () = sleep(LOOK) => {}
                }
                self.is_due = true;
            }
            match self.look().await {
                Ok(found) => {
                    self.is_due = false;
                    if !found.is_empty() {
                        return found;
                    }
                }
                Err(reason) => {
                    say(&format!("actions wait: {reason}"));
                    sleep(AGAIN).await;
                }
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<(DeviceId, Envelope)>, crate::store::PostError> {
        let (actions, now) = (&self.entrance.actions, (self.entrance.now)());
        self.devices.extend(actions.awaited(now).await?);
        let mut found = Vec::new();
        for device in &self.devices {
            for one in actions.pending(*device, now).await? {
                if !self.placed.contains(&(*device, one.action)) {
                    found.push((*device, one));
                }
            }
        }
        Ok(found)
    }

    /// Places what was found.
    pub(super) fn place(&mut self, client: &Client, found: Vec<(DeviceId, Envelope)>) {
        for (device, Envelope { action, envelope }) in found {
            let topic = Topic::Action { device, action }.to_string();
            // It is sent until the broker has it; whether the device has, its outcome says.
            drop(client.retain(topic, envelope.into()));
            self.placed.insert((device, action));
        }
    }

    /// Takes an envelope away of which an outcome was stored.
    pub(super) fn answered(&mut self, client: &Client, message: &Message) {
        let Some(Topic::Outcome { device, .. }) = Topic::parse(&message.topic) else {
            return;
        };
        if let Ok(outcome) = super::post::outcome(&message.payload, &device) {
            let action = outcome.action;
            let topic = Topic::Action { device, action }.to_string();
            drop(client.retain(topic, Default::default()));
            self.placed.remove(&(device, action));
        }
    }
}
