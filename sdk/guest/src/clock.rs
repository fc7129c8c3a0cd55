//! Time, as the host sees it.

use core::time::Duration;

use crate::host::clock;

/// Milliseconds since 1970-01-01T00:00:00Z. It can be wrong, and it can go backwards.
pub fn now() -> u64 {
    clock::now()
}

/// Time since an arbitrary moment before this instance started; never goes backwards.
pub fn monotonic() -> Duration {
    Duration::from_nanos(clock::monotonic())
}
