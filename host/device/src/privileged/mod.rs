//! What needs more rights than the agent keeps: a process beside it, started before the agent
//! confines itself, of the same program and of one thread.
//!
//! It starts what the agent may not start any more (keepers of runs, the compiler of
//! components, and who tells users something), reads of processes what no confined process may
//! read, opens the one socket that takes a capability, and sends packets that wake and signals.
//! A run, a packet and a signal it holds against the policy that somebody signed (`signed`),
//! for whoever asks may have broken out; and what a policy grants a handler it does only while an
//! action is at work that an operator signed (`actions`). It does nothing else, whoever asks:
//! what is started is this program itself or the compiler that was named when it was started,
//! with nothing inherited but the streams that come with the request, in the rights that this
//! process has, none of which the agent's confinement touches.
//!
//! The line to it is a socket pair of datagrams. Each request says its version, is bounded, and
//! brings the descriptors that it is about, the first of which is where the answer goes: so
//! nobody waits for another's answer, and a request that is dropped is seen as its answer
//! being of no more use. When the line is cut, as it is when the agent ends, this process ends.

#[cfg(target_os = "linux")]
mod actions;
#[cfg(target_os = "linux")]
mod answer;
#[cfg(all(test, target_os = "linux"))]
#[path = "../../tests/exec/asking.rs"]
pub(crate) mod asking;
#[cfg(all(test, target_os = "linux"))]
mod broken_out;
#[cfg(target_os = "linux")]
pub(crate) mod closely;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
pub(crate) mod line;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod ordered;
#[cfg(target_os = "linux")]
mod request;
#[cfg(target_os = "linux")]
pub(crate) mod serve;
mod signed;
#[cfg(target_os = "linux")]
mod started;

#[cfg(target_os = "linux")]
pub use actions::AtWork;
#[cfg(target_os = "linux")]
pub(crate) use answer::{Answer, KILL, ended, tell};
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{AtWork, Privileged};
#[cfg(target_os = "linux")]
pub(crate) use linux::LONGEST_ANSWER;
#[cfg(target_os = "linux")]
pub use linux::Privileged;
#[cfg(target_os = "linux")]
pub(crate) use request::{Request, Wanted};
pub use signed::{SignedActions, SignedPolicies};
