//! What was measured, as a table of `tests/benches/README.md`, and its plot beside that.

use std::{fmt::Write as _, fs, process::Command, time::Duration};

use anyhow::Context as _;

use super::{Missing, Outcome, plot, subject::Measured};
use crate::step::root;

/// The lines between which the table stands.
const BEGINS: &str = "<!-- written by `cargo xtask bench peers` -->";
const ENDS: &str = "<!-- until here -->";
const PLOT: &str = "tests/benches/peers.svg";
const PAGE: &str = "tests/benches/README.md";

/// Who it is to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Agent,
    /// It does the least for the same fields.
    Least,
    Peer,
}

/// Somebody, and what was measured of it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) version: Option<String>,
    pub(super) tells: &'static str,
    pub(super) few: Outcome,
    pub(super) many: Outcome,
}

impl Row {
    /// Nothing is measured yet.
    pub(super) fn named(kind: Kind, name: &'static str, tells: &'static str) -> Self {
        Self {
            kind,
            name,
            version: None,
            tells,
            few: Err(Missing::Failed),
            many: Err(Missing::Failed),
        }
    }
}

/// The table alone, in Markdown.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = "| program | what it tells | CPU in 15 s, 300 processes, 1 session | \
                    2,000 processes, 50 sessions | memory then: PSS; VmRSS; VmHWM | \
                    out in 15 s, 300 | 2,000 |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let name = match &row.version {
            Some(version) => format!("{} {version}", row.name),
            None => row.name.to_owned(),
        };
        let cell = |outcome: &Outcome, told: fn(&Measured) -> String| match outcome {
            Ok(measured) => told(measured),
            Err(Missing::NotProvided) => "not provided here".to_owned(),
            Err(Missing::Failed) => "not measured".to_owned(),
        };
        let cpu = |measured: &Measured| format!("{} ms", digits(measured.cpu));
        let sent = |measured: &Measured| format!("{} KB", digits(measured.sent / 1e3));
        let memory = |measured: &Measured| {
            let memory = measured.memory;
            let all = [memory.proportional, memory.resident, memory.most].map(digits);
            format!("{} MB", all.join("; "))
        };
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            row.tells,
            cell(&row.few, cpu),
            cell(&row.many, cpu),
            cell(&row.many, memory),
            cell(&row.few, sent),
            cell(&row.many, sent),
        );
    }
    text
}

/// Puts table and plot where people read them.
pub(super) fn write(rows: &[Row], processes: [usize; 2], over: Duration) -> anyhow::Result<()> {
    let page = root().join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| PAGE.to_owned())?;
    let section = format!("{}\n\n{}", circumstances(processes, over)?, table(rows));
    let text = replaced(&text, &section).with_context(|| format!("{PAGE} has no `{BEGINS}`"))?;
    fs::write(&page, text)?;
    fs::write(root().join(PLOT), plot::draw(rows))?;
    eprintln!("  {PAGE} and {PLOT} are written");
    Ok(())
}

/// When, over how long, and on what.
fn circumstances(processes: [usize; 2], over: Duration) -> anyhow::Result<String> {
    let output = Command::new("date")
        .args(["-u", "+%-d %B %Y"])
        .env("LC_ALL", "C")
        .output()?;
    let date = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let processors = std::thread::available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(2).unwrap_or_default().to_owned();
    let [few, many] = processes;
    Ok(format!(
        "{date}, Linux {kernel}, {processors} processors, load {load}, over {} s each, with {few} \
         and {many} processes at least:",
        over.as_secs()
    ))
}

/// `text` with `section` between the marks; none if it has no marks.
fn replaced(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGINS)?;
    let (_, after) = rest.split_once(ENDS)?;
    Some(format!("{before}{BEGINS}\n{section}\n{ENDS}{after}"))
}

/// Three digits that count.
pub(super) fn digits(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::peers::account::Memory;

    fn row() -> Row {
        let measured = |cpu| {
            let memory = Memory {
                proportional: 4.0,
                resident: 12.34,
                most: 123.4,
            };
            Ok(Measured {
                cpu,
                sent: 1_500.0,
                sessions: 1.0,
                memory,
            })
        };
        Row {
            version: Some("1.2".to_owned()),
            few: measured(12.345),
            many: measured(99.99),
            ..Row::named(Kind::Peer, "top", "all")
        }
    }

    #[test]
    fn a_row_has_figures_or_why_there_are_none() {
        let absent = Row {
            few: Err(Missing::NotProvided),
            ..Row::named(Kind::Peer, "glances", "all")
        };
        let text = table(&[row(), absent]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[2],
            "| top 1.2 | all | 12.3 ms | 100 ms | 4.00; 12.3; 123 MB | 1.50 KB | 1.50 KB |"
        );
        assert!(
            lines[3].contains("| all | not provided here | not measured |"),
            "{text}"
        );
        let columns = lines.iter().map(|line| line.matches('|').count());
        assert!(columns.eq([8; 4]), "{text}");
    }

    #[test]
    fn what_stood_between_the_marks_is_replaced_and_nothing_else() {
        let text = format!("before\n{BEGINS}\nold\n{ENDS}\nafter\n");
        let new = replaced(&text, "new").unwrap();
        assert_eq!(new, format!("before\n{BEGINS}\nnew\n{ENDS}\nafter\n"));
        assert_eq!(replaced(&new, "new"), Some(new.clone()));
        assert_eq!(replaced("before", "new"), None);
    }
}
