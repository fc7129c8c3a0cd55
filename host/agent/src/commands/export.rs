//! `bailiwick log export`: the log as a file that an auditor can verify elsewhere.
//!
//! One JSON object a line. The first has `format`, the device, when it was written, and behind
//! which entry the log begins; each other one an entry: its number, its link and itself as text.

use std::{
    fs,
    io::{BufWriter, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use bailiwick_core::{ids::DeviceId, ports::Clock as _};
use bailiwick_device::SystemClock;
use bailiwick_transport::EventLine;
use serde_json::{Value, json};

use super::{ask_running, offline};
use crate::{
    cli::{Common, ExportLog},
    look::{PartQuery, PartReport},
    socket::{Request, Response},
};

/// The format of the file.
const FORMAT: &str = "bailiwick-log-1";

/// Writes the log of the agent, or of the store where none runs.
///
/// # Errors
/// It can't be read, has no entry, or the file can't be written.
pub(crate) async fn log(common: &Common, asked: &ExportLog) -> anyhow::Result<ExitCode> {
    let mut part = read(common, None).await?;
    let Some(device) = device(&part) else {
        bail!("the log has no entry yet that could be written");
    };
    let folder = &asked.to;
    let unwritten = || format!("the log can't be written to {}", folder.display());
    fs::create_dir_all(folder).with_context(unwritten)?;
    let path = folder.join(format!("{device}.log"));
    let under_way = folder.join(format!(".{device}.log.new"));
    let mut file = BufWriter::new(private(&under_way).with_context(unwritten)?);
    let now = SystemClock::new().now();
    let head = json!({
        "format": FORMAT, "device": device.to_string(), "exported-ms": now, "after": part.after,
    });
    writeln!(file, "{head}").with_context(unwritten)?;
    let mut entries = 0;
    while let Some(last) = part.entries.last().map(|entry| entry.number) {
        for entry in &part.entries {
            serde_json::to_writer(&mut file, entry)?;
            writeln!(file).with_context(unwritten)?;
        }
        entries += part.entries.len();
        part = read(common, Some(last)).await?;
    }
    let file = file
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error);
    file.and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&under_way, &path))
        .with_context(unwritten)?;
    if common.json {
        println!("{}", json!({ "file": path, "entries": entries }));
    } else {
        println!("{entries} entries are in {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(common: &Common, after: Option<u64>) -> anyhow::Result<PartReport> {
    let query = PartQuery { after };
    Ok(match ask_running(common, Request::LogPart(query)).await? {
        Some(Response::LogPart(part)) => part,
        Some(Response::Refused { reason }) => bail!("{reason}"),
        Some(_) => bail!("the agent answers something else: it is of another version"),
        None => PartReport::read(&offline(common)?, query)?,
    })
}

/// Whose log it is, as its entries say.
fn device(part: &PartReport) -> Option<DeviceId> {
    let mut lines = part.entries.iter().map(|entry| &entry.line);
    lines.find_map(|line| Some(serde_json::from_str::<EventLine<Value>>(line).ok()?.device))
}

/// A fresh file that only its owner can read.
fn private(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
