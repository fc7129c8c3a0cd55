//! Deadline and CPU budget of one call.
//!
//! Both are checked before and after each poll of the call, and at each tick of the epoch
//! while the guest computes. The ticker wakes a call that waits for a host call, so that
//! the deadline holds there too.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bailiwick_core::{
    charge,
    limits::{CpuShare, Limits},
    ports::Clock,
    time::Monotonic,
};

use super::{CpuBudget, CpuWindow, Enforced, Enforcer, stopwatch::Stopwatch};
use crate::{ticker::Flight, trap::Trap};

/// The clock, and what the current call has used. A call's fields are set by its owner
/// before it is polled; they are atomic because the guest's thread changes from poll to
/// poll. One thread at a time reads and writes them, so none is changed in one step.
pub(crate) struct Timing {
    clock: Arc<dyn Clock>,
    watch: Stopwatch,
    enforced: Enforced,
    deadline: Duration,
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
            watch: Stopwatch::new(&*clock),
            clock,
            enforced,
            deadline: limits.deadline.get(),
            share: limits.cpu,
            call: Call::default(),
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Monotonic {
        self.watch.now(&*self.clock)
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
        if self.enforced.is_on(Enforcer::Deadline) && now.since(began) > self.deadline {
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
    pub(crate) fn run<'a, 't, F>(
        &'a self,
        flight: &'a mut Flight<'t>,
        budget: &'a CpuBudget,
        opening: Opening,
        call: Pin<&'a mut F>,
    ) -> Run<'a, 't, F> {
        self.begin(opening);
        Run {
            timing: self,
            flight,
            budget,
            call,
            progress: Progress::Unpolled,
        }
    }

    fn add_used(&self, ns: u64) {
        let used = &self.call.used_ns;
        used.store(used.load(Relaxed).saturating_add(ns), Relaxed);
    }

    fn take_gives_way(&self) -> bool {
        let gives_way = self.call.gives_way.load(Relaxed);
        self.call.gives_way.store(false, Relaxed);
        gives_way
    }

    /// Charges `budget` with a call that ended at `now`.
    fn settle(&self, budget: &CpuBudget, now: Monotonic) -> Spent {
        let cpu_ns = self.call.used_ns.load(Relaxed);
        budget.charge(cpu_ns, now);
        let began = self.call.began_ns.load(Relaxed);
        Spent {
            elapsed_ns: now.as_ns().saturating_sub(began),
            cpu_ns,
        }
    }
}

/// A call that runs, see [`Timing::run`]. It charges the budget even if it is dropped.
///
/// A future by hand: an empty call pays for each layer, and for each time that one is
/// moved.
pub(crate) struct Run<'a, 't, F> {
    timing: &'a Timing,
    flight: &'a mut Flight<'t>,
    budget: &'a CpuBudget,
    call: Pin<&'a mut F>,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Unpolled,
    Polled,
    Settled,
}

impl<F: Future> Future for Run<'_, '_, F> {
    type Output = (Result<F::Output, Trap>, Spent);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let run = &mut *self;
        let timing = run.timing;
        if run.progress == Progress::Polled {
            let now = timing.now();
            if let Err(trap) = timing.check(now, 0) {
                return Poll::Ready((Err(trap), run.settle(now)));
            }
            let began = timing.clock.thread_cpu_ns();
            timing.call.poll_cpu_ns.store(began, Relaxed);
        }
        run.progress = Progress::Polled;
        // Of whoever else was polled here.
        charge::take();
        let polled = run.call.as_mut().poll(cx);
        let now = timing.now();
        timing.add_used(timing.poll_used_ns(now).saturating_add(charge::take()));
        // A call that computes is polled again by itself, after the timers: a waker that
        // the ticker wakes during the poll would put it before them.
        if polled.is_pending() {
            if timing.take_gives_way() {
                run.flight.stay();
            } else {
                run.flight.wake_at_tick(cx.waker());
            }
        }
        let result = match (timing.check(now, 0), polled) {
            (Ok(()), Poll::Pending) => return Poll::Pending,
            // It ended within its last tick: the result counts, and the window is charged
            // with all of it.
            (Ok(()) | Err(Trap::Cpu), Poll::Ready(value)) => Ok(value),
            (Err(trap), _) => Err(trap),
        };
        Poll::Ready((result, run.settle(now)))
    }
}

impl<F> Run<'_, '_, F> {
    fn settle(&mut self, now: Monotonic) -> Spent {
        self.progress = Progress::Settled;
        self.timing.settle(self.budget, now)
    }
}

impl<F> Drop for Run<'_, '_, F> {
    fn drop(&mut self) {
        if self.progress != Progress::Settled {
            self.settle(self.timing.now());
        }
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
