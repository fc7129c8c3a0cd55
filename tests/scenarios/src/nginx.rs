//! nginx as a server beside ours.

use std::{fs, path::Path};

use bailiwick_needs::NGINX_LISTENS;

use super::{Desk, Program};

/// Starts `nginx` in a folder of the desk's, `nginx`, with `http` in its block of that name; it
/// listens once this returns.
///
/// # Panics
/// It does not begin.
pub fn nginx(nginx: &Path, desk: &Desk, http: &str) -> Program {
    let folder = desk.path("nginx");
    fs::create_dir(&folder).expect("the folder is ours");
    let command = bailiwick_needs::nginx(nginx, &folder, http);
    let mut server = Program::start(&mut command.expect("the folder is ours"));
    server.until("nginx to listen", |line| {
        line.as_str()
            .is_some_and(|line| line.contains(NGINX_LISTENS))
    });
    server
}
