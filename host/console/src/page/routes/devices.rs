//! All devices.

use axum::{extract::Query, response::Html};
use bailiwick_core::time::Timestamp;
use maud::{Markup, html};

use super::{Known, name};
use crate::page::{
    Refusal,
    access::{Caller, Viewer},
    render::{Part, empty, paging, time, value::shown, words::count},
    standing::{Plugin, QUIET_MS, Standing, TROUBLING, Trouble},
};
use crate::store::{StoreError, view::View};

/// Devices on one page.
const LENGTH: u32 = 25;
/// Devices that are judged for what needs attention: of those with trouble last, and of
/// those not heard of.
const JUDGED: u32 = 100;
/// Of them, the ones that are named.
const TOLD: usize = 8;
/// Longest text that is searched for, in characters.
const SEARCH: usize = 100;

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: u16,
}

pub(crate) async fn list(
    caller: Caller<Viewer>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let search: String = asked.q.trim().chars().take(SEARCH).collect();
    let (looked, number) = (search.clone(), asked.page);
    let read = caller.read(move |view| {
        let page = view.devices(&looked, u32::from(number), LENGTH)?;
        let devices = page.rows.into_iter();
        let known = devices.map(|device| Known::of(view, device, now));
        let known = known.collect::<Result<Vec<_>, _>>()?;
        let troubled = match looked.is_empty() && number == 0 {
            true => troubled(view, now)?,
            false => Vec::new(),
        };
        Ok((known, page.more, troubled))
    });
    let (known, more, troubled) = read.await?;
    let content = html! {
        h1 { "Devices" }
        @if known.is_empty() && search.is_empty() && number == 0 {
            (nothing())
        } @else {
            (attention(&troubled))
            (searching(&search))
            @if known.is_empty() { (not_found(&search)) } @else { (table(&known, now)) }
            (pages(&search, number, more))
        }
    };
    Ok(caller.frame().part(Part::Devices).page("Devices", &content))
}

/// Devices that someone should look at, those with the latest trouble first. Only so many
/// are judged as had trouble last: the others' is older than that.
fn troubled(view: &View, now: Timestamp) -> Result<Vec<Known>, StoreError> {
    let candidates = view.devices_with(TROUBLING, JUDGED)?.rows;
    let candidates = candidates
        .iter()
        .map(|device| Known::read(view, device, now));
    let mut troubled: Vec<Known> = candidates
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()?;
    let now_ms = i64::try_from(now.as_ms()).unwrap_or(i64::MAX);
    let quiet = view.quiet(now_ms.saturating_sub(QUIET_MS), JUDGED)?.rows;
    for device in quiet {
        let known = |it: &Known| it.device.device == device.device;
        if !troubled.iter().any(known) {
            troubled.push(Known::of(view, device, now)?);
        }
    }
    troubled.retain(|known| known.standing.troubles().next().is_some());
    Ok(troubled)
}

fn attention(troubled: &[Known]) -> Markup {
    let number = i64::try_from(troubled.len()).unwrap_or(i64::MAX);
    html! {
        @if number > 0 {
            section.notice.warn aria-label="Needs attention" {
                h2 { (count(number, "device")) (if number == 1 { " needs" } else { " need" }) " attention" }
                ul.feed {
                    @for known in troubled.iter().take(TOLD) {
                        li { a href={ "/devices/" (known.device.device) } { (name(&known.device)) } (state(&known.standing)) }
                    }
                }
                @if troubled.len() > TOLD { p.more { "and " (troubled.len() - TOLD) " more" } }
            }
        }
    }
}

fn searching(search: &str) -> Markup {
    html! {
        form.search role="search" method="get" action="/" {
            label for="q" { "Find by name, system or id" }
            div.row {
                input #q type="search" name="q" value=(search) maxlength=(SEARCH) autocomplete="off";
                button type="submit" { "Find" }
            }
        }
    }
}

fn table(known: &[Known], now: Timestamp) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Device" } th scope="col" { "State" } th scope="col" { "Last seen" }
                th scope="col" { "System" } th scope="col" { "Plugins" }
            } }
            tbody { @for it in known { (row(it, now)) } }
        }
    }
}

fn row(known: &Known, now: Timestamp) -> Markup {
    let device = &known.device;
    html! {
        tr {
            th scope="row" { a href={ "/devices/" (device.device) } { (name(device)) } }
            td data-label="State" { (state(&known.standing)) }
            td data-label="Last seen" { (time::since(device.last_seen_ms, now)) }
            td data-label="System" {
                @match &device.os { Some(os) => (shown(os)), None => span.absent { "not told yet" } }
            }
            td data-label="Plugins" { (plugins(&known.standing)) }
        }
    }
}

fn plugins(standing: &Standing) -> Markup {
    let running = standing
        .plugins
        .iter()
        .filter(|(_, plugin)| !plugin.stopped);
    let running: Vec<(&String, &Plugin)> = running.collect();
    html! {
        @if running.is_empty() { span.absent { "none yet" } }
        @else {
            ul.inline {
                @for (name, plugin) in running {
                    li { (shown(name)) @if let Some(version) = &plugin.running { " " span.quiet { (shown(version)) } } }
                }
            }
        }
    }
}

/// What matters most, in a word or two.
pub(super) fn state(standing: &Standing) -> Markup {
    let quiet = standing
        .troubles()
        .any(|it| matches!(it, Trouble::Quiet { .. }));
    let approvals = standing.approvals().count();
    let events = standing
        .troubles()
        .filter(|it| matches!(it, Trouble::Event(_)));
    let events = i64::try_from(events.count()).unwrap_or(i64::MAX);
    html! {
        div.states {
            @if quiet { span.state.warn { "Not heard of" } }
            @if events > 0 { span.state.bad { (count(events, "problem")) } }
            @if approvals > 0 { span.state.wait { "Waits for approval" } }
            @if !quiet && events == 0 && approvals == 0 { span.state.good { "Fine" } }
        }
    }
}

fn pages(search: &str, number: u16, more: bool) -> Markup {
    let to = |number: u16| format!("/?q={}&page={number}", encoded(search));
    let newer = number.checked_sub(1).map(to);
    let older = more.then(|| number.saturating_add(1)).map(to);
    let step = |href: &Option<String>| href.clone();
    let (newer, older) = (step(&newer), step(&older));
    paging(
        newer.as_deref().map(|href| (href, "Seen later")),
        older.as_deref().map(|href| (href, "Seen earlier")),
    )
}

/// As part of an address.
pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn not_found(search: &str) -> Markup {
    let words = html! {
        p {
            @if search.is_empty() { "This page of the list is empty. " }
            @else { "No device has “" (shown(search)) "” in its name, system or id. " }
            a href="/" { "All devices" }
        }
    };
    empty("No device found", &words)
}

fn nothing() -> Markup {
    let words = html! {
        p { "A device is listed here once its agent has sent its first report or event. On a device, start one with:" }
        pre { code {
            "bailiwick run --data DIR \\\n  --set update-url=https://CONSOLE:8443/updates/ \\\n"
            "  --set report-url=https://CONSOLE:8443/ \\\n  --set root-sha256=… --set ca-file=tls/ca.pem"
        } }
        p.quiet {
            "CONSOLE is this machine. " code { "bailiwick-console repo status" }
            " prints the root's hash, and " code { "repo assign" } " decides which plugins devices run."
        }
    };
    empty("No devices yet", &words)
}
