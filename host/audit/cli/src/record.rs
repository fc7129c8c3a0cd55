//! The folder of `--record`: logs of devices, and heads of them that were noted elsewhere.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use bailiwick_audit::{
    Place,
    record::{Record, parse},
    report::Unjudged,
};
use bailiwick_core::{bytes::ByteCount, chain::Head, ids::DeviceId};

/// Name of the file with heads.
const HEADS: &str = "heads";

/// Longest log that is read. What a device keeps is below 10 MB in this form.
const LONGEST: ByteCount = ByteCount::mib(64);

/// Reads the logs in `folder`. One that can't be believed is not judged, and the others are.
///
/// # Errors
/// The folder, or the heads in it, can't be read.
pub(crate) fn read(folder: &Path, unjudged: &mut Vec<Unjudged>) -> anyhow::Result<Record> {
    let mut record = Record::new(&folder.display().to_string());
    let heads = heads(&folder.join(HEADS))?;
    for path in logs(folder)? {
        let log = text(&path, LONGEST).and_then(|text| {
            let device = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            let told = device.and_then(|device: DeviceId| heads.get(&device));
            let log = parse(&text, told)?;
            if device.is_some_and(|device| device != log.device) {
                bail!(
                    "it is the log of {}, and named after another device",
                    log.device
                );
            }
            Ok(log)
        });
        match log {
            Ok(log)
                if record
                    .devices
                    .iter()
                    .any(|known| known.device == log.device) =>
            {
                unjudged.push(unread(
                    &path,
                    "another file is of the same device".to_owned(),
                ));
            }
            Ok(log) => record.take(&log),
            Err(error) => unjudged.push(unread(&path, format!("{error:#}"))),
        }
    }
    Ok(record)
}

fn unread(path: &Path, reason: String) -> Unjudged {
    let place = Place::file(&path.display().to_string());
    Unjudged { place, reason }
}

/// The logs, by name.
fn logs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unread = || format!("the record in {} can't be read", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(unread)? {
        let path = entry.with_context(unread)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        if name.is_some_and(|name| name.ends_with(".log") && !name.starts_with('.')) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        bail!(
            "there is no log in {}: write one on each device with `bailiwick log export --to DIR`",
            folder.display()
        );
    }
    paths.sort();
    Ok(paths)
}

/// The heads that were noted, if any were.
fn heads(path: &Path) -> anyhow::Result<BTreeMap<DeviceId, Head>> {
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let named = || format!("the heads in {}", path.display());
    let text = text(path, LONGEST).with_context(named)?;
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let mut words = line.split_whitespace();
            let (device, head) = (words.next().unwrap_or_default(), words.next());
            let device = device.parse::<DeviceId>().map_err(anyhow::Error::msg);
            let device = device.with_context(|| format!("line {}", index + 1));
            let head = head.unwrap_or_default().parse::<Head>();
            let head = head.with_context(|| format!("line {}", index + 1));
            Ok((device?, head?))
        })
        .collect::<anyhow::Result<_>>()
        .with_context(named)
}

/// The text of a file that is no longer than `at_most`.
fn text(path: &Path, at_most: ByteCount) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).context("it can't be read")?;
    let read = file.take(at_most.get() + 1).read_to_end(&mut bytes);
    read.context("it can't be read")?;
    if bytes.len() as u64 > at_most.get() {
        bail!("it is longer than {at_most}");
    }
    String::from_utf8(bytes).context("it is not UTF-8")
}
