//! Which device is connected, so that a second connection ends the first [MQTT-3.1.4-2].

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bailiwick_core::ids::DeviceId;
use tokio::sync::oneshot;

/// The connections by device.
#[derive(Default)]
pub(super) struct Hub(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    by_device: HashMap<DeviceId, (u64, oneshot::Sender<()>)>,
    next: u64,
}

/// A place in the hub.
pub(super) struct Place {
    device: DeviceId,
    number: u64,
    /// Resolves when the device connected anew.
    pub(super) replaced: oneshot::Receiver<()>,
}

impl Hub {
    /// Takes the device's place; who had it is told.
    pub(super) fn enter(&self, device: DeviceId) -> Place {
        let (tell, replaced) = oneshot::channel();
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        // Dropping the other sender is what tells.
        entries.by_device.insert(device, (number, tell));
        Place {
            device,
            number,
            replaced,
        }
    }

    /// Gives the place up, unless another connection has it by now.
    pub(super) fn leave(&self, place: &Place) {
        let mut entries = self.lock();
        let number = entries.by_device.get(&place.device).map(|entry| entry.0);
        if number == Some(place.number) {
            entries.by_device.remove(&place.device);
        }
    }

    /// Ends the connection of a device, if it has one.
    pub(super) fn evict(&self, device: &DeviceId) -> bool {
        // Dropping the sender is what tells.
        self.lock().by_device.remove(device).is_some()
    }

    /// A map is whole between two calls, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_connection_ends_the_first_and_not_itself() {
        let hub = Hub::default();
        let device = DeviceId::from_bytes([1; 16]);
        let mut first = hub.enter(device);
        let mut other = hub.enter(DeviceId::from_bytes([2; 16]));
        assert!(
            first
                .replaced
                .try_recv()
                .is_err_and(|e| e == oneshot::error::TryRecvError::Empty)
        );
        let mut second = hub.enter(device);
        assert_eq!(
            first.replaced.try_recv(),
            Err(oneshot::error::TryRecvError::Closed)
        );
        hub.leave(&first);
        for place in [&mut second, &mut other] {
            assert_eq!(
                place.replaced.try_recv(),
                Err(oneshot::error::TryRecvError::Empty)
            );
            hub.leave(place);
        }
        assert!(hub.lock().by_device.is_empty());
    }
}
