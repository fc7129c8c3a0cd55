//! The bounds, and figures held against them.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// What a benchmark measured, by its name here or, if it has no bound, for reading only.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) measured: f64,
}

impl Figure {
    pub(crate) fn new(name: &str, measured: f64) -> Self {
        Self {
            name: name.to_owned(),
            measured,
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
struct Bound {
    benchmark: &'static str,
    figure: &'static str,
    what: &'static str,
    at_most: f64,
    unit: &'static str,
}

const fn bound(
    benchmark: &'static str,
    figure: &'static str,
    what: &'static str,
    at_most: f64,
    unit: &'static str,
) -> Bound {
    Bound {
        benchmark,
        figure,
        what,
        at_most,
        unit,
    }
}

/// MB and KB are 10^6 and 10^3 bytes.
const BOUNDS: [Bound; 43] = [
    bound(
        "memory",
        "rss",
        "agent with inventory, VmRSS at the end",
        10.0,
        "MB",
    ),
    bound("memory", "hwm", "agent with inventory, VmHWM", 14.0, "MB"),
    bound(
        "idle",
        "idle",
        "agent CPU when nothing is due, a minute",
        5.0,
        "ms",
    ),
    bound(
        "quiet",
        "quiet",
        "idle and connected, both ways, an hour",
        16.0,
        "KB",
    ),
    bound(
        "everything",
        "everything-rss",
        "agent with four plugins and a session, VmRSS",
        14.0,
        "MB",
    ),
    bound(
        "everything",
        "everything-hwm",
        "agent with four plugins and a session, VmHWM",
        18.0,
        "MB",
    ),
    bound(
        "everything",
        "everything-cpu",
        "the same, 300 processes, CPU in 15 s",
        14.0,
        "ms",
    ),
    bound(
        "accounting",
        "accounting",
        "accounts and log of decisions, more resident",
        1.0,
        "MB",
    ),
    bound(
        "sessions",
        "sessions-100-rss",
        "agent with a sampled session each of 100, VmRSS",
        22.0,
        "MB",
    ),
    bound(
        "sessions",
        "sessions-100-hwm",
        "the same, VmHWM",
        27.0,
        "MB",
    ),
    bound(
        "sessions",
        "sessions-500-rss",
        "agent with a sampled session each of 500, VmRSS",
        58.0,
        "MB",
    ),
    bound(
        "sessions",
        "sessions-500-hwm",
        "the same, VmHWM",
        66.0,
        "MB",
    ),
    bound(
        "inventory-cpu",
        "inventory-cpu",
        "full inventory through wasm, CPU",
        40.0,
        "ms",
    ),
    bound(
        "reports",
        "full",
        "full report of the fixture",
        16_000.0,
        "bytes",
    ),
    bound(
        "reports",
        "differential",
        "differential report, three fields",
        400.0,
        "bytes",
    ),
    bound(
        "swap",
        "swap-median",
        "disk to first call of a new version, median",
        2.0,
        "ms",
    ),
    bound(
        "swap",
        "swap-p99",
        "disk to first call of a new version, p99",
        10.0,
        "ms",
    ),
    bound(
        "empty-export",
        "empty-export",
        "empty export, over bare wasmtime",
        1.3,
        "x",
    ),
    bound(
        "host-call",
        "host-call",
        "granted host call, more than unchecked",
        150.0,
        "ns",
    ),
    bound(
        "outbox",
        "outbox-one",
        "1,000 reports kept, a commit each, CPU",
        250.0,
        "ms",
    ),
    bound(
        "outbox",
        "outbox-hundred",
        "1,000 reports kept, 100 a commit, CPU",
        8.0,
        "ms",
    ),
    bound(
        "outbox",
        "backlog-seconds",
        "backlog of 100,000 reports drained",
        20.0,
        "s",
    ),
    bound(
        "outbox",
        "backlog-memory",
        "the same, more resident than without",
        16.0,
        "MB",
    ),
    bound(
        "action",
        "action-median",
        "program run for an operator, answer, median",
        20.0,
        "ms",
    ),
    bound(
        "action",
        "action-p99",
        "program run for an operator, answer, p99",
        80.0,
        "ms",
    ),
    bound(
        "assignment",
        "assignment-slowest",
        "assignment published, live, the slowest",
        2.0,
        "s",
    ),
    bound(
        "audit",
        "audit-hundred",
        "audit of 100 plugins with their policies",
        150.0,
        "ms",
    ),
    bound(
        "audit",
        "audit-large",
        "audit of one component of 18 MB",
        300.0,
        "ms",
    ),
    bound(
        "size",
        "bailiwick",
        "program bailiwick, stripped",
        9.0,
        "MB",
    ),
    bound(
        "size",
        "bailiwick-compile",
        "program bailiwick-compile, stripped",
        12.0,
        "MB",
    ),
    bound(
        "neighbours",
        "neighbours",
        "neighbours' p99 beside the worst attack",
        1.5,
        "x",
    ),
    bound(
        "session-file",
        "session-file",
        "session file of 5 minutes, 296 processes",
        12.0,
        "KB",
    ),
    bound(
        "session-file",
        "session-file-encode",
        "writing it, CPU",
        5.0,
        "ms",
    ),
    bound(
        "process-pass",
        "process-pass",
        "one pass over 300 processes, CPU",
        5.0,
        "ms",
    ),
    bound(
        "lateness",
        "longest-late",
        "longest late over 100 swaps",
        100.0,
        "ms",
    ),
    bound(
        "lateness",
        "missed",
        "calls missed over 100 swaps",
        0.0,
        "calls",
    ),
    bound(
        "peers",
        "peers-few",
        "agent, 300 processes, a session, CPU in 15 s",
        2.0,
        "ms",
    ),
    bound(
        "peers",
        "peers-many",
        "the same, 2,000 processes, 50 sessions",
        8.0,
        "ms",
    ),
    bound(
        "peers",
        "peers-few-over-c",
        "300 processes, over /proc, over C",
        1.7,
        "x",
    ),
    bound(
        "peers",
        "peers-many-over-c",
        "2,000 processes, over /proc, over C",
        1.4,
        "x",
    ),
    bound(
        "peers",
        "peers-few-finding",
        "agent without plugins, 300 processes",
        3.0,
        "ms",
    ),
    bound(
        "peers",
        "peers-many-finding",
        "the same, 2,000 processes, 50 sessions",
        3.0,
        "ms",
    ),
    bound(
        "demo",
        "demo",
        "the first demo, building included",
        12.0,
        "min",
    ),
];

/// A bound and what was measured.
pub(crate) struct Row {
    bound: Bound,
    measured: Option<f64>,
}

impl Row {
    /// Whether it was measured and is not over.
    pub(crate) fn holds(&self) -> bool {
        self.measured
            .is_some_and(|measured| measured <= self.bound.at_most)
    }

    pub(crate) fn what(&self) -> &'static str {
        self.bound.what
    }

    pub(crate) fn json(&self) -> Value {
        let bound = &self.bound;
        json!({
            "benchmark": bound.benchmark,
            "figure": bound.figure,
            "what": bound.what,
            "measured": self.measured,
            "at-most": bound.at_most,
            "unit": bound.unit,
            "holds": self.holds(),
        })
    }
}

/// The bounds of the named benchmarks, with their figures.
pub(crate) fn rows(benchmarks: &[&str], figures: &[Figure]) -> Vec<Row> {
    let measured = |bound: &Bound| {
        figures
            .iter()
            .find(|figure| figure.name == bound.figure)
            .map(|figure| figure.measured)
    };
    BOUNDS
        .into_iter()
        .filter(|bound| benchmarks.contains(&bound.benchmark))
        .map(|bound| Row {
            measured: measured(&bound),
            bound,
        })
        .collect()
}

/// The table, and beneath it the figures without a bound.
pub(crate) fn print(rows: &[Row], figures: &[Figure]) -> String {
    let mut out = format!("{:<46} {:>12} {:>12}\n", "what", "measured", "at most");
    for Row { bound, measured } in rows {
        let verdict = match measured {
            None => "not measured",
            Some(measured) if *measured <= bound.at_most => "ok",
            Some(_) => "over",
        };
        let measured = measured.map_or_else(|| "-".to_owned(), number);
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            "{:<46} {measured:>12} {:>12} {:<5} {verdict}",
            bound.what,
            number(bound.at_most),
            bound.unit,
        );
    }
    let bounded = |figure: &&Figure| BOUNDS.iter().any(|bound| bound.figure == figure.name);
    for figure in figures.iter().filter(|figure| !bounded(figure)) {
        let _ = writeln!(out, "  {:<44} {:>12}", figure.name, number(figure.measured));
    }
    out
}

/// The bounds alone.
pub(crate) fn bounds() -> String {
    BOUNDS.iter().fold(String::new(), |mut out, bound| {
        let _ = writeln!(
            out,
            "{:<14} {:<46} {:>8} {}",
            bound.benchmark,
            bound.what,
            number(bound.at_most),
            bound.unit
        );
        out
    })
}

/// Three digits that count.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1_000.0 {
        return format!("{value:.0}");
    }
    if value.abs() >= 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_or_was_not_measured_does_not_hold() {
        let figures = [Figure::new("rss", 10.0), Figure::new("hwm", 14.1)];
        let rows = rows(&["memory", "idle"], &figures);
        let holds: Vec<_> = rows.iter().map(Row::holds).collect();
        assert_eq!(holds, [true, false, false]);
        let text = print(&rows, &figures);
        assert!(text.contains("over"), "{text}");
        assert!(text.contains("not measured"), "{text}");
    }

    #[test]
    fn a_figure_without_a_bound_is_shown_beneath() {
        let text = print(&[], &[Figure::new("rows", 12.0)]);
        assert!(text.contains("rows"), "{text}");
    }
}
