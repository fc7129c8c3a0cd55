//! Questions to Remote Desktop Services, whose answers are copied as bytes.
//!
//! windows-sys declares the functions; no crate has them without unsafe code. They hand out
//! memory of their own, and both functions here give it back before they return.

use std::{
    ffi::c_void,
    io,
    mem::{offset_of, size_of},
    ptr, slice,
};

use windows_sys::Win32::System::RemoteDesktop::{
    WTS_CURRENT_SERVER_HANDLE, WTS_INFO_CLASS, WTS_SESSION_INFOW, WTSClientAddress, WTSClientName,
    WTSClientProtocolType, WTSEnumerateSessionsW, WTSFreeMemory, WTSINFOEX_LEVEL1_W, WTSINFOEXW,
    WTSQuerySessionInformationW, WTSSessionInfoEx,
};

use crate::sessions::wts::at;

pub(super) const SESSION: WTS_INFO_CLASS = WTSSessionInfoEx;
pub(super) const PROTOCOL: WTS_INFO_CLASS = WTSClientProtocolType;
pub(super) const CLIENT_NAME: WTS_INFO_CLASS = WTSClientName;
pub(super) const CLIENT_ADDRESS: WTS_INFO_CLASS = WTSClientAddress;

/// What is read as bytes elsewhere is where the platform's declaration has it.
const _: () = {
    let session = offset_of!(WTSINFOEXW, Data);
    assert!(offset_of!(WTSINFOEXW, Level) == at::LEVEL);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, SessionId) == at::SESSION_ID);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, SessionState) == at::STATE);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, SessionFlags) == at::FLAGS);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, WinStationName) == at::STATION);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, UserName) == at::USER);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, DomainName) == at::DOMAIN);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, LogonTime) == at::LOGON);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, DisconnectTime) == at::DISCONNECT);
    assert!(session + offset_of!(WTSINFOEX_LEVEL1_W, LastInputTime) == at::LAST_INPUT);
    assert!(size_of::<WTSINFOEXW>() == at::END);
};

/// Memory that is given back.
struct Lent(*mut c_void);

impl Drop for Lent {
    #[expect(unsafe_code, reason = "there is no safe function for it")]
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: a call of this module was given it, nothing borrows it any more, and it
            // is given back once.
            unsafe { WTSFreeMemory(self.0) };
        }
    }
}

/// Ids of all sessions, of those to which nobody has logged in as well.
#[expect(unsafe_code, reason = "there is no safe function for it")]
pub(super) fn sessions() -> io::Result<Vec<u32>> {
    let mut first: *mut WTS_SESSION_INFOW = ptr::null_mut();
    let mut count = 0;
    // SAFETY: both addresses are those of variables that outlive the call. What is reserved is
    // 0, and there is no version but 1.
    let answered = unsafe {
        WTSEnumerateSessionsW(
            WTS_CURRENT_SERVER_HANDLE,
            0,
            1,
            &raw mut first,
            &raw mut count,
        )
    };
    if answered == 0 {
        return Err(io::Error::last_os_error());
    }
    let lent = Lent(first.cast());
    if lent.0.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the call succeeded, so `first` is the first of `count` structures that nobody
    // changes, and they are given back after the last use of the slice. Of each only numbers
    // are read.
    let sessions = unsafe { slice::from_raw_parts(first, count as usize) };
    Ok(sessions.iter().map(|session| session.SessionId).collect())
}

/// What is known of a session; empty if nothing is, as of one that ended meanwhile.
#[expect(unsafe_code, reason = "there is no safe function for it")]
pub(super) fn answer(session: u32, about: WTS_INFO_CLASS) -> Vec<u8> {
    let mut first: *mut u16 = ptr::null_mut();
    let mut length = 0;
    // SAFETY: both addresses are those of variables that outlive the call.
    let answered = unsafe {
        WTSQuerySessionInformationW(
            WTS_CURRENT_SERVER_HANDLE,
            session,
            about,
            &raw mut first,
            &raw mut length,
        )
    };
    let lent = Lent(first.cast());
    if answered == 0 || lent.0.is_null() {
        return Vec::new();
    }
    // SAFETY: the call succeeded, so `length` bytes are there, whatever they mean, which nobody
    // changes and which are given back after the copy.
    unsafe { slice::from_raw_parts(first.cast::<u8>(), length as usize) }.to_vec()
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::System::RemoteDesktop::WTS_CURRENT_SESSION;

    use super::*;

    #[test]
    fn an_answer_is_copied_whole_and_no_answer_is_empty() {
        // `USHORT`.
        assert_eq!(answer(WTS_CURRENT_SESSION, PROTOCOL).len(), 2);
        let unknown = WTS_INFO_CLASS::MAX;
        assert_eq!(answer(WTS_CURRENT_SESSION, unknown), [0_u8; 0]);
        assert!(sessions().is_ok());
    }
}
