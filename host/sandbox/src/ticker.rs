//! The thread that makes deadlines live.
//!
//! While a call of a guest is in flight it advances the engine's epoch every 10 ms, which
//! interrupts a guest that computes, and wakes every call, so that one that waits for a
//! host call checks its deadline as well. With nothing in flight the thread is parked: an
//! idle agent spends nothing on it.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
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
    in_flight: AtomicUsize,
    /// Whether the thread waits for [`Shared::changed`]. A call that finds it false need
    /// not take the lock: most calls end before the next tick.
    parked: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    next: u64,
    waiting: BTreeMap<u64, Waker>,
}

impl Shared {
    /// Nothing that holds the lock can panic between two changes that belong together.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn unpark(&self) {
        drop(self.lock());
        self.changed.notify_one();
    }
}

impl Ticker {
    /// Starts the thread, parked.
    pub(crate) fn start(engine: wasmtime::Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name("bailiwick-tick".into())
            .stack_size(128 * 1024)
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
    pub(crate) fn fly(&self) -> Flight<'_> {
        let shared = &*self.shared;
        // Either the thread sees this count before it parks, or this sees it parked.
        shared.in_flight.fetch_add(1, SeqCst);
        if shared.parked.load(SeqCst) {
            shared.unpark();
        }
        Flight { shared, id: None }
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
        shared.parked.store(true, SeqCst);
        if shared.in_flight.load(SeqCst) == 0 {
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        shared.parked.store(false, SeqCst);
        drop(state);
        std::thread::sleep(TICK);
        engine.increment_epoch();
        let waiting = std::mem::take(&mut shared.lock().waiting);
        waiting.into_values().for_each(Waker::wake);
        state = shared.lock();
    }
}

/// One call in flight; dropping it lands.
pub(crate) struct Flight<'a> {
    shared: &'a Shared,
    id: Option<u64>,
}

impl Flight<'_> {
    /// Has `waker` woken at the next tick.
    pub(crate) fn wake_at_tick(&mut self, waker: &Waker) {
        let mut state = self.shared.lock();
        let id = *self.id.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        state.waiting.insert(id, waker.clone());
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.lock().waiting.remove(&id);
        }
        self.shared.in_flight.fetch_sub(1, SeqCst);
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
        let mut flight = engine.fly();
        flight.wake_at_tick(&waker);
        woken.recv().unwrap();
        flight.wake_at_tick(&waker);
        woken.recv().unwrap();
        let shared = flight.shared;
        assert_eq!(shared.in_flight.load(SeqCst), 1);
        drop(flight);
        assert_eq!(shared.in_flight.load(SeqCst), 0);
        assert!(shared.lock().waiting.is_empty());
    }

    #[test]
    fn ends_with_the_engine() {
        let engine = crate::engine::engine().unwrap();
        drop(engine.fly());
        drop(engine);
    }
}
