//! Another way in: connections that somebody else accepted.

use std::sync::Arc;

use bailiwick_transport::WebSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::enrolment::Peer;

/// Streams that were handed over and not yet taken.
const WAITING: usize = 64;

/// Where to hand streams over. Who comes in here counts among the broker's connections.
#[derive(Clone)]
pub(crate) struct Door {
    slots: Arc<Semaphore>,
    arrivals: mpsc::Sender<Arrival>,
}

/// A stream and its slot.
pub(crate) struct Arrival {
    pub(super) stream: WebSocket,
    pub(super) peer: Peer,
    pub(super) slot: OwnedSemaphorePermit,
}

/// A place among the connections, before its stream is there.
pub(crate) struct Place {
    slot: OwnedSemaphorePermit,
    arrivals: mpsc::Sender<Arrival>,
}

impl Door {
    /// A door to who receives, within `slots`.
    pub(crate) fn new(slots: Arc<Semaphore>) -> (Self, mpsc::Receiver<Arrival>) {
        let (arrivals, arrived) = mpsc::channel(WAITING);
        (Self { slots, arrivals }, arrived)
    }

    /// A place, unless all are taken.
    pub(crate) fn place(&self) -> Option<Place> {
        Some(Place {
            slot: Arc::clone(&self.slots).try_acquire_owned().ok()?,
            arrivals: self.arrivals.clone(),
        })
    }
}

impl Place {
    /// Hands the stream over. A broker that stops, or is swamped, takes none: the client
    /// finds its connection closed, and tries again later.
    pub(crate) fn take(self, stream: WebSocket, peer: Peer) {
        let slot = self.slot;
        drop(self.arrivals.try_send(Arrival { stream, peer, slot }));
    }
}
