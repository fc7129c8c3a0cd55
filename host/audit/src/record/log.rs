//! The log of one device, as a file.
//!
//! One JSON object a line. The first is the header: `format`, `device`, `exported-ms`, and
//! `after`, the entry behind which the log begins. Each other one is an entry: its `number`,
//! its `link` and, as text, the `line` that was linked.

use bailiwick_core::{
    chain::{self, Begins, Broken, Entry, Head, Link, Room, Whole},
    ids::DeviceId,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::Value;

/// The one format.
const FORMAT: &str = "bailiwick-log-1";

/// A log whose chain holds.
#[derive(Clone, Debug)]
pub struct DeviceLog {
    /// Whose.
    pub device: DeviceId,
    /// What the chain says.
    pub whole: Whole,
    /// Whether it agrees with a head that was noted elsewhere.
    pub is_held: bool,
    /// Its entries, the oldest first.
    pub entries: Vec<LogEntry>,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Its number on the device.
    pub number: u64,
    /// When, by the device's clock.
    pub at: Timestamp,
    /// What happened: an object with a text `event`.
    pub event: Value,
}

/// A file that is no log, or one that is not what the device kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Nothing is in it.
    #[error("it is empty: write it with `bailiwick log export`")]
    Empty,
    /// The first line.
    #[error(
        "it does not begin as a log of format `{FORMAT}`: {0}; write it with `bailiwick log export`"
    )]
    Header(String),
    /// An entry.
    #[error("line {line} is no entry of a log: {reason}")]
    Entry {
        /// From 1.
        line: usize,
        /// Why not.
        reason: String,
    },
    /// Its chain.
    #[error("it is not what the device kept: {0}")]
    Broken(#[from] Broken),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Header {
    format: String,
    device: String,
    after: Option<Head>,
}

#[derive(Deserialize)]
struct Line {
    number: u64,
    link: Option<Link>,
    line: String,
}

#[derive(Deserialize)]
struct Told {
    device: String,
    at: Timestamp,
    event: Value,
}

/// Reads the log in `text`, follows its chain, and holds it against `told`, a head that was
/// noted elsewhere.
///
/// # Errors
/// It is no log, or not what was kept.
pub fn parse(text: &str, told: Option<&Head>) -> Result<DeviceLog, LogError> {
    let mut lines = text.lines().enumerate();
    let (_, first) = lines.next().ok_or(LogError::Empty)?;
    let header: Header =
        serde_json::from_str(first).map_err(|error| LogError::Header(error.to_string()))?;
    if header.format != FORMAT {
        let format: String = header.format.chars().take(40).collect();
        return Err(LogError::Header(format!("its format is `{format}`")));
    }
    let device: DeviceId = header.device.parse().map_err(LogError::Header)?;
    let lines: Vec<(usize, Line)> = lines
        .map(|(index, text)| {
            let line = serde_json::from_str(text).map_err(|error| LogError::Entry {
                line: index + 1,
                reason: error.to_string(),
            })?;
            Ok((index + 1, line))
        })
        .collect::<Result<_, LogError>>()?;
    let kept = lines.iter().map(|(_, line)| Entry {
        number: line.number,
        bytes: line.line.as_bytes(),
        link: line.link,
    });
    let begins = header.after.map_or(Begins::AtFirst, Begins::After);
    let whole = chain::verify(begins, kept, Room::UNKNOWN, told)?;
    let entries = lines.iter().map(|(at, line)| entry(*at, line, device));
    Ok(DeviceLog {
        device,
        whole,
        is_held: told.is_some(),
        entries: entries.collect::<Result<_, _>>()?,
    })
}

fn entry(line: usize, kept: &Line, device: DeviceId) -> Result<LogEntry, LogError> {
    let refuse = |reason: String| LogError::Entry { line, reason };
    let told: Told = serde_json::from_str(&kept.line).map_err(|error| refuse(error.to_string()))?;
    if told.device != device.to_string() {
        return Err(refuse("it is of another device".to_owned()));
    }
    Ok(LogEntry {
        number: kept.number,
        at: told.at,
        event: told.event,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DEVICE: &str = "07070707070707070707070707070707";

    /// A log of `events`, behind `after`.
    fn log(after: Option<Head>, events: &[&str]) -> String {
        let mut text = json!({
            "format": FORMAT, "device": DEVICE, "exported-ms": 5, "after": after,
        })
        .to_string();
        let (mut link, begin) = match after {
            Some(head) => (head.link, head.number + 1),
            None => (Link::BEGINNING, 0),
        };
        for (number, event) in (begin..).zip(events) {
            let line = json!({
                "device": DEVICE, "at": number, "words": "", "event": { "event": event },
            })
            .to_string();
            link = link.next(number, line.as_bytes());
            text.push_str(&format!(
                "\n{}",
                json!({ "number": number, "link": link, "line": line })
            ));
        }
        text
    }

    #[test]
    fn a_log_is_read_as_it_was_kept_and_no_other_way() {
        let whole = log(None, &["a", "b", "c"]);
        let read = parse(&whole, None).unwrap();
        assert_eq!(read.entries.len(), 3);
        assert_eq!(read.entries[1].event["event"], "b");
        let head = read.whole.head.unwrap();
        assert!(parse(&whole, Some(&head)).unwrap().is_held);
        let rest = log(Some(head), &["d"]);
        assert_eq!(parse(&rest, Some(&head)).unwrap().entries.len(), 1);

        let edited = whole.replace(r#"\"b\""#, r#"\"x\""#);
        assert!(matches!(
            parse(&edited, None),
            Err(LogError::Broken(Broken::Changed(1)))
        ));
        let lines: Vec<&str> = whole.lines().collect();
        let without = [lines[0], lines[1], lines[3]].join("\n");
        assert!(matches!(parse(&without, None), Err(LogError::Broken(_))));
        let shorter = lines[..3].join("\n");
        assert!(parse(&shorter, None).is_ok());
        assert!(matches!(
            parse(&shorter, Some(&head)),
            Err(LogError::Broken(Broken::Ends { told: 2 }))
        ));
        for (no_log, reason) in [
            (String::new(), "empty"),
            ("{}".to_owned(), "format"),
            (whole.replace("log-1", "log-2"), "its format is"),
            (format!("{}\nx", lines[0]), "line 2"),
        ] {
            let error = parse(&no_log, None).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
