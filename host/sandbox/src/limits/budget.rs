//! What a plugin may use of the processor, across its instances.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use bailiwick_core::{limits::CpuShare, time::Monotonic};

use super::CpuWindow;

/// A plugin's share of the processor and what of it is used. It belongs to the plugin:
/// every instance that is started with it, or with a clone, draws on the same windows, so
/// that a plugin which is stopped and started again gets no more than its share. Calls
/// that failed, instances that did not start and calls that were dropped are charged as
/// well.
#[derive(Clone, Debug)]
pub struct CpuBudget(Arc<Windows>);

/// The present window in two numbers, so that a call which begins and ends in one takes no
/// lock: two locks were a tenth of an empty call.
#[derive(Debug)]
struct Windows {
    /// What every window is like.
    unused: CpuWindow,
    began_ns: AtomicU64,
    used_ns: AtomicU64,
    /// Held by who begins the next window.
    turn: Mutex<()>,
}

impl CpuBudget {
    /// Nothing used; the first window begins at `now`.
    pub fn new(share: CpuShare, now: Monotonic) -> Self {
        Self(Arc::new(Windows {
            unused: CpuWindow::new(share, now),
            began_ns: AtomicU64::new(now.as_ns()),
            used_ns: AtomicU64::new(0),
            turn: Mutex::new(()),
        }))
    }

    /// Charges what was used of `earlier` in its present window: for a version of a plugin
    /// that takes over from another, whose share may differ.
    pub fn take_over(&self, earlier: &Self, now: Monotonic) {
        if Arc::ptr_eq(&self.0, &earlier.0) {
            return;
        }
        let used_ns = earlier.0.present(now).used_ns(now);
        self.charge(used_ns, now);
    }

    /// For a call that begins at `now`: what it may use, and the window that it begins in.
    pub(crate) fn begin(&self, now: Monotonic) -> (u64, CpuWindow) {
        let mut window = self.0.present(now);
        (window.left_ns(now), window)
    }

    pub(crate) fn charge(&self, used_ns: u64, now: Monotonic) {
        let windows = &*self.0;
        if windows.read().has_ended(now) {
            windows.begin_next(used_ns, now);
        } else {
            // If the next one begins just now, what was used before counts in it as well.
            windows.used_ns.fetch_add(used_ns, SeqCst);
        }
    }
}

impl Windows {
    /// Whoever sees an earlier beginning sees that its window has ended, so what was used
    /// is read last.
    fn read(&self) -> CpuWindow {
        let began = Monotonic::from_ns(self.began_ns.load(SeqCst));
        self.unused.at(began, self.used_ns.load(SeqCst))
    }

    /// The window that `now` lies in.
    fn present(&self, now: Monotonic) -> CpuWindow {
        let window = self.read();
        if !window.has_ended(now) {
            return window;
        }
        self.begin_next(0, now)
    }

    /// Charges a call that ends at `now`, in a window after the one that is known.
    #[cold]
    fn begin_next(&self, used_ns: u64, now: Monotonic) -> CpuWindow {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Monotonic::from_ns(self.began_ns.load(SeqCst));
        let mut window = self.unused.at(began, self.used_ns.swap(0, SeqCst));
        window.charge(used_ns, now);
        self.began_ns.store(window.began().as_ns(), SeqCst);
        // Added: another call can have ended since.
        self.used_ns.fetch_add(window.used_ns(now), SeqCst);
        window
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bailiwick_core::time::Span;

    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic::from_ns(ms * 1_000_000)
    }

    fn budget(per_mille: u16) -> CpuBudget {
        let window = Span::new(Duration::from_millis(100));
        CpuBudget::new(CpuShare { per_mille, window }, at(1_000))
    }

    #[test]
    fn clones_draw_on_one_window() {
        let budget = budget(100);
        budget.clone().charge(4_000_000, at(1_010));
        assert_eq!(budget.begin(at(1_020)).0, 6_000_000);
    }

    #[test]
    fn nothing_is_lost_where_calls_of_two_instances_end_as_the_next_window_begins() {
        const CALLS: u64 = 2_000;
        let budget = budget(1_000);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..CALLS).for_each(|_| budget.charge(1, at(1_150))));
            }
        });
        let left = 100_000_000 - 2 * CALLS;
        // The window before had room for the call that began the next one.
        assert!((left..=left + 2).contains(&budget.begin(at(1_150)).0));
    }

    #[test]
    fn who_takes_over_begins_with_what_was_used_in_this_window_and_no_other() {
        let (old, new) = (budget(200), budget(100));
        old.charge(4_000_000, at(1_010));
        new.take_over(&old, at(1_050));
        assert_eq!(new.begin(at(1_050)).0, 6_000_000);
        new.take_over(&new.clone(), at(1_050));
        assert_eq!(new.begin(at(1_050)).0, 6_000_000, "from itself: nothing");
        let late = budget(100);
        late.take_over(&old, at(1_150));
        assert_eq!(late.begin(at(1_150)).0, 10_000_000);
    }
}
