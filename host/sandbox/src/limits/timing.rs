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
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use bailiwick_core::{
    charge,
    limits::{CpuShare, Limits},
    ports::Clock,
    time::{Monotonic, Span},
};

use super::{CpuBudget, CpuWindow, Enforced, Enforcer};
use crate::{ticker::Flight, trap::Trap};

/// The clock, and what the current call has used. A call's fields are set by its owner
/// before it is polled; they are atomic because the guest's thread changes from poll to
/// poll.
pub(crate) struct Timing {
    clock: Arc<dyn Clock>,
    enforced: Enforced,
    deadline: Span,
    share: CpuShare,
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
    /// Whether the current poll ends because the guest gives way, not because it waits.
    gives_way: AtomicBool,
    /// When the window began in which the call began.
    window_began_ns: AtomicU64,
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
            share: limits.cpu,
            call: Call::default(),
        }
    }

    fn now(&self) -> Monotonic {
        self.clock.monotonic()
    }

    fn begin(&self, opening: Opening) {
        let call = &self.call;
        let now = opening.now;
        call.began_ns.store(now.as_ns(), Relaxed);
        call.left_ns.store(opening.left_ns, Relaxed);
        let window_began = opening.window.began();
        call.window_began_ns.store(window_began.as_ns(), Relaxed);
        call.used_ns.store(0, Relaxed);
        call.gives_way.store(false, Relaxed);
        call.poll_cpu_ns.store(BY_THE_WALL, Relaxed);
        call.poll_began_ns.store(now.as_ns(), Relaxed);
    }

    /// CPU time that the call may have used by `now`.
    fn allowed_ns(&self, left_ns: u64, now: Monotonic) -> u64 {
        let began = Monotonic::from_ns(self.call.window_began_ns.load(Relaxed));
        CpuWindow::new(self.share, began).allowed_ns(left_ns, now)
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

    /// At a tick, on the thread that polls the call, while the guest computes. If it may go
    /// on, the call gives way to others with what is returned.
    pub(crate) fn tick(&self) -> Result<impl Future<Output = ()> + Send + 'static, Trap> {
        let now = self.now();
        self.check(now, self.poll_used_ns(now))?;
        self.call.gives_way.store(true, Relaxed);
        // Not by waking itself: tokio polls such a task again before it looks at its
        // clock, and a few of them delay every timer by 61 ticks.
        Ok(tokio::task::yield_now())
    }

    fn check(&self, now: Monotonic, poll_used_ns: u64) -> Result<(), Trap> {
        let began = Monotonic::from_ns(self.call.began_ns.load(Relaxed));
        if self.enforced.is_on(Enforcer::Deadline) && now.since(began) > self.deadline.get() {
            return Err(Trap::Deadline);
        }
        let used = self.call.used_ns.load(Relaxed).saturating_add(poll_used_ns);
        let left = self.call.left_ns.load(Relaxed);
        // The window is looked at only by a call that seems to have passed it.
        if self.enforced.is_on(Enforcer::Cpu) && used > left && used > self.allowed_ns(left, now) {
            return Err(Trap::Cpu);
        }
        Ok(())
    }

    /// Runs `call`, which began as `opening` says, under the deadline and what `budget` has
    /// left, and charges the budget. Also tells what it cost.
    pub(crate) async fn run<T>(
        &self,
        mut flight: Flight,
        budget: &CpuBudget,
        opening: Opening,
        call: impl Future<Output = T>,
    ) -> (Result<T, Trap>, Spent) {
        self.begin(opening);
        let mut settlement = Settlement {
            timing: self,
            budget,
            settled: false,
        };
        let mut call = pin!(call);
        let mut first = true;
        let (result, ended) = poll_fn(|cx| {
            if !first {
                let now = self.now();
                if let Err(trap) = self.check(now, 0) {
                    return Poll::Ready((Err(trap), now));
                }
                self.call
                    .poll_cpu_ns
                    .store(self.clock.thread_cpu_ns(), Relaxed);
            }
            first = false;
            // Of whoever else was polled here.
            charge::take();
            let polled = call.as_mut().poll(cx);
            let now = self.now();
            let used_ns = self.poll_used_ns(now).saturating_add(charge::take());
            self.call.used_ns.fetch_add(used_ns, Relaxed);
            // A call that computes is polled again by itself, after the timers: a waker that
            // the ticker wakes during the poll would put it before them.
            if polled.is_pending() && !self.call.gives_way.swap(false, Relaxed) {
                flight.wake_at_tick(cx.waker());
            }
            match self.check(now, 0) {
                Ok(()) => polled.map(|value| (Ok(value), now)),
                Err(trap) => match polled {
                    // It ended within its last tick: the result counts, and the window
                    // is charged with all of it.
                    Poll::Ready(value) if trap == Trap::Cpu => Poll::Ready((Ok(value), now)),
                    Poll::Ready(_) | Poll::Pending => Poll::Ready((Err(trap), now)),
                },
            }
        })
        .await;
        let spent = settlement.settle(ended);
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

/// How a call begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    now: Monotonic,
    /// CPU time that it may use in this window, in nanoseconds.
    pub(crate) left_ns: u64,
    window: CpuWindow,
}

impl Opening {
    pub(crate) fn new(budget: &CpuBudget, now: Monotonic) -> Self {
        let (left_ns, window) = budget.begin(now);
        Self {
            now,
            left_ns,
            window,
        }
    }

    /// How long until the next window begins.
    pub(crate) fn wait(&self) -> Duration {
        self.window.next().since(self.now)
    }
}

/// Charges the budget even if the call's future is dropped.
struct Settlement<'a> {
    timing: &'a Timing,
    budget: &'a CpuBudget,
    settled: bool,
}

impl Settlement<'_> {
    fn settle(&mut self, now: Monotonic) -> Spent {
        self.settled = true;
        let cpu_ns = self.timing.call.used_ns.swap(0, Relaxed);
        self.budget.charge(cpu_ns, now);
        let began = self.timing.call.began_ns.load(Relaxed);
        Spent {
            elapsed_ns: now.as_ns().saturating_sub(began),
            cpu_ns,
        }
    }
}

impl Drop for Settlement<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(self.timing.now());
        }
    }
}
