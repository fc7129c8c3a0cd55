//! The plugins of this device: a list with all that is known, and a table of what each has
//! used, for `--watch`.

use super::{
    amount::{lasting, size},
    time,
};
use crate::socket::{PluginLine, PluginState};

/// What the columns of the table are called.
const HEADER: [&str; 11] = [
    "PLUGIN", "VERSION", "STATE", "CALLS", "TRAPS", "DENIED", "IN GUEST", "IN HOST", "CPU",
    "MEMORY", "OUT",
];

/// Columns of words; numbers stand to the right.
const WORDS: usize = 3;

/// Everything about one plugin.
pub(super) fn list(line: &PluginLine) -> String {
    let mut out = format!(
        "{} {} by {} ({}), generation {}",
        line.plugin,
        line.version,
        line.vendor,
        state(line.state),
        line.generation
    );
    if let Some(next) = line.next {
        out.push_str(&format!(", next call {}", time(next)));
    }
    out.push('\n');
    let timing = line.timing;
    out.push_str(&format!(
        "    {} calls when due, {} asked for, {} failed, {} missed; at most {:.1} ms late\n",
        timing.calls,
        timing.asked,
        timing.failed,
        timing.missed,
        timing.longest_late_us as f64 / 1_000.0
    ));
    out.push_str(&used(line));
    for grant in &line.grants {
        out.push_str(&format!("    {grant}\n"));
    }
    if !line.remark.is_empty() {
        out.push_str(&format!("    {}\n", line.remark));
    }
    out
}

/// What the generation has used.
fn used(line: &PluginLine) -> String {
    let used = &line.figures;
    format!(
        "    since {}: {} calls of its exports, {} trapped; {} in the guest, {} in {} host calls, \
         {} denied; {} of CPU, at most {} of {} memory, {} out\n",
        time(line.since),
        used.calls,
        used.traps,
        lasting(used.guest_us),
        lasting(used.host_us),
        used.host_calls,
        used.denials,
        lasting(used.cpu_us),
        size(used.memory_high_bytes),
        size(line.limits.memory_bytes),
        size(used.out_bytes),
    )
}

/// The table, its header first. Each row tells whose it is.
pub(crate) fn table(plugins: &[PluginLine]) -> Vec<String> {
    let header = HEADER.map(str::to_owned);
    let rows: Vec<_> = [header]
        .into_iter()
        .chain(plugins.iter().map(row))
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; HEADER.len()] = std::array::from_fn(width);
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| match column {
                0..WORDS => format!("{cell:width$}"),
                _ => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ")
        })
        .collect()
}

fn row(line: &PluginLine) -> [String; HEADER.len()] {
    let used = &line.figures;
    [
        line.plugin.to_string(),
        line.version.clone(),
        word(line.state).to_owned(),
        used.calls.to_string(),
        used.traps.to_string(),
        used.denials.to_string(),
        lasting(used.guest_us),
        lasting(used.host_us),
        lasting(used.cpu_us),
        format!(
            "{} of {}",
            size(used.memory_high_bytes),
            size(line.limits.memory_bytes)
        ),
        size(used.out_bytes),
    ]
}

fn state(state: PluginState) -> &'static str {
    match state {
        PluginState::Running => "running",
        PluginState::Resting => "resting until its next call",
        PluginState::Probation => "running, on probation",
        PluginState::BackOff => "failed, waits for its next try",
        PluginState::Suspended => "suspended after too many failures",
        PluginState::Revoked => "revoked",
    }
}

fn word(state: PluginState) -> &'static str {
    match state {
        PluginState::Running => "running",
        PluginState::Resting => "resting",
        PluginState::Probation => "probation",
        PluginState::BackOff => "back-off",
        PluginState::Suspended => "suspended",
        PluginState::Revoked => "revoked",
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::{ids::GenerationId, time::Timestamp};

    use super::*;
    use crate::figures::{Bounds, Figures};

    fn line(plugin: &str, calls: u64) -> PluginLine {
        PluginLine {
            plugin: plugin.parse().unwrap(),
            vendor: "bailiwick".parse().unwrap(),
            version: "0.1.0".to_owned(),
            generation: GenerationId(3),
            state: PluginState::Resting,
            next: None,
            timing: Default::default(),
            figures: Figures {
                calls,
                guest_us: 1_871_000,
                host_us: 12_000,
                memory_high_bytes: 4_000_000,
                ..Figures::default()
            },
            since: Timestamp::from_ms(1_795_000_000_000),
            limits: Bounds {
                memory_bytes: 16_000_000,
                ..Bounds::default()
            },
            grants: Vec::new(),
            remark: String::new(),
        }
    }

    #[test]
    fn columns_stand_beneath_one_another() {
        let table = table(&[line("inventory", 7), line("pressure", 24_000)]);
        assert_eq!(
            table,
            [
                "PLUGIN     VERSION  STATE    CALLS  TRAPS  DENIED  IN GUEST  IN HOST   CPU             MEMORY  OUT",
                "inventory  0.1.0    resting      7      0       0     1.8 s    12 ms  0 µs  4.0 MB of 16.0 MB  0 B",
                "pressure   0.1.0    resting  24000      0       0     1.8 s    12 ms  0 µs  4.0 MB of 16.0 MB  0 B",
            ]
        );
    }

    #[test]
    fn the_list_tells_what_was_used_of_how_much() {
        let told = list(&line("inventory", 7));
        let used = "7 calls of its exports, 0 trapped; 1.8 s in the guest, 12 ms in 0 host calls, 0 \
                    denied; 0 µs of CPU, at most 4.0 MB of 16.0 MB memory, 0 B out";
        assert!(told.contains(used), "{told}");
    }
}
