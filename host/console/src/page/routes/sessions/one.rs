//! One session: what it did, and what its applications used over time.

use axum::{
    extract::{Path, Query},
    response::Html,
};
use bailiwick_core::time::Timestamp;
use bailiwick_report::schema::Privacy;
use maud::{Markup, html};

use super::{
    super::{Tab, devices::encoded, head, name, named},
    compare::{self, Beside},
    kind, lasted, source, state, tables, user, why,
};
use crate::{
    page::{
        Refusal,
        access::{Caller, Viewer},
        render::{
            Part,
            chart::{Columns, Measure, Phases, Window, band, legend, stack},
            empty, time,
            value::{privacy, shown},
        },
    },
    store::view::{Grain, Phase, Session, Usage},
};

/// Phases that are drawn, the last ones of the window.
const PHASES: u32 = 1_000;

const MINUTE_MS: i64 = 60_000;

/// How much time is shown at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
enum Span {
    #[serde(rename = "15m")]
    Quarter,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "6h")]
    Hours,
    #[serde(rename = "1d")]
    Day,
    #[serde(rename = "7d")]
    Week,
}

const SPANS: [(Span, &str, &str); 5] = [
    (Span::Quarter, "15m", "15 minutes"),
    (Span::Hour, "1h", "1 hour"),
    (Span::Hours, "6h", "6 hours"),
    (Span::Day, "1d", "1 day"),
    (Span::Week, "7d", "7 days"),
];

impl Span {
    const fn ms(self) -> i64 {
        MINUTE_MS
            * match self {
                Self::Quarter => 15,
                Self::Hour => 60,
                Self::Hours => 360,
                Self::Day => 1_440,
                Self::Week => 10_080,
            }
    }

    const fn columns(self) -> usize {
        match self {
            Self::Quarter | Self::Hour | Self::Hours => 60,
            Self::Day => 48,
            Self::Week => 56,
        }
    }

    const fn grain(self) -> Grain {
        match self {
            Self::Quarter | Self::Hour | Self::Hours => Grain::Piece,
            Self::Day | Self::Week => Grain::HalfHour,
        }
    }

    /// The shortest that shows `ms` whole; a day for what is longer.
    fn of(ms: i64) -> Self {
        [Self::Quarter, Self::Hour, Self::Hours]
            .into_iter()
            .find(|span| span.ms() >= ms)
            .unwrap_or(Self::Day)
    }

    fn window(self, end_ms: i64) -> Window {
        let columns = self.columns();
        // Columns begin where the clock does, so that one page after another shows the same.
        let width = self.ms() / i64::try_from(columns).unwrap_or(1);
        let to_ms = (end_ms.saturating_add(width - 1)).div_euclid(width) * width;
        Window {
            from_ms: to_ms - self.ms(),
            to_ms,
            columns,
        }
    }

    fn name(self) -> &'static str {
        SPANS
            .iter()
            .find(|(span, ..)| *span == self)
            .map_or("", |(_, name, _)| name)
    }
}

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    span: Option<Span>,
    /// End of the window.
    until: Option<i64>,
    /// Another session, to compare with; empty for none.
    with: Option<String>,
}

/// What is shown.
struct Shown {
    session: Session,
    span: Span,
    window: Window,
    /// From when to when there is something at all.
    known: (i64, i64),
    phases: Vec<Phase>,
    usage: Usage,
    beside: Beside,
}

pub(crate) async fn show(
    caller: Caller<Viewer>,
    Path((device, session)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let now_ms = i64::try_from(now.as_ms()).unwrap_or(i64::MAX);
    let id = named(&device)?.to_string();
    // Beyond what a calendar has, no window can be drawn.
    let until = asked.until.filter(|ms| (0..=1 << 48).contains(ms));
    let read = caller.read(move |view| {
        let (Some(device), Some(session)) = (view.device(&id)?, view.session(&id, &session)?)
        else {
            return Ok(None);
        };
        let of = (id.as_str(), session.session.as_str());
        let usage = view.usage_span(of.0, of.1)?;
        let known = known(&session, usage, device.last_seen_ms.min(now_ms));
        let span = asked
            .span
            .unwrap_or_else(|| Span::of(known.1.saturating_sub(known.0)));
        let window = span.window(until.unwrap_or(known.1));
        let range = (window.from_ms, window.to_ms);
        let phases = view.phases(of, range, PHASES)?;
        let usage = view.usage(of, span.grain(), range)?;
        let mut choice = view.open_sessions(&id)?;
        choice.extend(view.sessions_closed_since(&id, window.from_ms)?);
        choice.retain(|other| other.session != session.session);
        let with = asked.with.as_deref();
        let chosen = match choice.iter().find(|it| with == Some(&it.session)) {
            Some(other) => {
                let usage = view.usage((&id, &other.session), span.grain(), range)?;
                Some((other.clone(), usage))
            }
            None => None,
        };
        let shown = Shown {
            beside: Beside { choice, chosen },
            session,
            span,
            window,
            known,
            phases,
            usage,
        };
        Ok(Some((device, shown)))
    });
    let (device, shown) = read.await?.ok_or(Refusal::NotFound)?;
    let base = format!("/devices/{}/sessions", device.device);
    let own = format!("{base}/{}", encoded(&shown.session.session));
    let content = html! {
        (head(&device, Tab::Sessions, now))
        p.crumbs { a href=(base) { "All sessions" } }
        section.card { (facts(&shown.session, now)) }
        (times(&own, &shown))
        (did(&shown))
        (used(&shown))
        (compare::choose(&own, &asks(&shown), &shown.beside))
        (compare::both((&shown.session, &shown.usage), &shown.beside, shown.window))
    };
    let title = format!("Session {} of {}", shown.session.session, name(&device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

/// From when to when something is known of a session. What a device says of times may be
/// anything; a chart needs an end that a calendar has.
fn known(session: &Session, usage: Option<(i64, i64)>, heard_ms: i64) -> (i64, i64) {
    let end = session.closed_ms.unwrap_or(heard_ms);
    let (first, last) = usage.unwrap_or((session.opened_ms, end));
    let end = end.max(last).clamp(0, 1 << 48);
    let begin = match usage {
        Some(_) => first,
        None => session.opened_ms,
    };
    (begin.clamp(0, end), end)
}

fn facts(session: &Session, now: Timestamp) -> Markup {
    html! {
        h2 {
            "Session of " (user(session))
            @if session.user_name.is_some() { (privacy(Privacy::Personal)) }
            " " (state(session))
        }
        dl.numbers {
            @if session.user_name.is_some() { div { dt { "User, in events" } dd { code { (shown(&session.user)) } } } }
            div { dt { "Came" } dd { (kind(session)) } }
            @for (what, told) in [("Used from", &session.client), ("At", &session.place)] {
                @if let Some(told) = told { div { dt { (what) " " (privacy(Privacy::Personal)) } dd { (shown(told)) } } }
            }
            div { dt { "Opened" } dd { (time::when(session.opened_ms, now)) } }
            @match session.closed_ms {
                Some(closed) => div { dt { "Ended" } dd { (time::when(closed, now)) (why(session)) } },
                None => { @if let Some(idle) = session.idle_since_ms { div { dt { "Idle since" } dd { (time::when(idle, now)) } } } },
            }
            @if session.closed_ms.is_some() { div { dt { "Lasted" } dd { (lasted(session)) } } }
            div { dt { "Told by" } dd { (source(session)) } }
            div { dt { "ID" } dd { code { (shown(&session.session)) } } }
        }
    }
}

/// What asks for the time that is shown.
fn asks(shown: &Shown) -> [(&'static str, String); 2] {
    [
        ("span", shown.span.name().to_owned()),
        ("until", shown.window.to_ms.to_string()),
    ]
}

/// Which time is shown, and ways to others.
fn times(own: &str, shown: &Shown) -> Markup {
    let Window { from_ms, to_ms, .. } = shown.window;
    let span = shown.span;
    let with = shown
        .beside
        .chosen
        .as_ref()
        .map_or_else(String::new, |(other, _)| {
            format!("&with={}", encoded(&other.session))
        });
    let to = |span: Span, until: i64| format!("{own}?span={}&until={until}{with}", span.name());
    let earlier = (from_ms > shown.known.0).then(|| to(span, from_ms));
    let later = (to_ms < shown.known.1)
        .then(|| to(span, to_ms.saturating_add(span.ms()).min(shown.known.1)));
    html! {
        nav.contents.times aria-label="Time" {
            ul { @for (it, _, words) in SPANS {
                li { a href=(to(it, to_ms)) aria-current=[(it == span).then_some("page")] { (words) } }
            } }
        }
        div.between {
            @match earlier { Some(href) => a.step href=(href) { "← Earlier" }, None => span {} }
            p { (time::between(from_ms, to_ms)) }
            @match later { Some(href) => a.step href=(href) { "Later →" }, None => span {} }
        }
    }
}

fn did(shown: &Shown) -> Markup {
    let phases = Phases::new(&shown.phases, shown.window, shown.known.1);
    html! {
        @if !phases.is_empty() {
            section.card.chart aria-labelledby="did" { h2 #did { "What it did" } (band(&phases)) }
        }
    }
}

fn used(shown: &Shown) -> Markup {
    let columns = Columns::new(&shown.usage.rows, shown.window);
    if columns.names.is_empty() {
        return unused(shown);
    }
    html! {
        section.card.chart aria-labelledby="used" {
            h2 #used { "What its applications used" }
            @if shown.usage.cut { p.quiet { "There is more than can be drawn at once: the beginning is left out. A shorter time shows it." } }
            (legend(&columns))
            h3 { "Processor " span.quiet { "share of one core" } }
            (stack(&columns, Measure::Cpu, &tables::sentence(&columns, Measure::Cpu)))
            h3 { "Memory" }
            (stack(&columns, Measure::Memory, &tables::sentence(&columns, Measure::Memory)))
        }
        section.card {
            h2 { "The same in figures" }
            (tables::by_application(&columns))
            (tables::by_time(&columns, Measure::Cpu))
            (tables::by_time(&columns, Measure::Memory))
        }
    }
}

fn unused(shown: &Shown) -> Markup {
    let words = html! {
        @if shown.known.0 >= shown.window.to_ms || shown.known.1 <= shown.window.from_ms {
            p { "Nothing is known of this time." }
        } @else {
            p { "No file tells what applications used in this time. The plugin " code { "session-analyzer" } " sends one every few minutes, where it is assigned." }
        }
    };
    empty("No usage", &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_where_a_column_of_the_clock_does() {
        let end = 1_795_000_123_456;
        for (span, ..) in SPANS {
            let window = span.window(end);
            assert!(window.from_ms < end && end <= window.to_ms, "{span:?}");
            assert_eq!(window.to_ms - window.from_ms, span.ms());
            assert_eq!(span.window(window.to_ms), window);
            let width = span.ms() / span.columns() as i64;
            assert_eq!(width * span.columns() as i64, span.ms(), "{span:?}");
        }
        assert_eq!(Span::of(90_000), Span::Quarter);
        assert_eq!(Span::of(30 * 86_400_000), Span::Day);
        assert_eq!(Span::Day.window(1 << 48).columns, 48);
    }
}
