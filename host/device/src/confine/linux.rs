//! The lines on Linux.

use rustix::thread::set_no_new_privs;

use super::{Drawn, Line, Writable, calls, capabilities, files};

/// Draws one line around the calling thread, and around the threads that it starts from then
/// on. [`super::confine`] draws all of them; apart, they show what each holds by itself.
pub fn draw(line: Line, writable: Writable<'_>) -> Drawn {
    match line {
        Line::NoNewPrivileges => match set_no_new_privs(true) {
            Ok(()) => Drawn::Active,
            Err(error) => Drawn::Missing(error.to_string()),
        },
        Line::Landlock => files::close(writable),
        Line::Capabilities => capabilities::drop_all_but_some(writable),
        Line::SystemCalls => calls::filter(),
    }
}
