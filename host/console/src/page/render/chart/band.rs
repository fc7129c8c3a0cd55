//! What a session did, as a band over time.

use maud::{Markup, html};

use super::{
    super::{time, words::title},
    Window, moments,
};
use crate::store::view::Phase;

/// Width of the band, in units of the SVG.
const WIDTH: i128 = 10_000;
/// States that have a colour; others share one.
const STATES: [&str; 4] = ["active", "locked", "disconnected", "closing"];

/// The phases of a session within a window.
pub(crate) struct Phases {
    window: Window,
    /// From, to, class and words of each.
    parts: Vec<(i64, i64, &'static str, String)>,
}

impl Phases {
    /// `phases` as they follow one another; the last one lasts until `end_ms`.
    pub(crate) fn new(phases: &[Phase], window: Window, end_ms: i64) -> Self {
        let ends = phases
            .iter()
            .skip(1)
            .map(|next| next.from_ms)
            .chain([end_ms]);
        let parts = phases.iter().zip(ends).filter_map(|(phase, to)| {
            let from = phase.from_ms.max(window.from_ms);
            let to = to.min(window.to_ms);
            let (class, words) = class(phase);
            (from < to).then_some((from, to, class, words))
        });
        Self {
            window,
            parts: parts.collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How long each kind lasted, in the order in which they came first.
    fn totals(&self) -> Vec<(&'static str, &str, i64)> {
        let mut totals: Vec<(&'static str, &str, i64)> = Vec::new();
        for (from, to, class, words) in &self.parts {
            match totals.iter_mut().find(|(_, it, _)| it == words) {
                Some((_, _, ms)) => *ms += to - from,
                None => totals.push((class, words, to - from)),
            }
        }
        totals
    }
}

fn class(phase: &Phase) -> (&'static str, String) {
    let state = phase.state.as_deref();
    let class = STATES.into_iter().find(|it| Some(*it) == state);
    match (class, phase.idle) {
        (Some("active") | None, true) => ("idle", "Idle".to_owned()),
        (Some(class), true) => (class, format!("{}, idle", title(class))),
        (Some(class), false) => (class, title(class)),
        (None, false) => ("unknown", "Open".to_owned()),
    }
}

/// The band, and below it how long each lasted.
pub(crate) fn band(phases: &Phases) -> Markup {
    let window = &phases.window;
    let length = i128::from((window.to_ms - window.from_ms).max(1));
    let place = |ms: i64| i128::from(ms - window.from_ms) * WIDTH / length;
    let totals = phases.totals();
    let summary: Vec<String> = totals
        .iter()
        .map(|(_, words, ms)| format!("{words} {}", time::lasting(*ms)))
        .collect();
    html! {
        div.plot {
            div.scale aria-hidden="true" {}
            svg.band role="img" aria-label=(summary.join(", ")) viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" {
                @for (from, to, class, words) in &phases.parts {
                    rect.(class) x=(place(*from)) y="0" width=((place(*to) - place(*from)).max(1)) height="10" {
                        title { (words) ", " (time::between(*from, *to)) }
                    }
                }
            }
            (moments(window))
        }
        ul.series aria-label="States" {
            @for (class, words, ms) in &totals {
                li { span.swatch.(class) {} (words) " " span.quiet { (time::lasting(*ms)) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(from_ms: i64, state: Option<&str>, idle: bool) -> Phase {
        Phase {
            from_ms,
            state: state.map(str::to_owned),
            idle,
        }
    }

    #[test]
    fn phases_are_cut_to_the_window_and_summed_by_kind() {
        let window = Window {
            from_ms: 100_000,
            to_ms: 200_000,
            columns: 1,
        };
        let phases = [
            phase(0, Some("active"), false),
            phase(120_000, Some("active"), true),
            phase(140_000, Some("active"), false),
            phase(150_000, Some("locked"), false),
            phase(300_000, None, false),
        ];
        let phases = Phases::new(&phases, window, 400_000);
        let told: Vec<_> = phases.totals();
        assert_eq!(
            told,
            [
                ("active", "Active", 30_000),
                ("idle", "Idle", 20_000),
                ("locked", "Locked", 50_000)
            ]
        );
        let drawn = band(&phases).into_string();
        assert!(
            drawn.contains(r#"<rect class="locked" x="5000" y="0" width="5000""#),
            "{drawn}"
        );
        assert!(Phases::new(&[], window, 0).is_empty());
    }
}
