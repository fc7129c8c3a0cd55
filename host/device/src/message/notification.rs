//! The notification service of a user's desktop (Desktop Notifications Specification 1.2), on that
//! user's own bus.
//!
//! A bus lets in whom it belongs to and nobody else, not even root. So a thread of its own becomes
//! that user for as long as it asks: by the effective id alone, so that no process of that user may
//! signal it.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    process::{Gid, Uid, geteuid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use crate::sessions::bus::{Bus, BusError, Message, Writer};

const SERVICE: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// Longest time for all of it: it depends on a program of the user.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows it to the user whose runtime folder this is.
///
/// # Errors
/// Why nobody is told.
pub(super) async fn show(
    folder: PathBuf,
    uid: u32,
    heading: String,
    text: String,
) -> Result<(), String> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let asking = std::thread::Builder::new().name("notification".to_owned());
    let asking = asking.spawn(move || {
        // Whoever called off does not listen any more.
        let _ = answer.send(as_user(&folder, uid, &heading, &text));
    });
    asking.map_err(|error| format!("no thread for it: {error}"))?;
    let answered = tokio::time::timeout(PATIENCE * 2, answered).await;
    match answered {
        Ok(Ok(told)) => told,
        Ok(Err(_)) | Err(_) => Err("the user's bus did not answer".to_owned()),
    }
}

pub(super) fn as_user(folder: &Path, uid: u32, heading: &str, text: &str) -> Result<(), String> {
    let found = std::fs::symlink_metadata(folder);
    let found = found.map_err(|_| "the user has no desktop that is known to the system")?;
    if !found.is_dir() || found.uid() != uid {
        // Neither the plugin nor the log is told which folder: its name is the user's id.
        return Err("the user's runtime folder is not the user's own".to_owned());
    }
    become_user(uid, found.gid()).map_err(|error| format!("the user's bus: {error}"))?;
    let bus = folder.join("bus");
    let found = std::fs::symlink_metadata(&bus);
    let found = found.map_err(|_| "the user has no bus: no desktop runs".to_owned())?;
    if found.uid() != uid {
        return Err("the user's bus is not the user's own".to_owned());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let address = format!("unix:path={}", bus.display());
        match tokio::time::timeout(PATIENCE, notify(&address, heading, text)).await {
            Ok(told) => told.map_err(|error| reason(&error)),
            Err(_) => Err("the notification service did not answer".to_owned()),
        }
    })
}

/// In words without the path of the bus.
fn reason(error: &BusError) -> String {
    match error {
        BusError::Unreachable { error, .. } => format!("the user's bus can't be reached: {error}"),
        other => other.to_string(),
    }
}

/// Of this thread alone.
pub(super) fn become_user(uid: u32, gid: u32) -> std::io::Result<()> {
    if geteuid().as_raw() == uid {
        return Ok(());
    }
    set_thread_groups(&[])?;
    set_thread_res_gid(None, Gid::from_raw(gid), None)?;
    set_thread_res_uid(None, Uid::from_raw(uid), None)?;
    Ok(())
}

async fn notify(address: &str, heading: &str, text: &str) -> Result<(), BusError> {
    let mut bus = Bus::connect(address).await?;
    let capabilities = Message::call(SERVICE, PATH, SERVICE, "GetCapabilities", &[]).starting();
    let capabilities = bus.ask(capabilities).await?;
    let capabilities = capabilities
        .arguments()
        .array(4, |reader| reader.string().map(str::to_owned))?;
    // "A server that does not support markup is expected to show it"; so it gets none.
    let text = match capabilities.iter().any(|it| it == "body-markup") {
        true => escaped(text),
        false => text.to_owned(),
    };
    let call = Message::call(SERVICE, PATH, SERVICE, "Notify", &[]);
    let call = call.with("susssasa{sv}i", notification(heading, &text));
    bus.ask(call.starting()).await.map(drop)
}

/// The arguments of `Notify`.
fn notification(heading: &str, text: &str) -> Writer {
    let mut out = Writer::default();
    out.string("Bailiwick");
    // In place of no other.
    out.u32(0);
    // No icon: none shall look like the system's.
    out.string("");
    out.string(heading);
    out.string(text);
    // No actions, and no hints, whose elements would be aligned to 8 bytes.
    out.u32(0);
    out.u32(0);
    out.align(8);
    // The service decides how long.
    out.u32(u32::MAX);
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
