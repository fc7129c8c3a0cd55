//! Another session beside the one that is shown, in the same time.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{
    kind,
    sum::{By, Sum, figures},
    tables, user,
};
use crate::{
    page::render::{
        chart::{Columns, Measure, Window, legend, name_words, stack},
        value::shown,
    },
    store::view::{Session, Usage},
};

/// Applications that are compared, those that used most in either.
const APPLICATIONS: usize = 30;

/// What the page is asked to show beside its own session.
pub(super) struct Beside {
    /// Which there are to choose from, its own not among them.
    pub(super) choice: Vec<Session>,
    pub(super) chosen: Option<(Session, Usage)>,
}

/// A form that asks for the same page with another session beside it; `kept` is what it asks for
/// already.
pub(super) fn choose(own: &str, kept: &[(&str, String)], beside: &Beside) -> Markup {
    let chosen = beside.chosen.as_ref().map(|(session, _)| &session.session);
    html! {
        @if !beside.choice.is_empty() || chosen.is_some() {
            form.filter method="get" action=(own) {
                @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
                div {
                    label for="with" { "Compare with" }
                    select #with name="with" {
                        option value="" { "no other session" }
                        @for it in &beside.choice {
                            option value=(it.session) selected[chosen == Some(&it.session)] {
                                (user(it)) ", session " (shown(&it.session)) ", " (kind(it))
                            }
                        }
                    }
                }
                button type="submit" { "Show" }
            }
        }
    }
}

/// Both, application by application, and a chart of the other.
pub(super) fn both(own: (&Session, &Usage), beside: &Beside, window: Window) -> Markup {
    let Some((other, usage)) = &beside.chosen else {
        return html! {};
    };
    let columns = Columns::new(&usage.rows, window);
    html! {
        section.card.chart aria-labelledby="beside" {
            h2 #beside { "What " (user(other)) " used in session " (shown(&other.session)) }
            @if columns.names.is_empty() { p.quiet { "No file tells what it used in this time." } } @else {
                (legend(&columns))
                h3 { "Processor " span.quiet { "share of one core" } }
                (stack(&columns, Measure::Cpu, &tables::sentence(&columns, Measure::Cpu)))
                h3 { "Memory" }
                (stack(&columns, Measure::Memory, &tables::sentence(&columns, Measure::Memory)))
            }
        }
        section.card {
            h2 { "Both in figures" }
            (figures_of((own.0, &Sums::new(own.1, window)), (other, &Sums::new(usage, window))))
        }
    }
}

/// What a session used, by application.
struct Sums {
    all: Sum,
    by_name: BTreeMap<String, Sum>,
}

impl Sums {
    /// Of what lies in the window, and of what lasts into it or out of it that share.
    fn new(usage: &Usage, window: Window) -> Self {
        let mut sums = Self {
            all: Sum::default(),
            by_name: BTreeMap::new(),
        };
        for row in &usage.rows {
            let end = row.from_ms.saturating_add(row.ms).min(window.to_ms);
            let inside = end.saturating_sub(row.from_ms.max(window.from_ms));
            if inside <= 0 {
                continue;
            }
            let sum = Sum::of(row.ms, row.cpu_us, row.memory_kib_ms);
            let sum = sum.share(inside as f64 / row.ms.max(1) as f64);
            let so_far = match &row.application {
                None => &mut sums.all,
                Some(name) => sums.by_name.entry(name.clone()).or_default(),
            };
            *so_far = so_far.then(sum);
        }
        sums
    }

    fn of(&self, name: &str) -> Sum {
        self.by_name.get(name).copied().unwrap_or_default()
    }
}

/// Names of both, those first that used most of the processor in either.
fn names<'a>(one: &'a Sums, other: &'a Sums) -> Vec<&'a str> {
    let mut names: Vec<&str> = one.by_name.keys().map(String::as_str).collect();
    let more = other.by_name.keys().map(String::as_str);
    names.extend(more.filter(|name| !one.by_name.contains_key(*name)));
    let most = |name: &str| {
        let (one, other) = (one.of(name), other.of(name));
        one.weight(By::Cpu).max(other.weight(By::Cpu))
    };
    names.sort_by(|a, b| most(b).total_cmp(&most(a)));
    names.truncate(APPLICATIONS);
    names
}

fn figures_of(one: (&Session, &Sums), other: (&Session, &Sums)) -> Markup {
    let whose =
        [one, other].map(|(session, _)| format!("{} ({})", user(session), shown(&session.session)));
    html! {
        div.scroll tabindex="0" role="region" aria-label="Both sessions" {
            table {
                thead {
                    tr {
                        td {}
                        @for whose in &whose { th.figure scope="colgroup" colspan="3" { (whose) } }
                    }
                    tr {
                        th scope="col" { "Application" }
                        @for _ in &whose {
                            th.figure scope="col" { "CPU" } th.figure scope="col" { "CPU time" } th.figure scope="col" { "Memory" }
                        }
                    }
                }
                tbody {
                    tr {
                        th scope="row" { "All together" }
                        @for (_, sums) in [one, other] { (figures(sums.all, sums.all.ms)) }
                    }
                    @for name in names(one.1, other.1) { tr {
                        th scope="row" { (name_words(&Some(name.to_owned()))) }
                        @for (_, sums) in [one, other] { (figures(sums.of(name), sums.all.ms)) }
                    } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::view::Used;

    fn usage(rows: &[(i64, &str, i64)]) -> Usage {
        let row = |(from_ms, application, cpu_us): &(i64, &str, i64)| Used {
            from_ms: *from_ms,
            ms: 1_000,
            application: (!application.is_empty()).then(|| (*application).to_owned()),
            cpu_us: *cpu_us,
            memory_kib_ms: 1,
        };
        Usage {
            rows: rows.iter().map(row).collect(),
            cut: false,
        }
    }

    #[test]
    fn applications_of_either_are_in_both_and_pieces_are_added_up() {
        let window = Window {
            from_ms: 1_000,
            to_ms: 3_000,
            columns: 1,
        };
        let rows = [
            (0, "", 99),
            (0, "editor", 99),
            (1_000, "", 30),
            (1_000, "editor", 10),
            (2_500, "", 80),
            (2_500, "editor", 40),
        ];
        let one = Sums::new(&usage(&rows), window);
        let rows = [(2_000, "", 90), (2_000, "browser", 90)];
        let other = Sums::new(&usage(&rows), window);
        assert_eq!(names(&one, &other), ["browser", "editor"]);
        assert_eq!(
            (one.of("editor").weight(By::Cpu), one.all.ms),
            (30.0, 1_500.0)
        );
        assert_eq!(one.of("browser"), Sum::default());
    }
}
