//! Programs, each in a tree of processes that ends as a whole.
//!
//! The agent's privileged process (see `privileged`) starts the program again as a *keeper*, one
//! for each run: a process of one thread
//! that adopts whatever the program starts (it is their subreaper) and, when the program has
//! ended, when its time is over and when the line to the agent is cut, kills everything
//! below it until nothing is left. The line is cut when the run is dropped and when the agent
//! dies, however it dies. The keeper starts the agent's program once more as the *starter*,
//! which gives up every right that the program shall not have and becomes the program. Where
//! the machine has cgroups that may be written, each run is one, too: the kernel then ends it
//! at once, and what outlived its keeper is ended when the agent starts again.
//!
//! Keeper and starter make ready all that does not depend on the order, then wait for it. It comes
//! through the privileged process, which holds it against the policy that was signed (`granted`):
//! the agent has no other way to a keeper.
//! While runs are expected, one pair waits *parked*, so that a run begins with its order.
//! A keeper says that it takes an order before it begins: one that was killed before has
//! begun nothing, and another one gets the order.
//!
//! No code runs between `fork` and `exec`, so none of this needs unsafe code.

#[cfg(target_os = "linux")]
pub(crate) mod cgroup;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
pub(crate) mod granted;
#[cfg(target_os = "linux")]
mod hierarchy;
#[cfg(target_os = "linux")]
pub(crate) mod keeper;
#[cfg(target_os = "linux")]
mod kept;
#[cfg(target_os = "linux")]
pub(crate) mod line;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod living;
#[cfg(target_os = "linux")]
mod opened;
#[cfg(target_os = "linux")]
mod parked;
#[cfg(target_os = "linux")]
mod starter;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
pub(crate) mod user;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{DeviceExec, serve_child};
#[cfg(target_os = "linux")]
pub use linux::{DeviceExec, serve_child};

/// First argument of a program that is started as the privileged process, a keeper, a starter or
/// who tells users something.
#[cfg(target_os = "linux")]
pub(crate) const EXEC_CHILD: &str = "exec-child";
