//! Who uses what: all sessions of a device side by side, and their applications together.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, Query},
    response::Html,
};
use maud::{Markup, html};

use super::{
    super::{Tab, devices::encoded, head, name, named},
    state,
    sum::{By, Sum, figures},
    user,
};
use crate::{
    page::{
        Refusal,
        access::{Caller, Viewer},
        render::{
            Part,
            chart::name_words,
            empty, time,
            value::{grouped, shown},
        },
    },
    store::view::{Grain, Session, Use},
};

const MINUTE_MS: i64 = 60_000;
/// Applications that are listed, those that used most.
const APPLICATIONS: usize = 50;

/// How much time is summed up, until the last file that came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
enum Span {
    #[default]
    #[serde(rename = "15m")]
    Quarter,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "6h")]
    Hours,
    #[serde(rename = "1d")]
    Day,
}

const SPANS: [(Span, &str, &str, i64); 4] = [
    (Span::Quarter, "15m", "15 minutes", 15),
    (Span::Hour, "1h", "1 hour", 60),
    (Span::Hours, "6h", "6 hours", 360),
    (Span::Day, "1d", "1 day", 1_440),
];

const ORDERS: [(By, &str, &str); 2] = [
    (By::Cpu, "cpu", "CPU time"),
    (By::Memory, "memory", "memory"),
];

#[derive(Clone, Copy, serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    span: Span,
    #[serde(default)]
    by: By,
}

impl Asked {
    fn of_span(self) -> (&'static str, i64) {
        let found = SPANS.iter().find(|(span, ..)| *span == self.span);
        found.map_or(("", 0), |(_, name, _, minutes)| (name, minutes * MINUTE_MS))
    }

    fn of_order(self) -> &'static str {
        let found = ORDERS.iter().find(|(by, ..)| *by == self.by);
        found.map_or("", |(_, name, _)| name)
    }

    const fn grain(self) -> Grain {
        match self.span {
            Span::Quarter | Span::Hour => Grain::Piece,
            Span::Hours | Span::Day => Grain::HalfHour,
        }
    }
}

/// One session, and which of its applications used most.
struct OfSession {
    session: Session,
    all: Sum,
    most: Option<String>,
}

/// One application in all sessions.
struct OfApplication {
    name: String,
    sum: Sum,
    sessions: usize,
}

struct Shown {
    sessions: Vec<OfSession>,
    /// Those that used most, and how many there are.
    applications: (Vec<OfApplication>, usize),
    /// The longest that a session was looked at, in milliseconds: what applications are
    /// averaged over.
    ms: f64,
}

impl Shown {
    fn new(sessions: Vec<Session>, rows: Vec<Use>, by: By) -> Self {
        let mut of_sessions: BTreeMap<String, (Sum, Option<(Sum, String)>)> = BTreeMap::new();
        let mut of_applications: BTreeMap<String, (Sum, usize)> = BTreeMap::new();
        for row in rows {
            let sum = Sum::of(row.ms, row.cpu_us, row.memory_kib_ms);
            let (all, most) = of_sessions.entry(row.session).or_default();
            let Some(name) = row.application else {
                *all = sum;
                continue;
            };
            let (together, count) = of_applications.entry(name.clone()).or_default();
            (*together, *count) = (together.and(sum), *count + 1);
            if most
                .as_ref()
                .is_none_or(|(most, _)| most.weight(by) < sum.weight(by))
            {
                *most = Some((sum, name));
            }
        }
        let mut sessions: Vec<_> = sessions
            .into_iter()
            .filter_map(|session| {
                let (all, most) = of_sessions.remove(&session.session)?;
                let most = most.map(|(_, name)| name);
                Some(OfSession { session, all, most })
            })
            .collect();
        sessions.sort_by(|a, b| b.all.weight(by).total_cmp(&a.all.weight(by)));
        let ms = sessions.iter().map(|it| it.all.ms).fold(0.0, f64::max);
        let applications = of_applications.into_iter();
        let mut applications: Vec<_> = applications
            .map(|(name, (sum, sessions))| OfApplication {
                name,
                sum,
                sessions,
            })
            .collect();
        applications.sort_by(|a, b| b.sum.weight(by).total_cmp(&a.sum.weight(by)));
        let count = applications.len();
        applications.truncate(APPLICATIONS);
        Self {
            sessions,
            applications: (applications, count),
            ms,
        }
    }
}

pub(crate) async fn show(
    caller: Caller<Viewer>,
    Path(device): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?.to_string();
    let read = caller.read(move |view| {
        let Some(device) = view.device(&id)? else {
            return Ok(None);
        };
        // What a device says of times may be anything.
        let until = view.used_until(&id)?.map(|ms| ms.clamp(0, 1 << 48));
        let from = until.map(|until| (until - asked.of_span().1, until.saturating_add(1)));
        let rows = match from {
            Some(range) => view.uses(&id, asked.grain(), range)?,
            None => Vec::new(),
        };
        let mut sessions = view.open_sessions(&id)?;
        if let Some((from, _)) = from {
            sessions.extend(view.sessions_closed_since(&id, from)?);
        }
        Ok(Some((device, until, Shown::new(sessions, rows, asked.by))))
    });
    let (device, until, shown) = read.await?.ok_or(Refusal::NotFound)?;
    let base = format!("/devices/{}", device.device);
    let content = html! {
        (head(&device, Tab::Sessions, now))
        p.crumbs { a href={ (base) "/sessions" } { "All sessions" } }
        h2 { "Who uses what" }
        (ways(&base, asked))
        @match until.filter(|_| !shown.sessions.is_empty()) {
            None => (unused()),
            Some(until) => {
                p.quiet { (time::between(until - asked.of_span().1, until)) ", as far as the device has told" }
                (by_session(&base, &shown))
                (by_application(&shown))
            }
        }
    };
    let title = format!("Who uses what on {}", name(&device));
    Ok(caller.frame().part(Part::Devices).page(&title, &content))
}

/// Other times and orders.
fn ways(base: &str, asked: Asked) -> Markup {
    let to = |span: &str, by: &str| format!("{base}/use?span={span}&by={by}");
    html! {
        nav.contents.times aria-label="Time" {
            ul { @for (it, span, words, _) in SPANS {
                li { a href=(to(span, asked.of_order())) aria-current=[(it == asked.span).then_some("page")] { (words) } }
            } }
        }
        nav.contents aria-label="Order" {
            ul { @for (it, by, words) in ORDERS {
                li { a href=(to(asked.of_span().0, by)) aria-current=[(it == asked.by).then_some("page")] { "Most " (words) " first" } }
            } }
        }
    }
}

fn by_session(base: &str, shown: &Shown) -> Markup {
    html! {
        h3 { "Sessions " span.quiet { (grouped(&shown.sessions.len().to_string())) } }
        div.scroll tabindex="0" role="region" aria-label="By session" {
            table.stack {
                thead { tr {
                    th scope="col" { "User" } th scope="col" { "State" } th.figure scope="col" { "CPU" }
                    th.figure scope="col" { "CPU time" } th.figure scope="col" { "Memory" }
                    th scope="col" { "Most by" }
                } }
                tbody { @for it in &shown.sessions { tr {
                    th scope="row" {
                        a href={ (base) "/sessions/" (encoded(&it.session.session)) } { (user(&it.session)) }
                        " " span.quiet { "session " (id(&it.session)) }
                    }
                    td data-label="State" { (state(&it.session)) }
                    (figures(it.all, it.all.ms))
                    td data-label="Most by" { @match &it.most {
                        Some(_) => (name_words(&it.most)), None => span.absent { "none" },
                    } }
                } } }
            }
        }
    }
}

fn by_application(shown: &Shown) -> Markup {
    let (applications, count) = &shown.applications;
    html! {
        h3 { "Applications of all sessions together" }
        @if *count > applications.len() {
            p.quiet { "The " (applications.len()) " that used most, of " (grouped(&count.to_string())) "." }
        }
        div.scroll tabindex="0" role="region" aria-label="By application" {
            table.stack {
                thead { tr {
                    th scope="col" { "Application" } th.figure scope="col" { "CPU" }
                    th.figure scope="col" { "CPU time" } th.figure scope="col" { "Memory" }
                    th.figure scope="col" { "Sessions" }
                } }
                tbody { @for it in applications { tr {
                    th scope="row" { (name_words(&Some(it.name.clone()))) }
                    (figures(it.sum, shown.ms))
                    td.figure data-label="Sessions" { (grouped(&it.sessions.to_string())) }
                } } }
            }
        }
    }
}

fn id(session: &Session) -> String {
    shown(&session.session)
}

fn unused() -> Markup {
    let words = html! {
        p { "No file tells what sessions used in this time. The plugin " code { "session-analyzer" } " sends one of each session every few minutes, where it is assigned." }
    };
    empty("No usage", &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> Session {
        Session {
            session: id.to_owned(),
            user: format!("u-{id}"),
            user_name: None,
            client: None,
            place: None,
            kind: None,
            source: None,
            opened_ms: 0,
            told_ms: 0,
            closed_ms: None,
            why: None,
            state: None,
            idle_since_ms: None,
        }
    }

    fn used(session: &str, application: &str, cpu_us: i64, memory_kib_ms: i64) -> Use {
        Use {
            session: session.to_owned(),
            application: (!application.is_empty()).then(|| application.to_owned()),
            ms: 1_000,
            cpu_us,
            memory_kib_ms,
        }
    }

    #[test]
    fn sessions_and_applications_are_in_the_order_that_is_asked_for() {
        let rows = || {
            vec![
                used("1#1", "", 500_000, 9_000),
                used("1#1", "editor", 400_000, 1_000),
                used("1#1", "browser", 100_000, 8_000),
                used("2#2", "", 900_000, 2_000),
                used("2#2", "editor", 900_000, 2_000),
                used("9#9", "", 1, 1),
            ]
        };
        let sessions = || vec![session("1#1"), session("2#2"), session("3#3")];
        let told = |by| {
            let shown = Shown::new(sessions(), rows(), by);
            let sessions = shown.sessions.iter();
            let sessions: Vec<_> = sessions
                .map(|it| (it.session.session.clone(), it.most.clone().unwrap()))
                .collect();
            let applications = shown.applications.0.iter();
            let applications: Vec<_> = applications
                .map(|it| (it.name.clone(), it.sessions))
                .collect();
            (sessions, applications)
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let (sessions, applications) = told(By::Cpu);
        assert_eq!(sessions, [pair("2#2", "editor"), pair("1#1", "editor")]);
        assert_eq!(
            applications,
            [("editor".to_owned(), 2), ("browser".to_owned(), 1)]
        );
        let (sessions, applications) = told(By::Memory);
        assert_eq!(sessions, [pair("1#1", "browser"), pair("2#2", "editor")]);
        assert_eq!(
            applications,
            [("browser".to_owned(), 1), ("editor".to_owned(), 2)]
        );
    }
}
