//! What the platform says at one moment.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A part of the platform that tells of sessions, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// logind, over D-Bus.
    Logind,
    /// Remote Desktop Services of Windows.
    Wts,
    /// The kernel's audit session ids.
    Kernel,
    /// The file utmp.
    Utmp,
    /// Nothing on this device tells.
    None,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Logind => "logind",
            Self::Wts => "wts",
            Self::Kernel => "kernel",
            Self::Utmp => "utmp",
            Self::None => "none",
        })
    }
}

/// How a user came to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SessionKind {
    /// At a screen of the device.
    Graphical,
    /// At a text terminal of the device.
    Console,
    /// From elsewhere.
    Remote(Remote),
    /// No person: a user's services, lingering or not.
    Service,
    /// No person: a job that was started in a user's name.
    Background,
}

/// By which way from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remote {
    /// Secure shell.
    Ssh,
    /// Remote desktop.
    Rdp,
    /// VNC.
    Vnc,
    /// Another way, or not known which.
    Other,
}

impl fmt::Display for SessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Graphical => "graphical",
            Self::Console => "console",
            Self::Remote(Remote::Ssh) => "remote (ssh)",
            Self::Remote(Remote::Rdp) => "remote (rdp)",
            Self::Remote(Remote::Vnc) => "remote (vnc)",
            Self::Remote(Remote::Other) => "remote",
            Self::Service => "service",
            Self::Background => "background",
        })
    }
}

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SessionState {
    /// Its user can use it.
    Active,
    /// Locked.
    Locked,
    /// Nobody looks at it; its programs still use the machine.
    Disconnected,
    /// Its user has logged out, and programs of it still run.
    Closing,
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Disconnected => "disconnected",
            Self::Closing => "closing",
        })
    }
}

/// Whether somebody uses a session's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idle {
    /// Somebody does.
    InUse,
    /// Nobody since then.
    Since(Timestamp),
}

/// One session as one source tells it. What a source can't tell is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who tells.
    pub source: Source,
    /// logind's id, or Windows'. It can come again, with another beginning.
    pub logind: Option<String>,
    /// The number that the session's processes carry: the kernel's audit session id, which is
    /// never used twice before the machine restarts, or Windows' session id.
    pub audit: Option<u32>,
    /// Process id of the first process.
    pub leader: Option<u32>,
    /// Whose it is.
    pub uid: u32,
    /// The name of that user.
    pub user_name: Option<String>,
    /// How the user came.
    pub kind: Option<SessionKind>,
    /// What it does.
    pub state: Option<SessionState>,
    /// When it began.
    pub since: Option<Timestamp>,
    /// Whether it is used.
    pub idle: Option<Idle>,
    /// The seat (screen, keyboard …), as in `seat0`.
    pub seat: Option<String>,
    /// The terminal without `/dev/`, as in `tty1` and `pts/3`.
    pub terminal: Option<String>,
    /// The X11 display, as in `:0`.
    pub display: Option<String>,
    /// What the machine is called from which a remote one is used.
    pub client_name: Option<String>,
    /// That machine's address.
    pub client_address: Option<IpAddr>,
}

impl Seen {
    /// A session of user `uid` of which `source` tells nothing more.
    pub const fn new(source: Source, uid: u32) -> Self {
        Self {
            source,
            logind: None,
            audit: None,
            leader: None,
            uid,
            user_name: None,
            kind: None,
            state: None,
            since: None,
            idle: None,
            seat: None,
            terminal: None,
            display: None,
            client_name: None,
            client_address: None,
        }
    }

    /// The same, used from `host`: a name, or an address in text, with or without the link by
    /// which it is reached (`fe80::1%eth0`).
    #[must_use]
    pub fn used_from(mut self, host: &str) -> Self {
        let address = host.split('%').next().unwrap_or_default().parse();
        match address {
            Ok(address) => self.client_address = Some(address),
            Err(_) if host.is_empty() => {}
            Err(_) => self.client_name = Some(host.to_owned()),
        }
        self
    }
}

/// Everything that was told at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Those that answered.
    pub consulted: BTreeSet<Source>,
    /// What they told, each session once per source that knows it.
    pub seen: Vec<Seen>,
    /// Sessions that a source told of beyond [`super::MOST_SESSIONS`].
    pub cut: usize,
    /// Ids of all processes of that moment, in order, if they were looked at.
    pub running: Option<Vec<u32>>,
    /// Why a better source did not answer; empty if the best did.
    pub remark: String,
}

impl Reading {
    /// The best of those that answered.
    pub fn source(&self) -> Source {
        self.consulted.first().copied().unwrap_or(Source::None)
    }
}
