//! What Remote Desktop Services of Windows answer about one session, from the bytes of the
//! answers (`WTSINFOEXW` and `WTS_CLIENT_ADDRESS` of wtsapi32.h). They count the sessions at
//! the machine's own screen as well.
//!
//! Name and address of a client are what it said of itself: behind a translator of addresses
//! that is its own one, and through a gateway there is none.

use std::net::IpAddr;

use bailiwick_core::{
    session::{Idle, Remote, Seen, SessionKind, SessionState, Source},
    time::Timestamp,
};

/// Where the fields of `WTSINFOEXW` are: in bytes from its beginning. `windows::calls` holds
/// them against the platform's declaration.
pub(super) mod at {
    /// `Level`: which of the structures follows; there is one, 1.
    pub(in super::super) const LEVEL: usize = 0;
    pub(in super::super) const SESSION_ID: usize = 8;
    pub(in super::super) const STATE: usize = 12;
    pub(in super::super) const FLAGS: usize = 16;
    /// 33 units of UTF-16.
    pub(in super::super) const STATION: usize = 20;
    /// 21 units.
    pub(in super::super) const USER: usize = 86;
    /// 18 units.
    pub(in super::super) const DOMAIN: usize = 128;
    pub(in super::super) const LOGON: usize = 168;
    pub(in super::super) const DISCONNECT: usize = 184;
    pub(in super::super) const LAST_INPUT: usize = 192;
    /// All of it.
    pub(in super::super) const END: usize = 232;
}

/// `WTS_CONNECTSTATE_CLASS`.
const ACTIVE: u32 = 0;
const SHADOW: u32 = 3;
const DISCONNECTED: u32 = 4;
/// `WTS_SESSIONSTATE_LOCK`. Windows 7 had it the other way round, and runs no agent.
const LOCKED: u32 = 0;
/// `WTS_PROTOCOL_TYPE_CONSOLE` and `WTS_PROTOCOL_TYPE_RDP`.
const AT_THE_MACHINE: u16 = 0;
const RDP: u16 = 2;
/// Address families as Windows numbers them.
const AF_INET: u32 = 2;
const AF_INET6: u32 = 23;

/// From 1601 to 1970, in units of 100 ns.
const TO_1970: u64 = 116_444_736_000_000_000;

/// The answers about one session; empty where there was none.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    /// `WTSSessionInfoEx`.
    pub(super) session: Vec<u8>,
    /// `WTSClientProtocolType`.
    pub(super) protocol: Vec<u8>,
    /// `WTSClientName`.
    pub(super) client_name: Vec<u8>,
    /// `WTSClientAddress`.
    pub(super) client_address: Vec<u8>,
}

impl Answers {
    /// None if nobody has logged in there: the services' session, a listener, or a screen
    /// that waits for somebody.
    pub(super) fn to_seen(&self) -> Option<Seen> {
        let info = self.session.as_slice();
        if info.len() < at::END || four(info, at::LEVEL)? != 1 {
            return None;
        }
        let user = text(info.get(at::USER..at::DOMAIN)?);
        if user.is_empty() {
            return None;
        }
        let domain = text(info.get(at::DOMAIN..at::LOGON - 4)?);
        let name = match domain.as_str() {
            "" => user,
            domain => format!("{domain}\\{user}"),
        };
        let number = four(info, at::SESSION_ID)?;
        let state = state(four(info, at::STATE)?, four(info, at::FLAGS)?);
        let idle = match state {
            Some(SessionState::Active) => Some(Idle::InUse),
            Some(SessionState::Locked) => time(info, at::LAST_INPUT).map(Idle::Since),
            Some(SessionState::Disconnected) => time(info, at::DISCONNECT).map(Idle::Since),
            _ => None,
        };
        let seen = Seen {
            logind: Some(number.to_string()),
            audit: Some(number),
            kind: self.kind(state),
            state,
            since: time(info, at::LOGON),
            idle,
            terminal: some(text(info.get(at::STATION..at::USER)?)),
            client_name: some(text(&self.client_name)),
            client_address: address(&self.client_address),
            ..Seen::new(Source::Wts, user_number(&name))
        };
        let user_name = Some(name);
        Some(Seen { user_name, ..seen })
    }

    /// One that nobody looks at says that it is the console's, whatever it was before.
    fn kind(&self, state: Option<SessionState>) -> Option<SessionKind> {
        match u16::from_le_bytes(*self.protocol.first_chunk()?) {
            AT_THE_MACHINE if state == Some(SessionState::Disconnected) => None,
            AT_THE_MACHINE => Some(SessionKind::Graphical),
            RDP => Some(SessionKind::Remote(Remote::Rdp)),
            _ => Some(SessionKind::Remote(Remote::Other)),
        }
    }
}

fn state(state: u32, flags: u32) -> Option<SessionState> {
    match state {
        ACTIVE | SHADOW if flags == LOCKED => Some(SessionState::Locked),
        ACTIVE | SHADOW => Some(SessionState::Active),
        DISCONNECTED => Some(SessionState::Disconnected),
        _ => None,
    }
}

/// Windows numbers no users. This is FNV-1a over the name, which does not depend on how it is
/// written: two users of one machine have the same once in four thousand million pairs.
fn user_number(name: &str) -> u32 {
    let bytes = name.chars().flat_map(char::to_lowercase).map(u32::from);
    let bytes = bytes.flat_map(u32::to_le_bytes);
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

fn four(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// `FILETIME`: units of 100 ns since 1601. 0 means that there is none.
fn time(bytes: &[u8], at: usize) -> Option<Timestamp> {
    let units = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    // What is above `i64::MAX` is negative there.
    let units = units.checked_sub(TO_1970).filter(|_| units >> 63 == 0)?;
    Some(Timestamp::from_ms(units / 10_000))
}

/// UTF-16 up to the first NUL, if there is one.
fn text(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// One of IPv4 is two bytes further on, as in a socket's address.
fn address(answer: &[u8]) -> Option<IpAddr> {
    let address = match four(answer, 0)? {
        AF_INET => IpAddr::from(*answer.get(6..)?.first_chunk::<4>()?),
        AF_INET6 => IpAddr::from(*answer.get(4..)?.first_chunk::<16>()?).to_canonical(),
        _ => return None,
    };
    Some(address).filter(|address| !address.is_unspecified())
}

#[cfg(test)]
mod tests;
