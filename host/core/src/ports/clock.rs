//! Time.

use crate::time::{Monotonic, Timestamp};

/// Time. The only way in which decisions and bridges learn it.
pub trait Clock: Send + Sync {
    /// The time on the wall.
    fn now(&self) -> Timestamp;
    /// The clock that never goes backwards.
    fn monotonic(&self) -> Monotonic;
    /// A clock that never goes backwards and counts while the machine sleeps, too. Its
    /// moments can't be compared with those of [`Self::monotonic`], which it is where the
    /// system has no other.
    fn since_boot(&self) -> Monotonic {
        self.monotonic()
    }
    /// CPU time that the calling thread has used, in nanoseconds.
    fn thread_cpu_ns(&self) -> u64;
    /// Whether the operating system itself takes [`Self::monotonic`] from the processor's
    /// counter, having found that it runs evenly and alike on all cores: short spans may then
    /// be measured with it.
    fn is_the_processors(&self) -> bool {
        false
    }
}
