//! A window that nobody sees, which Windows tells that a session was opened, connected, locked,
//! unlocked, disconnected or closed.
//!
//! A service could be told by whoever starts services, and any program by a call that waits
//! (`WTSWaitSystemEvent`); but that one does not tell of locks.

use std::ptr;

use tokio::sync::Notify;
use windows_sys::{
    Win32::{
        Foundation::{HWND, LPARAM, LRESULT, WPARAM},
        System::RemoteDesktop::{
            NOTIFY_FOR_ALL_SESSIONS, WTSRegisterSessionNotification,
            WTSUnRegisterSessionNotification,
        },
        UI::WindowsAndMessaging::{
            CreateWindowExW, DefWindowProcW, DestroyWindow, DispatchMessageW, GetMessageW,
            HWND_MESSAGE, MSG, RegisterClassW, WM_WTSSESSION_CHANGE, WNDCLASSW,
        },
    },
    core::{PCWSTR, w},
};

const CLASS: PCWSTR = w!("BailiwickSessions");

/// Notices are for the process: what Windows calls has no other way to whoever waits.
pub(super) static STIRRED: Notify = Notify::const_new();

/// Takes notices and passes them on, for as long as Windows gives any.
#[expect(unsafe_code, reason = "there are no safe functions for it")]
pub(super) fn listen() {
    let class = WNDCLASSW {
        lpfnWndProc: Some(told),
        lpszClassName: CLASS,
        ..WNDCLASSW::default()
    };
    // SAFETY: the structure and the name outlive the call, and `told` has the type that is
    // asked for. It fails when the class is known from an earlier window, whose procedure is
    // the same.
    unsafe { RegisterClassW(&raw const class) };
    let (none, nothing) = (ptr::null_mut(), ptr::null());
    // SAFETY: the class is that of above, or is not known, and then there is no window. One
    // for messages alone has no title, place or menu, and nothing is handed over to it.
    let window = unsafe {
        CreateWindowExW(
            0,
            CLASS,
            nothing,
            0,
            0,
            0,
            0,
            0,
            HWND_MESSAGE,
            none,
            none,
            ptr::null(),
        )
    };
    if window.is_null() {
        return;
    }
    // SAFETY: the window is this thread's own, and it is destroyed below and nowhere else.
    unsafe {
        if WTSRegisterSessionNotification(window, NOTIFY_FOR_ALL_SESSIONS) != 0 {
            pass_on();
            WTSUnRegisterSessionNotification(window);
        }
        DestroyWindow(window);
    }
}

/// Tells the window what Windows tells it when a session changes.
#[cfg(test)]
#[expect(unsafe_code, reason = "there are no safe functions for it")]
pub(super) fn tell() {
    use windows_sys::Win32::UI::WindowsAndMessaging::{
        FindWindowExW, SendMessageW, WTS_SESSION_LOCK,
    };

    // SAFETY: the class' name outlives the calls, and the message has no address in it.
    unsafe {
        let window = FindWindowExW(HWND_MESSAGE, ptr::null_mut(), CLASS, ptr::null());
        assert!(!window.is_null(), "there is no window");
        SendMessageW(window, WM_WTSSESSION_CHANGE, WTS_SESSION_LOCK as WPARAM, 1);
    }
}

/// Until there is an error, or somebody has the thread end.
#[expect(unsafe_code, reason = "there are no safe functions for it")]
fn pass_on() {
    let mut message = MSG::default();
    // SAFETY: `message` outlives the call.
    while unsafe { GetMessageW(&raw mut message, ptr::null_mut(), 0, 0) } > 0 {
        // SAFETY: it is what the call before wrote.
        unsafe { DispatchMessageW(&raw const message) };
    }
}

/// What Windows calls on the window's thread.
#[expect(unsafe_code, reason = "its type is given")]
unsafe extern "system" fn told(window: HWND, message: u32, what: WPARAM, more: LPARAM) -> LRESULT {
    if message == WM_WTSSESSION_CHANGE {
        STIRRED.notify_one();
        return 0;
    }
    // SAFETY: they are handed on as Windows handed them over.
    unsafe { DefWindowProcW(window, message, what, more) }
}
