//! The second line: what the process that runs guests gives up for good before the first guest
//! runs, so that whoever breaks out of the sandbox finds a process that can do little.
//!
//! On Linux there are four lines, each drawn by the kernel and none of which can be taken
//! back; see [`Line`]. What needs more is done by the privileged process, which is started
//! before. A line that the kernel can't draw is told, and the others are drawn all the same:
//! an agent that refused to run would protect nothing.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod capabilities;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod linux;

use std::path::Path;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::draw;
#[cfg(target_os = "linux")]
pub use linux::draw;

/// Something that a confined process can't do any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Line {
    /// No program that is started could have more rights than its starter
    /// (`PR_SET_NO_NEW_PRIVS`).
    NoNewPrivileges,
    /// No file is written outside the agent's own folder, no program started, no device
    /// controlled, no port of TCP listened at, and no process outside traced (Landlock).
    Landlock,
    /// Of root's capabilities only those are left that granted work needs.
    Capabilities,
    /// No program is started, no process traced, nothing mounted, no module loaded, no clock
    /// set, no namespace entered and no service of this machine reached at a Unix socket (seccomp).
    SystemCalls,
}

impl Line {
    /// In the order in which they are drawn.
    pub const ALL: [Self; 4] = [
        Self::NoNewPrivileges,
        Self::Landlock,
        Self::Capabilities,
        Self::SystemCalls,
    ];

    /// As scripts know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoNewPrivileges => "no-new-privileges",
            Self::Landlock => "landlock",
            Self::Capabilities => "capabilities",
            Self::SystemCalls => "system-calls",
        }
    }
}

/// What came of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// It holds.
    Active,
    /// It holds in part; what is missing, and why.
    Partly(String),
    /// It does not hold, and why.
    Missing(String),
}

/// Draws all lines around the calling thread, and with it the program, which has no other yet.
/// It may write in `data` from then on, which must be there. What came of each, in their order.
pub fn confine(data: &Path) -> Vec<(Line, Drawn)> {
    let drawn = |line| (line, draw(line, data));
    Line::ALL.into_iter().map(drawn).collect()
}
