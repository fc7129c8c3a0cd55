//! Areas on top of each other.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{
    super::value::{shown, size},
    Columns, Measure, moments, scale,
};

/// Width of one column and height of the whole, in units of the SVG.
const WIDTH: usize = 10;
const HEIGHT: f64 = 100.0;

/// Colours by name; the same in every chart of these columns.
pub(crate) fn legend(columns: &Columns) -> Markup {
    html! {
        ul.series aria-label="Applications" {
            @for (place, name) in columns.names.iter().enumerate() {
                li title=[name.as_deref().map(shown)] { span.swatch.(colour(columns, place)) {} (name_words(name)) }
            }
        }
    }
}

/// An application, without the folder of its program.
pub(crate) fn name_words(name: &Option<String>) -> String {
    let Some(name) = name else {
        return "All others".to_owned();
    };
    let last = name.rsplit(['/', '\\']).next();
    shown(last.filter(|last| !last.is_empty()).unwrap_or(name))
}

fn colour(columns: &Columns, place: usize) -> String {
    match columns.names[place] {
        Some(_) => format!("colour-{place}"),
        None => "colour-others".to_owned(),
    }
}

/// One measure of all names; `summary` says the same in a sentence.
pub(crate) fn stack(columns: &Columns, measure: Measure, summary: &str) -> Markup {
    let totals = (0..columns.window.columns).map(|column| columns.total(column, measure));
    let end = scale::end(totals.fold(0.0, f64::max));
    let width = columns.window.columns * WIDTH;
    html! {
        div.plot {
            div.scale aria-hidden="true" {
                span { (words(end, measure)) } span { (words(end / 2.0, measure)) } span { "0" }
            }
            svg.areas role="img" aria-label=(summary) viewBox={ "0 0 " (width) " 100" } preserveAspectRatio="none" {
                path.grid d={ "M0 0h" (width) "M0 50h" (width) "M0 100h" (width) } {}
                @for (place, name) in columns.names.iter().enumerate() {
                    path class=(colour(columns, place)) d=(area(columns, place, measure, end)) { title { (name_words(name)) } }
                }
            }
            (moments(&columns.window))
        }
    }
}

/// A box in each column that is known, on top of the names before.
fn area(columns: &Columns, name: usize, measure: Measure, end: f64) -> String {
    let mut path = String::new();
    for column in (0..columns.window.columns).filter(|column| columns.is_known(*column)) {
        // Rounded once for both that meet there: no gap is seen between them.
        let edge = |names: usize| {
            let below: f64 = (0..names)
                .map(|name| columns.value(name, column, measure))
                .sum();
            ((1.0 - below / end) * HEIGHT * 100.0).round() / 100.0
        };
        let (bottom, top) = (edge(name), edge(name + 1));
        let height = bottom - top;
        if height >= 0.01 {
            // Text never fails to take what is written into it.
            let _ = write!(
                path,
                "M{} {top:.2}h{WIDTH}v{height:.2}h-{WIDTH}z",
                column * WIDTH
            );
        }
    }
    path
}

/// A value as it stands at an axis or in a table.
pub(crate) fn words(value: f64, measure: Measure) -> String {
    match measure {
        Measure::Memory => size(value.round() as u64),
        Measure::Cpu if value <= 0.0 => "0\u{202f}%".to_owned(),
        Measure::Cpu if value < 0.1 => "<\u{202f}0.1\u{202f}%".to_owned(),
        Measure::Cpu if value < 9.95 => {
            let tenths = format!("{value:.1}");
            format!("{}\u{202f}%", tenths.strip_suffix(".0").unwrap_or(&tenths))
        }
        Measure::Cpu => format!("{value:.0}\u{202f}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Window, *};
    use crate::store::view::Used;

    fn used(application: Option<&str>, cpu_us: i64) -> Used {
        Used {
            from_ms: 10_000,
            ms: 10_000,
            application: application.map(str::to_owned),
            cpu_us,
            memory_kib_ms: 0,
        }
    }

    fn columns(name: &str) -> Columns {
        let rows = [
            used(None, 4_000_000),
            used(Some(name), 2_000_000),
            used(Some("vim"), 1_000_000),
        ];
        let window = Window {
            from_ms: 0,
            to_ms: 40_000,
            columns: 4,
        };
        Columns::new(&rows, window)
    }

    #[test]
    fn areas_lie_on_top_of_each_other_and_fill_what_is_known() {
        let drawn = stack(&columns("firefox"), Measure::Cpu, "CPU").into_string();
        // 40 % in all, and the scale ends there: 20, then 10, then 10.
        for path in [
            "M10 50.00h10v50.00h-10z",
            "M10 25.00h10v25.00h-10z",
            "M10 0.00h10v25.00h-10z",
        ] {
            assert!(drawn.contains(&format!("d=\"{path}\"")), "{drawn}");
        }
        assert!(
            drawn.contains("<span>40\u{202f}%</span><span>20\u{202f}%</span>"),
            "{drawn}"
        );
    }

    #[test]
    fn names_of_applications_stay_text() {
        let hostile = "\"><script>alert(1)</script>";
        let columns = columns(hostile);
        let drawn =
            stack(&columns, Measure::Cpu, hostile).into_string() + &legend(&columns).into_string();
        assert!(!drawn.contains("<script"), "{drawn}");
        assert!(drawn.contains("&lt;script&gt;"), "{drawn}");
    }

    #[test]
    fn shares_are_told_as_fine_as_they_are_known() {
        let told = |value| words(value, Measure::Cpu);
        assert_eq!(told(0.0), "0\u{202f}%");
        assert_eq!(told(0.04), "<\u{202f}0.1\u{202f}%");
        assert_eq!(told(2.0), "2\u{202f}%");
        assert_eq!(told(2.04), "2\u{202f}%");
        assert_eq!(told(2.46), "2.5\u{202f}%");
        assert_eq!(told(123.6), "124\u{202f}%");
    }
}
