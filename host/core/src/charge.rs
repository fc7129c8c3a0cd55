//! CPU time that a port spends on other threads for the call of a plugin that asked it.
//!
//! A call's own thread is measured by who polls the call. A port that lets another thread
//! work measures that thread and, once its answer is there, calls [`charge`] from its own
//! future. That future is polled inside the call's poll, on the same thread, so a counter
//! of the thread is enough: whoever polls the call empties it with [`take`] before and
//! after.

use std::cell::Cell;

thread_local! {
    static SPENT_NS: Cell<u64> = const { Cell::new(0) };
}

/// Charges `ns` nanoseconds of CPU time to the call that is polled on this thread.
pub fn charge(ns: u64) {
    SPENT_NS.set(SPENT_NS.get().saturating_add(ns));
}

/// What was charged on this thread since the last time, in nanoseconds.
pub fn take() -> u64 {
    SPENT_NS.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_add_up_on_their_own_thread_until_they_are_taken() {
        charge(2);
        charge(3);
        std::thread::spawn(|| assert_eq!(take(), 0)).join().unwrap();
        assert_eq!(take(), 5);
        assert_eq!(take(), 0);
        charge(u64::MAX);
        charge(1);
        assert_eq!(take(), u64::MAX);
    }
}
