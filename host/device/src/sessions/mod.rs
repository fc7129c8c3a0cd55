//! Users' sessions: who tells of them on this platform.
//!
//! On Linux logind is asked over D-Bus and its signals are waited for; nothing is done
//! between them. Where it does not answer, the kernel's audit session ids are looked for,
//! where the kernel tells of processes that come and go then, and at most every 1.5 s: in
//! those that are new, and in all of them only if one of these has a login, or a session's
//! first process ended. utmp adds what it knows. Once logind answers again, it is asked again.
//!
//! On Windows Remote Desktop Services are asked once a window of the agent's own, which nobody
//! sees, is told that a session changed. On macOS the file utmpx is read once it changed.

#[cfg(target_os = "linux")]
pub(crate) mod bus;
#[cfg(target_os = "linux")]
pub(crate) mod client;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod leaders;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod logind;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "linux")]
pub(crate) mod notices;
#[cfg(target_os = "linux")]
pub(crate) mod process;
#[cfg(target_os = "linux")]
mod pulse;
#[cfg(target_os = "linux")]
mod readable;
#[cfg(target_os = "linux")]
mod rest;
#[cfg(target_os = "linux")]
pub(crate) mod users;
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod utmp;
#[cfg(any(target_os = "macos", all(test, target_os = "linux")))]
mod utmpx;
#[cfg(windows)]
mod windows;
#[cfg(any(windows, test))]
mod wts;

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
pub use elsewhere::DeviceSessions;
#[cfg(target_os = "linux")]
pub use linux::DeviceSessions;
#[cfg(target_os = "macos")]
pub use macos::DeviceSessions;
#[cfg(windows)]
pub use windows::DeviceSessions;

#[cfg(test)]
#[cfg(target_os = "linux")]
pub(crate) mod tests;
