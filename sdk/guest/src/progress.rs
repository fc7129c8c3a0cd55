//! How far an action is, told while it is at work.

use crate::handler_host::progress;

/// Tells it: `percent` of a hundred, if that can be said, and one line of at most 256 bytes.
/// More than 4 a second are dropped, so it may be called as often as there is news.
pub fn report(percent: Option<u8>, text: &str) {
    progress::report(percent, text);
}
