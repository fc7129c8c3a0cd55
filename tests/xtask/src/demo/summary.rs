//! What must have been seen, and whether it was.

use std::fmt::Write as _;

use anyhow::bail;
use serde_json::Value;

/// What the demo saw.
pub(crate) struct Seen {
    /// Every event of the agent.
    pub(crate) events: Vec<Value>,
    /// How many of them came before the offline restart.
    pub(crate) restarted_at: Option<usize>,
    /// Kinds of the reports in the console's database.
    pub(crate) delivered: Vec<String>,
    /// What enrolment told.
    pub(crate) enrolled: Option<Value>,
    /// Whether users could log in.
    pub(crate) logged_in: bool,
    /// What came of the operator's action.
    pub(crate) outcome: Option<Value>,
    /// What woke the neighbour, if anything did; none if the device can't have one here.
    pub(crate) neighbour: Option<Option<String>>,
}

/// One line of the summary: what, and what showed it.
type Line = (&'static str, Evidence);

/// Whether a line holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Evidence {
    /// It was seen; this showed it.
    Seen(String),
    /// It can't be shown here, and why.
    Skipped(&'static str),
    /// It was not seen.
    Missing,
}

impl From<Option<String>> for Evidence {
    fn from(seen: Option<String>) -> Self {
        seen.map_or(Self::Missing, Self::Seen)
    }
}

/// The summary for people.
pub(crate) fn table(seen: &Seen) -> String {
    lines(seen)
        .into_iter()
        .fold(String::new(), |mut out, (what, evidence)| {
            let (mark, evidence) = match evidence {
                Evidence::Seen(evidence) => ("✓", evidence),
                Evidence::Skipped(why) => ("–", format!("skipped: {why}")),
                Evidence::Missing => ("✗", "not seen".to_owned()),
            };
            // Writing to a String can't fail.
            let _ = writeln!(out, "{mark} {what:44} {evidence}");
            out
        })
}

/// # Errors
/// Names what was not seen.
pub(crate) fn judge(seen: &Seen) -> anyhow::Result<()> {
    let missing: Vec<_> = lines(seen)
        .into_iter()
        .filter(|(_, evidence)| *evidence == Evidence::Missing)
        .map(|(what, _)| what)
        .collect();
    if !missing.is_empty() {
        bail!("not seen: {}", missing.join("; "));
    }
    Ok(())
}

fn lines(seen: &Seen) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |what, evidence: Option<String>| lines.push((what, evidence.into()));
    line(
        "enrolled with a token that works once",
        seen.enrolled
            .as_ref()
            .map(|enrolled| format!("device {}", text(enrolled, "device"))),
    );
    line("pulled, and verified by the vendor's key", seen.pulled());
    line("a full report", seen.inventory("full"));
    line("a differential report", seen.inventory("differential"));
    line("a swap, state carried over, no call missed", seen.swap());
    line("an unsigned version refused", seen.refused("0.2.1", "sign"));
    line(
        "an over-privileged version refused",
        seen.refused("0.2.2", "more than is approved"),
    );
    line("an old repository refused", seen.old_repository());
    line("an offline restart ran what was there", seen.offline());
    line("a signed action, and what came of it", seen.outcome());
    lines.push(("a magic packet on the device's link", seen.packet()));
    lines.push(("sessions sampled, one instance each", seen.samples()));
    lines.push(("sessions of two users, opened and closed", seen.sessions()));
    lines
}

impl Seen {
    fn find(&self, wanted: impl Fn(&Value) -> bool) -> Option<&Value> {
        self.events.iter().find(|event| wanted(event))
    }

    fn pulled(&self) -> Option<String> {
        let event = self.find(|event| event["event"] == "pulled")?;
        let (plugin, version) = (text(event, "plugin"), text(event, "version"));
        Some(format!("{plugin} {version}, {}", event["keys"]))
    }

    /// The first report of that kind, if one is in the console.
    fn inventory(&self, kind: &str) -> Option<String> {
        let reported = self.find(|event| {
            event["event"] == "reported" && event["plugin"] == "inventory" && event["kind"] == kind
        })?;
        let delivered = self.delivered.iter().filter(|delivered| *delivered == kind);
        let count = delivered.count();
        let bytes = &reported["bytes"];
        (count > 0).then(|| format!("inventory's first: {bytes} bytes; {count} in the console"))
    }

    fn swap(&self) -> Option<String> {
        let event = self.find(|event| {
            event["event"] == "swapped"
                && event["missed"] == 0
                && event["state"].as_u64().is_some_and(|bytes| bytes > 0)
        })?;
        let (from, to) = (text(event, "from"), text(event, "to"));
        Some(format!("{from} → {to}, {} bytes", event["state"]))
    }

    fn refused(&self, version: &str, word: &str) -> Option<String> {
        let event = self.find(|event| {
            event["event"] == "refused"
                && event["version"] == version
                && text(event, "reason").contains(word)
        })?;
        Some(cut(&text(event, "reason")))
    }

    fn old_repository(&self) -> Option<String> {
        let event = self.find(|event| event["event"] == "refresh-failed")?;
        Some(cut(&text(event, "reason")))
    }

    fn offline(&self) -> Option<String> {
        let after = &self.events[self.restarted_at?..];
        let started =
            |event: &&Value| event["event"] == "plugin-started" && event["offline"] == true;
        let count = after.iter().filter(started).count();
        (count >= 2).then(|| format!("{count} plugins started from the disk"))
    }

    fn outcome(&self) -> Option<String> {
        let outcome = &self.outcome.as_ref()?["outcome"];
        (outcome["ended"] == "done").then(|| cut(&text(outcome, "result")))
    }

    fn packet(&self) -> Evidence {
        match &self.neighbour {
            Some(packet) => packet.clone().into(),
            None => Evidence::Skipped("no network namespace on this machine"),
        }
    }

    fn samples(&self) -> Evidence {
        if !self.logged_in {
            return Evidence::Skipped("no user session on this machine");
        }
        let files = self.events.iter().filter(|event| {
            event["event"] == "reported"
                && event["plugin"] == "session-analyzer"
                && event["kind"] == "file"
        });
        let sizes: Vec<_> = files.filter_map(|file| file["bytes"].as_u64()).collect();
        let largest = sizes.iter().max().copied().unwrap_or_default();
        (sizes.len() >= 2)
            .then(|| format!("{} files, the largest {largest} bytes", sizes.len()))
            .into()
    }

    fn sessions(&self) -> Evidence {
        if !self.logged_in {
            return Evidence::Skipped("no user session on this machine");
        }
        let of = |kind: &'static str| {
            self.events
                .iter()
                .filter(move |event| event["event"] == kind)
        };
        let closed = of("session-closed")
            .filter(|closed| of("session-opened").any(|one| one["session"] == closed["session"]))
            .count();
        (closed >= 2)
            .then(|| format!("{closed} opened and closed"))
            .into()
    }
}

fn text(event: &Value, key: &str) -> String {
    event[key].as_str().unwrap_or_default().to_owned()
}

fn cut(text: &str) -> String {
    const LONGEST: usize = 110;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
