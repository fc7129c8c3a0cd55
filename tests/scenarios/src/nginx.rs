//! nginx as a server beside ours.

use std::{fs, path::Path, process::Command};

use super::{Desk, Program};

/// Starts `nginx` in a folder of the desk's, `nginx`, with `http` in its block of that name; it
/// listens once this returns.
///
/// # Panics
/// It does not begin.
pub fn nginx(nginx: &Path, desk: &Desk, http: &str) -> Program {
    let folder = desk.path("nginx");
    fs::create_dir(&folder).expect("the folder is ours");
    let place = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {place};\n"))
        .collect();
    let settings = folder.join("nginx.conf");
    let whole = format!(
        "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log /dev/stdout notice;\n\
         events {{}}\nhttp {{\n{temporary}{http}}}\n"
    );
    fs::write(&settings, whole).expect("the folder is ours");
    let mut command = Command::new(nginx);
    command.args(["-e", "stderr", "-c"]).arg(settings);
    let mut server = Program::start(&mut command);
    // It says how it will wait for events once its sockets listen.
    server.until("nginx to listen", |line| {
        line.as_str()
            .is_some_and(|line| line.contains("event method"))
    });
    server
}
