//! What operators ask of this device: in, checked, done at most once, and told.
//!
//! `inbox` takes envelopes from wherever they come and judges them; `desk` keeps one queue per
//! handler and writes down what begins before a handler hears of it; `authority` is whose
//! word counts.

mod authority;
mod desk;
mod inbox;
mod telling;

pub(crate) use authority::{Authority, refresh, signed_at};
pub(crate) use inbox::run;
