//! The enforcers of a plugin's limits.
//!
//! | limit | enforced by |
//! |---|---|
//! | memory | [`Account`] as wasmtime's limiter, and each bridge that holds a buffer |
//! | deadline, CPU | [`timing`]: before and after each poll of a call, and at each tick |
//! | output | the fuel for copying out of the guest, and the length of what came out |
//! | host calls | [`Account::host_call`], at each of them |
//! | log lines | [`crate::bridge::log::Lines`] |
//! | state | [`crate::bridge::state::Store`] |

mod account;
mod budget;
mod enforced;
mod stopwatch;
pub(crate) mod timing;
mod window;

pub(crate) use account::Account;
pub use budget::CpuBudget;
pub(crate) use enforced::{Enforced, Enforcer};
pub(crate) use window::CpuWindow;
