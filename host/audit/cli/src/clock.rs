//! The program's only look at the clock.

use bailiwick_core::time::Timestamp;

/// The time on the wall.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Timestamp::from_ms(u64::try_from(ms).unwrap_or(u64::MAX))
}
