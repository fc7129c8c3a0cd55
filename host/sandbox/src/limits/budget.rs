//! What a plugin may use of the processor, across its instances.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailiwick_core::{limits::CpuShare, time::Monotonic};

use super::CpuWindow;

/// A plugin's share of the processor and what of it is used. It belongs to the plugin:
/// every instance that is started with it, or with a clone, draws on the same windows, so
/// that a plugin which is stopped and started again gets no more than its share. Calls
/// that failed, instances that did not start and calls that were dropped are charged as
/// well.
#[derive(Clone, Debug)]
pub struct CpuBudget(Arc<Mutex<CpuWindow>>);

impl CpuBudget {
    /// Nothing used; the first window begins at `now`.
    pub fn new(share: CpuShare, now: Monotonic) -> Self {
        Self(Arc::new(Mutex::new(CpuWindow::new(share, now))))
    }

    /// Charges what was used of `earlier` in its present window: for a version of a plugin
    /// that takes over from another, whose share may differ.
    pub fn take_over(&self, earlier: &Self, now: Monotonic) {
        if Arc::ptr_eq(&self.0, &earlier.0) {
            return;
        }
        let used_ns = earlier.lock().used_ns(now);
        self.charge(used_ns, now);
    }

    /// For a call that begins at `now`: what it may use, and the window that it begins in.
    pub(crate) fn begin(&self, now: Monotonic) -> (u64, CpuWindow) {
        let mut window = self.lock();
        (window.left_ns(now), *window)
    }

    pub(crate) fn charge(&self, used_ns: u64, now: Monotonic) {
        self.lock().charge(used_ns, now);
    }

    /// A window is a number and two constants: it can't be left half changed.
    fn lock(&self) -> MutexGuard<'_, CpuWindow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
