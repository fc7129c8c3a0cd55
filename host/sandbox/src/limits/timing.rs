//! Deadline and CPU budget of one call.
//!
//! Both are checked before and after each poll of the call, and at each tick of the epoch
//! while the guest computes. The ticker wakes a call that waits for a host call, so that
//! the deadline holds there too.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
};

use bailiwick_core::{
    limits::Limits,
    ports::Clock,
    time::{Monotonic, Span},
};

use super::{CpuWindow, Enforced, Enforcer};
use crate::{ticker::Flight, trap::Trap};

/// The clock, and what the current call has used. A call's fields are set by its owner
/// before it is polled; they are atomic because the guest's thread changes from poll to
/// poll.
pub(crate) struct Timing {
    clock: Arc<dyn Clock>,
    enforced: Enforced,
    deadline: Span,
    call: Call,
}

#[derive(Default)]
struct Call {
    began_ns: AtomicU64,
    left_ns: AtomicU64,
    used_ns: AtomicU64,
    /// Thread CPU time at which the current poll began, or [`BY_THE_WALL`].
    poll_cpu_ns: AtomicU64,
    poll_began_ns: AtomicU64,
    /// The window in which the call began.
    window: std::sync::Mutex<Option<CpuWindow>>,
}

/// The first poll of a call is charged by the monotonic clock: a thread has never used
/// more CPU time than has passed, and reading CPU time costs more than an empty call. It
/// ends at the next tick at the latest; later polls are charged exactly.
const BY_THE_WALL: u64 = u64::MAX;

impl Timing {
    pub(crate) fn new(clock: Arc<dyn Clock>, limits: &Limits, enforced: Enforced) -> Self {
        Self {
            clock,
            enforced,
            deadline: limits.deadline,
            call: Call::default(),
        }
    }

    fn now(&self) -> Monotonic {
        self.clock.monotonic()
    }

    /// A call begins, with `left_ns` of `window`.
    fn begin(&self, now: Monotonic, window: CpuWindow, left_ns: u64) {
        let call = &self.call;
        call.began_ns.store(now.as_ns(), Relaxed);
        call.left_ns.store(left_ns, Relaxed);
        call.used_ns.store(0, Relaxed);
        call.poll_cpu_ns.store(BY_THE_WALL, Relaxed);
        call.poll_began_ns.store(now.as_ns(), Relaxed);
        *self.window() = Some(window);
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Option<CpuWindow>> {
        self.call
            .window
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// CPU time of the current poll so far.
    fn poll_used_ns(&self, now: Monotonic) -> u64 {
        match self.call.poll_cpu_ns.load(Relaxed) {
            BY_THE_WALL => now
                .as_ns()
                .saturating_sub(self.call.poll_began_ns.load(Relaxed)),
            began => self.clock.thread_cpu_ns().saturating_sub(began),
        }
    }

    /// At a tick, on the thread that polls the call.
    pub(crate) fn check_in_poll(&self) -> Result<(), Trap> {
        let now = self.now();
        self.check(now, self.poll_used_ns(now))
    }

    fn check(&self, now: Monotonic, poll_used_ns: u64) -> Result<(), Trap> {
        let began = Monotonic::from_ns(self.call.began_ns.load(Relaxed));
        if self.enforced.is_on(Enforcer::Deadline) && now.since(began) > self.deadline.get() {
            return Err(Trap::Deadline);
        }
        let used = self.call.used_ns.load(Relaxed).saturating_add(poll_used_ns);
        let left = self.call.left_ns.load(Relaxed);
        // The window is looked at only by a call that seems to have passed it.
        if self.enforced.is_on(Enforcer::Cpu)
            && used > left
            && self
                .window()
                .is_none_or(|window| used > window.allowed_ns(left, now))
        {
            return Err(Trap::Cpu);
        }
        Ok(())
    }

    /// Runs `call` under the deadline and what `window` has left, and charges the window.
    /// Also tells what it cost.
    pub(crate) async fn run<T>(
        &self,
        mut flight: Flight,
        window: &mut CpuWindow,
        call: impl Future<Output = T>,
    ) -> (Result<T, Trap>, Spent) {
        let began = self.now();
        let left_ns = window.left_ns(began);
        self.begin(began, *window, left_ns);
        let mut charge = Charge {
            timing: self,
            window,
        };
        let mut call = pin!(call);
        let mut first = true;
        let result = poll_fn(|cx| {
            if !first {
                if let Err(trap) = self.check(self.now(), 0) {
                    return Poll::Ready(Err(trap));
                }
                self.call
                    .poll_cpu_ns
                    .store(self.clock.thread_cpu_ns(), Relaxed);
            }
            first = false;
            let polled = call.as_mut().poll(cx);
            let now = self.now();
            self.call.used_ns.fetch_add(self.poll_used_ns(now), Relaxed);
            if polled.is_pending() {
                flight.wake_at_tick(cx.waker());
            }
            match self.check(now, 0) {
                Ok(()) => polled.map(Ok),
                Err(trap) => match polled {
                    // It ended within its last tick: the result counts, and the window
                    // is charged with all of it.
                    Poll::Ready(value) if trap == Trap::Cpu => Poll::Ready(Ok(value)),
                    Poll::Ready(_) | Poll::Pending => Poll::Ready(Err(trap)),
                },
            }
        })
        .await;
        let spent = charge.settle();
        (result, spent)
    }
}

/// What a call cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// On the clock, in nanoseconds.
    pub(crate) elapsed_ns: u64,
    /// CPU time, in nanoseconds.
    pub(crate) cpu_ns: u64,
}

/// Charges the window even if the call's future is dropped.
struct Charge<'a> {
    timing: &'a Timing,
    window: &'a mut CpuWindow,
}

impl Charge<'_> {
    fn settle(&mut self) -> Spent {
        let now = self.timing.now();
        let cpu_ns = self.timing.call.used_ns.swap(0, Relaxed);
        self.window.charge(cpu_ns, now);
        let began = self.timing.call.began_ns.load(Relaxed);
        Spent {
            elapsed_ns: now.as_ns().saturating_sub(began),
            cpu_ns,
        }
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.settle();
    }
}
