//! What a plugin has used, beside what it may use at most.

use bailiwick_core::time::Timestamp;
use maud::{Markup, html};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    page::render::{
        time,
        value::{decimal, grouped, size},
        words::inline,
    },
    store::view::Happened,
};

/// As the event `plugin-status` tells it: of all instances of one generation, since it took
/// over. What an older agent does not tell is 0.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Figures {
    calls: u64,
    traps: u64,
    host_calls: u64,
    denials: u64,
    cpu_us: u64,
    guest_us: u64,
    host_us: u64,
    memory_high_bytes: u64,
    out_bytes: u64,
    log_lines_dropped: u64,
}

/// As the event `limits-proven` tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Bounds {
    memory_bytes: u64,
    deadline_ms: u64,
    cpu_per_mille: u64,
    cpu_window_ms: u64,
    output_bytes: u64,
    host_calls: u64,
    log_lines: u64,
    state_bytes: u64,
}

impl Bounds {
    /// None from an agent that tells names alone.
    pub(super) fn of(proven: &Happened) -> Option<Self> {
        read(proven, "bounds")
    }
}

fn read<T: DeserializeOwned>(event: &Happened, field: &str) -> Option<T> {
    // A list would be read as well, field by field.
    let body = event.body.get(field).filter(|body| body.is_object())?;
    T::deserialize(body).ok()
}

/// What was used, as the last status told it.
pub(super) fn used(status: Option<&Happened>, bounds: Option<&Bounds>, now: Timestamp) -> Markup {
    let figures: Option<(&Happened, Figures)> =
        status.and_then(|status| Some((status, read(status, "figures")?)));
    html! {
        h3 { "What it has used" }
        @if let Some((status, figures)) = figures {
            @let since = status.body.get("since").and_then(serde_json::Value::as_i64);
            p.quiet {
                @if let Some(since) = since { "Counted since " (time::moment(since)) ", when " }
                @else { "Counted since " }
                @match status.body.get("generation").and_then(serde_json::Value::as_u64) {
                    Some(generation) => { "generation " (generation) },
                    None => "it",
                }
                " took over; told " (time::since(status.at_ms, now)) "."
            }
            dl.numbers { (counted(&figures, since.map(|since| status.at_ms.saturating_sub(since)), bounds)) }
        } @else {
            p.quiet { "The device has not told yet. It tells after the first call, and then about once an hour." }
        }
    }
}

fn counted(figures: &Figures, over_ms: Option<i64>, bounds: Option<&Bounds>) -> Markup {
    let number = |number: u64| grouped(&number.to_string());
    html! {
        div { dt { "Calls" } dd { (number(figures.calls)) } }
        div.bad[figures.traps > 0] { dt { "Traps" } dd { (number(figures.traps)) } }
        div.bad[figures.denials > 0] { dt { "Denials" } dd { (number(figures.denials)) } }
        div { dt { "Host calls" } dd { (number(figures.host_calls)) } }
        // An older agent does not tell them apart.
        @if figures.guest_us > 0 || figures.host_us > 0 {
            div { dt { "Time in the guest" } dd { (time::lasting_us(figures.guest_us)) } }
            div { dt { "Time in host calls" } dd { (time::lasting_us(figures.host_us)) } }
        }
        div { dt { "CPU time" } dd { (time::lasting_us(figures.cpu_us)) (share(figures.cpu_us, over_ms)) } }
        div {
            dt { "Memory, at most" }
            dd {
                (size(figures.memory_high_bytes))
                @if let Some(bounds) = bounds {
                    " of " (size(bounds.memory_bytes))
                    meter min="0" max=(bounds.memory_bytes) value=(figures.memory_high_bytes) aria-label="Share of its memory limit" {}
                }
            }
        }
        div { dt { "Bytes out" } dd { (size(figures.out_bytes)) } }
        @if figures.log_lines_dropped > 0 {
            div.bad { dt { "Log lines dropped" } dd { (number(figures.log_lines_dropped)) } }
        }
    }
}

/// CPU time as a share of one core over the time in which it was used.
fn share(cpu_us: u64, over_ms: Option<i64>) -> Markup {
    // Of a few seconds a share says nothing.
    let over_ms = over_ms.and_then(|ms| u64::try_from(ms).ok());
    let over_ms = over_ms.filter(|ms| *ms >= 60_000);
    html! {
        @if let Some(over_ms) = over_ms {
            // Hundredths of a percent, rounded up: what was used is never shown as nothing.
            @let parts = (cpu_us.saturating_mul(10)).div_ceil(over_ms);
            span.quiet { ", " (decimal(parts, 100)) "\u{202f}% of a core" }
        }
    }
}

/// What it may use at most.
pub(super) fn limits(proven: &Happened, bounds: Option<&Bounds>, names: &[&str]) -> Markup {
    html! {
        h3 { "Limits" }
        p.quiet { "Shown to hold on this device on " (time::moment(proven.at_ms)) ", by running into each of them." }
        @if let Some(it) = bounds {
            dl.numbers {
                div { dt { "Memory" } dd { (size(it.memory_bytes)) } }
                div { dt { "One call" } dd { (time::lasting_us(it.deadline_ms.saturating_mul(1_000))) } }
                div { dt { "CPU" } dd { (decimal(it.cpu_per_mille, 10)) "\u{202f}% of a core, over " (time::lasting_us(it.cpu_window_ms.saturating_mul(1_000))) } }
                div { dt { "Rows of one call" } dd { (size(it.output_bytes)) } }
                div { dt { "Host calls of one call" } dd { (grouped(&it.host_calls.to_string())) } }
                div { dt { "Log lines of one call" } dd { (grouped(&it.log_lines.to_string())) } }
                div { dt { "State" } dd { (size(it.state_bytes)) } }
            }
        } @else {
            ul.tags { @for limit in names { li { (crate::page::render::value::shown(&inline(limit))) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

    fn event(body: serde_json::Value) -> Happened {
        Happened {
            id: 1,
            device: String::new(),
            plugin: Some("pressure".to_owned()),
            event: String::new(),
            at_ms: 1_795_000_000_000 - 60_000,
            words: String::new(),
            body,
        }
    }

    #[test]
    fn figures_say_since_when_and_of_how_much() {
        let since = 1_795_000_000_000_i64 - 60_000 - 3_600_000;
        let status = event(json!({ "generation": 4, "since": since, "figures": {
            "calls": 240, "traps": 1, "cpu-us": 1_440_000, "memory-high-bytes": 4_000_000,
            "guest-us": 1_900_000, "host-us": 260_000,
        } }));
        let bounds = event(json!({ "bounds": {
            "memory-bytes": 16_000_000, "deadline-ms": 5_000, "cpu-per-mille": 50,
            "cpu-window-ms": 60_000, "output-bytes": 1_000_000, "host-calls": 1_000,
            "log-lines": 20, "state-bytes": 65_536,
        } }));
        let bounds = Bounds::of(&bounds).unwrap();
        let told = used(Some(&status), Some(&bounds), NOW).into_string();
        assert!(told.contains("Counted since <time"), "{told}");
        assert!(told.contains("when generation 4 took over"), "{told}");
        assert!(told.contains("4.0 MB of 16.0 MB<meter"), "{told}");
        assert!(
            told.contains("1.4 s") && told.contains("0.04\u{202f}%"),
            "{told}"
        );
        assert!(
            told.contains(r#"<div class="bad"><dt>Traps</dt><dd>1<"#),
            "{told}"
        );
        for time in ["the guest</dt><dd>1.9 s<", "host calls</dt><dd>260 ms<"] {
            assert!(told.contains(&format!("<dt>Time in {time}")), "{told}");
        }
        let told = limits(&status, Some(&bounds), &[]).into_string();
        assert!(told.contains("5\u{202f}% of a core, over 1 min"), "{told}");
    }

    #[test]
    fn what_is_no_status_is_as_good_as_none() {
        for figures in [
            json!(null),
            json!([]),
            json!({ "calls": "<b>" }),
            json!({ "calls": -1 }),
        ] {
            let status = event(json!({ "figures": figures, "since": "x" }));
            let told = used(Some(&status), None, NOW).into_string();
            assert!(told.contains("has not told yet"), "{told}");
        }
        assert!(Bounds::of(&event(json!({ "bounds": { "memory-bytes": 1 } }))).is_none());
        let most = event(json!({ "since": i64::MIN, "figures": { "cpu-us": u64::MAX } }));
        used(Some(&most), None, NOW);
    }
}
