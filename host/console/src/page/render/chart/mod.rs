//! Charts over time, drawn here as SVG: there is no script on the page.
//!
//! Only areas and lines are in the SVG, which is stretched to the width that there is; words
//! stand beside it as text of the page, so that they keep their size on a phone.

mod band;
mod columns;
mod scale;
mod stack;

use maud::{Markup, html};

pub(crate) use band::{Phases, band};
pub(crate) use columns::{Columns, Measure, Window};
pub(crate) use stack::{legend, name_words, stack, words};

use super::time;

/// Marks on the axis of time: at its ends and between them, evenly.
const MOMENTS: i64 = 5;

/// The axis of time below a chart.
fn moments(window: &Window) -> Markup {
    let length = window.to_ms - window.from_ms;
    let at = |place: i64| window.from_ms + length * place / (MOMENTS - 1);
    html! {
        div.moments aria-hidden="true" {
            @for place in 0..MOMENTS { span { (time::mark(at(place), length)) } }
        }
    }
}
