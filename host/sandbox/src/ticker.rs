//! The thread that makes deadlines live.
//!
//! While a call of a guest is in flight it advances the engine's epoch every 10 ms, which
//! interrupts a guest that computes, and wakes every call, so that one that waits for a
//! host call checks its deadline as well. With nothing in flight the thread is parked: an
//! idle agent spends nothing on it.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Waker,
    thread::JoinHandle,
    time::Duration,
};

/// Time between two ticks: how late a deadline can be noticed.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The thread and what it shares with the calls.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    next: u64,
    flights: BTreeMap<u64, Option<Waker>>,
}

impl Shared {
    /// Nothing that holds the lock can panic between two changes that belong together.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticker {
    /// Starts the thread, parked.
    pub(crate) fn start(engine: wasmtime::Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name("bailiwick-tick".into())
            .stack_size(64 * 1024)
            .spawn({
                let shared = Arc::clone(&shared);
                move || run(&shared, &engine)
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Announces a call.
    pub(crate) fn fly(ticker: &Arc<Self>) -> Flight {
        let mut state = ticker.shared.lock();
        let id = state.next;
        state.next += 1;
        let first = state.flights.is_empty();
        state.flights.insert(id, None);
        drop(state);
        if first {
            ticker.shared.changed.notify_one();
        }
        Flight {
            ticker: Arc::clone(ticker),
            id,
        }
    }

    #[cfg(test)]
    fn in_flight(&self) -> usize {
        self.shared.lock().flights.len()
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It panicked if this fails, and there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, engine: &wasmtime::Engine) {
    let mut state = shared.lock();
    while !state.stopping {
        if state.flights.is_empty() {
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        drop(state);
        std::thread::sleep(TICK);
        engine.increment_epoch();
        state = shared.lock();
        let wakers: Vec<Waker> = state.flights.values_mut().filter_map(Option::take).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        state = shared.lock();
    }
}

/// One call in flight; dropping it lands.
pub(crate) struct Flight {
    ticker: Arc<Ticker>,
    id: u64,
}

impl Flight {
    /// Has `waker` woken at the next tick.
    pub(crate) fn wake_at_tick(&self, waker: &Waker) {
        let mut state = self.ticker.shared.lock();
        let slot = state.flights.entry(self.id).or_default();
        if !slot.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.ticker.shared.lock().flights.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Sender, channel},
        task::Wake,
    };

    use super::*;

    struct Tell(Sender<()>);

    impl Wake for Tell {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn wakes_calls_in_flight_and_forgets_those_that_landed() {
        let engine = crate::engine::engine().unwrap();
        let (sender, woken) = channel();
        let waker = Waker::from(Arc::new(Tell(sender)));
        let flight = engine.fly();
        flight.wake_at_tick(&waker);
        woken.recv().unwrap();
        flight.wake_at_tick(&waker);
        woken.recv().unwrap();
        let ticker = Arc::clone(&flight.ticker);
        assert_eq!(ticker.in_flight(), 1);
        drop(flight);
        assert_eq!(ticker.in_flight(), 0);
    }

    #[test]
    fn ends_with_the_engine() {
        let engine = crate::engine::engine().unwrap();
        drop(engine.fly());
        drop(engine);
    }
}
