//! The lines on Linux.

use std::path::Path;

use rustix::thread::set_no_new_privs;

use super::{Drawn, Line, calls, capabilities, files};

/// Draws one line around the calling thread, and around the threads that it starts from then
/// on. [`super::confine`] draws all of them; apart, they show what each holds by itself.
pub fn draw(line: Line, data: &Path) -> Drawn {
    match line {
        Line::NoNewPrivileges => match set_no_new_privs(true) {
            Ok(()) => Drawn::Active,
            Err(error) => Drawn::Missing(error.to_string()),
        },
        Line::Landlock => files::close(data),
        Line::Capabilities => capabilities::drop_all_but_some(data),
        Line::SystemCalls => calls::filter(),
    }
}
