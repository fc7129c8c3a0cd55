//! The thread that makes deadlines live.
//!
//! While calls of guests are in flight it advances the engine's epoch every 10 ms, which
//! interrupts a guest that computes, and wakes every call, so that one that waits for a
//! host call checks its deadline as well. With nothing in flight the thread is parked: an
//! idle agent spends nothing on it.
//!
//! Most calls end before the next tick, and pay for little: a call is *announced*, which is
//! one load where another was announced since the last tick. At least one tick follows, at
//! which a call that is still there is interrupted or wakes, and then *stays*: the thread
//! ticks on until it has landed.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, SeqCst},
            fence,
        },
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
    /// Whether a call was announced since the last tick.
    announced: AtomicBool,
    /// Calls that were there at a tick.
    staying: AtomicUsize,
    /// Whether the thread waits for [`Shared::changed`].
    parked: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    #[cfg(test)]
    ticks: std::sync::atomic::AtomicU64,
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

    /// After `announced` or `staying` changed: either the thread sees that before it parks,
    /// or this sees it parked.
    fn unpark(&self) {
        if self.parked.load(SeqCst) {
            // It waits, or is about to: the lock is free once it does.
            drop(self.lock());
            self.changed.notify_one();
        }
    }

    /// Whether another tick is due. Announcements are over with it.
    fn is_due(&self) -> bool {
        // Both, whatever the first says.
        self.announced.swap(false, SeqCst) | (self.staying.load(SeqCst) > 0)
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

    /// Announces a call whose epoch deadline, of one tick, is set: the next tick comes
    /// after that.
    pub(crate) fn fly(&self) -> Flight<'_> {
        let shared = &*self.shared;
        // The deadline was reckoned from an epoch that was read before.
        fence(Acquire);
        if !shared.announced.load(SeqCst) {
            shared.announced.store(true, SeqCst);
            shared.unpark();
        }
        Flight { shared, stay: None }
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
        if !shared.is_due() {
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
        #[cfg(test)]
        shared.ticks.fetch_add(1, SeqCst);
        let waiting = std::mem::take(&mut shared.lock().waiting);
        waiting.into_values().for_each(Waker::wake);
        state = shared.lock();
    }
}

/// One call in flight; dropping it lands.
pub(crate) struct Flight<'a> {
    shared: &'a Shared,
    /// Since it stays: its number among those that wait to be woken.
    stay: Option<u64>,
}

impl Flight<'_> {
    /// It was interrupted, or waits: ticks come until it has landed.
    pub(crate) fn stay(&mut self) {
        self.number();
    }

    /// Has `waker` woken at the next tick.
    pub(crate) fn wake_at_tick(&mut self, waker: &Waker) {
        let number = self.number();
        self.shared.lock().waiting.insert(number, waker.clone());
    }

    fn number(&mut self) -> u64 {
        let shared = self.shared;
        *self.stay.get_or_insert_with(|| {
            shared.staying.fetch_add(1, SeqCst);
            shared.unpark();
            let mut state = shared.lock();
            state.next += 1;
            state.next
        })
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.stay {
            self.shared.lock().waiting.remove(&number);
            self.shared.staying.fetch_sub(1, SeqCst);
        }
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
        assert_eq!(shared.staying.load(SeqCst), 1);
        drop(flight);
        assert_eq!(shared.staying.load(SeqCst), 0);
        assert!(shared.lock().waiting.is_empty());
    }

    #[test]
    fn an_announced_call_is_reached_by_a_tick_and_one_that_stays_by_many() {
        let engine = crate::engine::engine().unwrap();
        let shared = engine.fly().shared;
        let ticks = || shared.ticks.load(SeqCst);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let before = ticks();
                        let mut flight = engine.fly();
                        until(|| ticks() > before);
                        flight.stay();
                        let before = ticks();
                        until(|| ticks() > before + 2);
                    }
                });
            }
        });
        until(|| shared.parked.load(SeqCst) && !shared.announced.load(SeqCst));
        let (before, began) = (ticks(), std::time::Instant::now());
        std::thread::sleep(5 * TICK);
        assert_eq!(
            ticks(),
            before,
            "with nothing in flight, {:?}",
            began.elapsed()
        );
    }

    fn until(reached: impl Fn() -> bool) {
        let began = std::time::Instant::now();
        while !reached() {
            assert!(began.elapsed() < Duration::from_secs(20), "no tick came");
            std::thread::yield_now();
        }
    }

    #[test]
    fn ends_with_the_engine() {
        let engine = crate::engine::engine().unwrap();
        drop(engine.fly());
        drop(engine);
    }
}
