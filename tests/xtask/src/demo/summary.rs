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
}

/// One line of the summary: what, and what showed it.
type Line = (&'static str, Option<String>);

/// The summary for people.
pub(crate) fn table(seen: &Seen) -> String {
    lines(seen)
        .into_iter()
        .fold(String::new(), |mut out, (what, evidence)| {
            let mark = if evidence.is_some() { "✓" } else { "✗" };
            let evidence = evidence.unwrap_or_else(|| "not seen".to_owned());
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
        .filter(|(_, evidence)| evidence.is_none())
        .map(|(what, _)| what)
        .collect();
    if !missing.is_empty() {
        bail!("not seen: {}", missing.join("; "));
    }
    Ok(())
}

fn lines(seen: &Seen) -> Vec<Line> {
    let find = |wanted: &dyn Fn(&Value) -> bool| seen.events.iter().find(|event| wanted(event));
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let refused = |version: &'static str, word: &'static str| {
        find(&|event| {
            event["event"] == "refused"
                && event["version"] == version
                && text(event, "reason").contains(word)
        })
        .map(|event| cut(&text(event, "reason")))
    };
    let size = |kind: &str| {
        let reported = find(&|event| {
            event["event"] == "reported" && event["plugin"] == "inventory" && event["kind"] == kind
        })?;
        let count = seen
            .delivered
            .iter()
            .filter(|delivered| *delivered == kind)
            .count();
        (count > 0).then(|| {
            format!(
                "inventory's first: {} bytes; {count} in the console",
                reported["bytes"]
            )
        })
    };
    let offline = seen.restarted_at.and_then(|at| {
        let started =
            |event: &&Value| event["event"] == "plugin-started" && event["offline"] == true;
        let count = seen.events[at..].iter().filter(started).count();
        (count >= 2).then(|| format!("{count} plugins started from the disk"))
    });
    vec![
        (
            "pulled, and verified by the vendor's key",
            find(&|event| event["event"] == "pulled").map(|event| {
                format!(
                    "{} {}, {}",
                    text(event, "plugin"),
                    text(event, "version"),
                    event["keys"]
                )
            }),
        ),
        ("a full report", size("full")),
        ("a differential report", size("differential")),
        (
            "a swap, state carried over, no call missed",
            find(&|event| {
                event["event"] == "swapped"
                    && event["missed"] == 0
                    && event["state"].as_u64().is_some_and(|bytes| bytes > 0)
            })
            .map(|event| {
                format!(
                    "{} → {}, {} bytes",
                    text(event, "from"),
                    text(event, "to"),
                    event["state"]
                )
            }),
        ),
        ("an unsigned version refused", refused("0.2.1", "sign")),
        (
            "an over-privileged version refused",
            refused("0.2.2", "more than is approved"),
        ),
        (
            "an old repository refused",
            find(&|event| event["event"] == "refresh-failed")
                .map(|event| cut(&text(event, "reason"))),
        ),
        ("an offline restart ran what was there", offline),
    ]
}

fn cut(text: &str) -> String {
    const LONGEST: usize = 110;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
