//! The CPU budget of a window.

use bailiwick_core::{limits::CpuShare, time::Monotonic};

/// What a plugin has used of its share. Windows follow one another from the first call
/// on; nothing is saved up from one to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuWindow {
    /// At least 1.
    length_ns: u64,
    budget_ns: u64,
    began: Monotonic,
    used_ns: u64,
}

impl CpuWindow {
    /// An unused window that begins at `now`.
    pub(crate) fn new(share: CpuShare, now: Monotonic) -> Self {
        Self {
            length_ns: u64::try_from(share.window.get().as_nanos())
                .unwrap_or(u64::MAX)
                .max(1),
            budget_ns: share.budget_ns(),
            began: now,
            used_ns: 0,
        }
    }

    /// One of the same length and budget.
    pub(crate) fn at(self, began: Monotonic, used_ns: u64) -> Self {
        Self {
            began,
            used_ns,
            ..self
        }
    }

    /// Whether another has begun by `now`.
    pub(crate) fn has_ended(&self, now: Monotonic) -> bool {
        self.windows_until(now) > 0
    }

    /// Enters the window that `now` lies in.
    fn roll(&mut self, now: Monotonic) {
        let windows = self.windows_until(now);
        if windows > 0 {
            self.began = Monotonic::from_ns(
                self.began
                    .as_ns()
                    .saturating_add(windows.saturating_mul(self.length_ns)),
            );
            self.used_ns = 0;
        }
    }

    /// Windows that began after this one, up to `now`.
    fn windows_until(&self, now: Monotonic) -> u64 {
        let elapsed = now.as_ns().saturating_sub(self.began.as_ns());
        // Nearly every call, and a division costs as much as the rest.
        if elapsed < self.length_ns {
            return 0;
        }
        elapsed / self.length_ns
    }

    /// CPU time that a call that begins at `now` may use before its window ends, in
    /// nanoseconds. 0 means: wait.
    pub(crate) fn left_ns(&mut self, now: Monotonic) -> u64 {
        self.roll(now);
        self.budget_ns.saturating_sub(self.used_ns)
    }

    /// CPU time used in the window that `now` lies in.
    pub(crate) fn used_ns(&mut self, now: Monotonic) -> u64 {
        self.roll(now);
        self.used_ns
    }

    /// When it began.
    pub(crate) const fn began(&self) -> Monotonic {
        self.began
    }

    /// When the next window begins.
    pub(crate) fn next(&self) -> Monotonic {
        Monotonic::from_ns(self.began.as_ns().saturating_add(self.length_ns))
    }

    /// CPU time that a call may have used by `now` if it began in this window with
    /// `left_ns`: a window that begins during the call brings its own budget.
    pub(crate) fn allowed_ns(&self, left_ns: u64, now: Monotonic) -> u64 {
        left_ns.saturating_add(self.windows_until(now).saturating_mul(self.budget_ns))
    }

    /// Charges a call that ends at `now`.
    pub(crate) fn charge(&mut self, used_ns: u64, now: Monotonic) {
        match self.windows_until(now) {
            0 => self.used_ns = self.used_ns.saturating_add(used_ns),
            windows => {
                let budget = self.budget_ns;
                let earlier = budget
                    .saturating_sub(self.used_ns)
                    .saturating_add((windows - 1).saturating_mul(budget));
                self.roll(now);
                self.used_ns = used_ns.saturating_sub(earlier);
            }
        }
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

    /// 10 % of 100 ms.
    fn window() -> CpuWindow {
        let share = CpuShare {
            per_mille: 100,
            window: Span::new(Duration::from_millis(100)),
        };
        CpuWindow::new(share, at(1_000))
    }

    #[test]
    fn a_used_up_window_waits_for_the_next() {
        let mut window = window();
        assert_eq!(window.left_ns(at(1_000)), 10_000_000);
        window.charge(4_000_000, at(1_010));
        assert_eq!(window.left_ns(at(1_020)), 6_000_000);
        window.charge(7_000_000, at(1_030));
        assert_eq!(window.left_ns(at(1_099)), 0);
        assert_eq!(window.next(), at(1_100));
        assert_eq!(window.left_ns(at(1_100)), 10_000_000);
    }

    #[test]
    fn a_long_call_gets_each_windows_budget_and_no_more() {
        let mut window = window();
        let left = window.left_ns(at(1_050));
        assert_eq!(window.allowed_ns(left, at(1_099)), 10_000_000);
        assert_eq!(window.allowed_ns(left, at(1_250)), 30_000_000);
        window.charge(25_000_000, at(1_250));
        assert_eq!(window.left_ns(at(1_250)), 5_000_000);
    }
}
