//! One keeper that waits while a run may be asked for, so that the run need not wait for it:
//! to start one takes some milliseconds, and to join a cgroup up to twenty, for the kernel
//! waits until no processor can be in the middle of a fork (an RCU grace period).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use super::kept::Kept;
use crate::privileged::Privileged;

/// Where one keeper waits, while anybody expects runs.
#[derive(Debug)]
pub(crate) struct Parked {
    privileged: Arc<Privileged>,
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// How many expect runs.
    expecting: usize,
    keeper: Option<Kept>,
}

/// Somebody expects runs as long as this is kept.
#[derive(Debug)]
pub(crate) struct Expecting(Arc<Parked>);

/// Has another keeper parked when it goes: a run's last deed, however that ends.
#[derive(Debug)]
pub(crate) struct Refill(Arc<Parked>);

impl Parked {
    /// Has `privileged` start its keepers.
    pub(crate) fn new(privileged: Arc<Privileged>) -> Arc<Self> {
        let place = Mutex::default();
        Arc::new(Self { privileged, place })
    }

    /// From now on somebody expects runs.
    pub(crate) fn expect(self: &Arc<Self>) -> Expecting {
        self.lock().expecting += 1;
        self.refill();
        Expecting(Arc::clone(self))
    }

    /// The keeper that waits, if one does. Another one is parked when the second value goes.
    pub(crate) fn take(self: &Arc<Self>) -> (Option<Kept>, Refill) {
        (self.lock().keeper.take(), Refill(Arc::clone(self)))
    }

    /// A keeper that nobody has parked.
    pub(crate) fn start(&self) -> std::io::Result<Kept> {
        Kept::start(&self.privileged)
    }

    /// Parks a keeper where one is missing, beside whatever this thread does next.
    fn refill(self: &Arc<Self>) {
        let parked = Arc::clone(self);
        // Without a runtime the process is about to end.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { parked.fill() });
        }
    }

    fn fill(&self) {
        let mut place = self.lock();
        if place.expecting > 0 && place.keeper.is_none() {
            // If none can be had now, runs try by themselves, and say why not.
            place.keeper = self.start().ok();
        }
    }

    /// What is whole between two calls, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Expecting {
    fn drop(&mut self) {
        let mut place = self.0.lock();
        place.expecting -= 1;
        if place.expecting == 0 {
            // The line is cut: it ends.
            place.keeper = None;
        }
    }
}

impl Drop for Refill {
    fn drop(&mut self) {
        self.0.refill();
    }
}
