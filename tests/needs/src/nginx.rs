//! nginx as a server beside ours, by whoever runs the test and in one folder of the test's.

use std::{fs, io, path::Path, process::Command};

/// What nginx says on its standard output once its sockets listen: how it will wait for events.
pub const NGINX_LISTENS: &str = "event method";

/// How `nginx`, the program, is started with `http` in its block of that name. All that it writes
/// lies in `folder`, but for what it says of itself: see [`NGINX_LISTENS`].
///
/// # Errors
/// Its settings can't be written.
pub fn nginx(nginx: &Path, folder: &Path, http: &str) -> io::Result<Command> {
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
    fs::write(&settings, whole)?;
    let mut command = Command::new(nginx);
    command.args(["-e", "stderr", "-c"]).arg(settings);
    Ok(command)
}

/// The settings that `host/console/FLEET.md` hands out, for the block `http`: nginx has the
/// updates. Only the port of this machine and the folders are replaced.
///
/// # Errors
/// They are not there, or name another port and other folders.
pub fn nginx_of_fleet(port: u16, tls: &Path, public: &Path) -> io::Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/console/nginx.conf");
    let mut own = fs::read_to_string(file)?;
    for (theirs, ours) in [
        ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
        ("/etc/bailiwick/tls", tls.display().to_string()),
        ("/srv/bailiwick/public", public.display().to_string()),
    ] {
        if !own.contains(theirs) {
            let told = format!("host/console/nginx.conf has no `{theirs}`");
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
        own = own.replace(theirs, &ours);
    }
    Ok(own)
}
