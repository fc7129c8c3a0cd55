//! All devices.

use axum::{extract::Query, response::Html};
use bailiwick_core::{ids::DeviceId, time::Timestamp};
use maud::{Markup, html};

use super::{
    Known, Moment,
    enrolled::{Certificate, News},
    name,
};
use crate::page::{
    Refusal,
    access::{Caller, Viewer},
    render::{
        Part, empty, paging, time,
        value::shown,
        words::{count, title},
    },
    standing::{Plugin, QUIET_MS, Standing, TROUBLING, Trouble},
};
use crate::store::{
    StoreError, Way,
    view::{Device, Happened, View, Wanted},
};

/// Devices on one page.
const LENGTH: u32 = 25;
/// Devices that are judged for what needs attention: of those with trouble last, and of
/// those not heard of.
const JUDGED: u32 = 100;
/// Of them, the ones that are named.
const TOLD: usize = 8;
/// Kinds of trouble that are named in the list.
const WRONG: usize = 3;
/// Longest text that is searched for, in characters.
const SEARCH: usize = 100;

/// Which devices are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Show {
    #[default]
    All,
    /// Someone should look at them.
    Attention,
    Quiet,
    Https,
    Mqtt,
}

const SHOWS: [(Show, &str, &str); 5] = [
    (Show::All, "all", "All"),
    (Show::Attention, "attention", "Need attention"),
    (Show::Quiet, "quiet", "Not heard of for a day"),
    (Show::Https, "https", "Over HTTPS"),
    (Show::Mqtt, "mqtt", "Over MQTT"),
];

#[derive(serde::Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    show: Show,
    #[serde(default)]
    page: u16,
}

/// The list that is asked for.
struct List {
    search: String,
    show: Show,
    page: u16,
}

impl List {
    /// The address of another page or filter of it.
    fn to(&self, show: Show, page: u16) -> String {
        let name = SHOWS.iter().find(|(it, ..)| *it == show);
        let name = name.map_or("all", |(_, name, _)| name);
        format!("/?q={}&show={name}&page={page}", encoded(&self.search))
    }

    fn is_first(&self) -> bool {
        self.search.is_empty() && self.show == Show::All && self.page == 0
    }

    /// Whether a device that needs attention is what is searched for.
    fn finds(&self, device: &Device) -> bool {
        let search = self.search.to_lowercase();
        let texts = [&device.label, &device.host_name, &device.os];
        let texts = texts.into_iter().flatten().chain([&device.device]);
        texts
            .into_iter()
            .any(|text| text.to_lowercase().contains(&search))
    }

    fn wanted(&self, now_ms: i64) -> Wanted {
        Wanted {
            search: self.search.clone(),
            way: match self.show {
                Show::Https => Some(Way::Https),
                Show::Mqtt => Some(Way::Mqtt),
                Show::All | Show::Attention | Show::Quiet => None,
            },
            quiet_since_ms: (self.show == Show::Quiet).then(|| now_ms.saturating_sub(QUIET_MS)),
        }
    }

    /// The devices of this page, and whether there is another.
    fn read(&self, view: &View, at: &Moment) -> Result<(Vec<Known>, bool), StoreError> {
        if self.show == Show::Attention {
            let mut known = troubled(view, at)?;
            known.retain(|known| self.finds(&known.device));
            let start = usize::from(self.page) * LENGTH as usize;
            let more = known.len() > start + LENGTH as usize;
            let page = known.into_iter().skip(start).take(LENGTH as usize);
            return Ok((page.collect(), more));
        }
        let now_ms = i64::try_from(at.now.as_ms()).unwrap_or(i64::MAX);
        let page = view.devices(&self.wanted(now_ms), u32::from(self.page), LENGTH)?;
        let known = page.rows.into_iter();
        let known = known.map(|device| Known::of(view, device, at));
        Ok((known.collect::<Result<_, _>>()?, page.more))
    }
}

pub(crate) async fn list(
    caller: Caller<Viewer>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let at = Moment::of(&caller).await?;
    let now = at.now;
    let list = List {
        search: asked.q.trim().chars().take(SEARCH).collect(),
        show: asked.show,
        page: asked.page,
    };
    let read = caller.read(move |view| {
        let (known, more) = list.read(view, &at)?;
        let troubled = match list.is_first() {
            true => troubled(view, &at)?,
            false => Vec::new(),
        };
        Ok((list, known, more, troubled))
    });
    let (list, known, more, troubled) = read.await?;
    let certificates = certificates(&caller, &known, now).await?;
    let news = match list.is_first() {
        true => caller.register(move |it| News::read(it, now)).await?,
        false => News::default(),
    };
    let content = html! {
        h1 { "Devices" }
        (news.warnings(now))
        @if known.is_empty() && list.is_first() {
            (news.expected(now))
            @if news.is_nothing() { (nothing()) }
        } @else {
            (attention(&list, &troubled))
            (searching(&list))
            @if known.is_empty() { (not_found(&list)) } @else { (table(&known, &certificates, now)) }
            (pages(&list, more))
            (news.expected(now))
        }
    };
    Ok(caller.frame().part(Part::Devices).page("Devices", &content))
}

/// How the certificate of each device stands.
async fn certificates(
    caller: &Caller<Viewer>,
    known: &[Known],
    now: Timestamp,
) -> Result<Vec<Certificate>, Refusal> {
    let ids = known.iter().map(|known| known.device.device.parse());
    let ids: Vec<Option<DeviceId>> = ids.map(Result::ok).collect();
    let read = caller.register(move |register| {
        let of = |id: Option<DeviceId>| match id {
            Some(id) => register.device(&id),
            None => Ok(None),
        };
        let all = ids.into_iter().map(of);
        all.map(|enrolled| Ok(Certificate::of(enrolled?.as_ref(), now)))
            .collect()
    });
    read.await
}

/// Devices that someone should look at, those with the latest trouble first. Only so many
/// are judged as had trouble last: the others' is older than that.
fn troubled(view: &View, at: &Moment) -> Result<Vec<Known>, StoreError> {
    let candidates = view.devices_with(TROUBLING, JUDGED)?.rows;
    let candidates = candidates
        .iter()
        .map(|device| Known::read(view, device, at));
    let mut troubled: Vec<Known> = candidates
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()?;
    let now_ms = i64::try_from(at.now.as_ms()).unwrap_or(i64::MAX);
    let quiet = view.quiet(now_ms.saturating_sub(QUIET_MS), JUDGED)?.rows;
    for device in quiet {
        let known = |it: &Known| it.device.device == device.device;
        if !troubled.iter().any(known) {
            troubled.push(Known::of(view, device, at)?);
        }
    }
    troubled.retain(|known| known.standing.troubles().next().is_some());
    Ok(troubled)
}

fn attention(list: &List, troubled: &[Known]) -> Markup {
    let number = i64::try_from(troubled.len()).unwrap_or(i64::MAX);
    html! {
        @if number > 0 {
            section.notice.warn aria-label="Needs attention" {
                h2 { (count(number, "device")) (if number == 1 { " needs" } else { " need" }) " attention" }
                ul.feed {
                    @for known in troubled.iter().take(TOLD) {
                        li { a href={ "/devices/" (known.device.device) } { (name(&known.device)) } (state(&known.standing, Certificate::None)) }
                    }
                }
                @if troubled.len() > TOLD { p.more { a href=(list.to(Show::Attention, 0)) { "and " (troubled.len() - TOLD) " more" } } }
            }
        }
    }
}

fn searching(list: &List) -> Markup {
    html! {
        form.search role="search" method="get" action="/" {
            label for="q" { "Find by name, system or id" }
            div.row {
                input #q type="search" name="q" value=(list.search) maxlength=(SEARCH) autocomplete="off";
                button type="submit" { "Find" }
            }
        }
        nav.contents aria-label="Which devices" {
            ul { @for (show, _, words) in SHOWS {
                li { a href=(list.to(show, 0)) aria-current=[(show == list.show).then_some("page")] { (words) } }
            } }
        }
    }
}

fn table(known: &[Known], certificates: &[Certificate], now: Timestamp) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "Device" } th scope="col" { "State" } th scope="col" { "Last seen" }
                th scope="col" { "Certificate" } th scope="col" { "System" } th scope="col" { "Plugins" }
            } }
            tbody { @for (it, certificate) in known.iter().zip(certificates) { (row(it, *certificate, now)) } }
        }
    }
}

fn row(known: &Known, certificate: Certificate, now: Timestamp) -> Markup {
    let device = &known.device;
    html! {
        tr {
            th scope="row" { a href={ "/devices/" (device.device) } { (name(device)) } }
            td data-label="State" { (state(&known.standing, certificate)) }
            td data-label="Last seen" { (time::since(device.last_seen_ms, now)) (over(device)) }
            td data-label="Certificate" { (certificate.brief()) }
            td data-label="System" {
                @match &device.os { Some(os) => (shown(os)), None => span.absent { "not told yet" } }
            }
            td data-label="Plugins" { (plugins(&known.standing)) }
        }
    }
}

/// On which way it was heard of last.
pub(super) fn over(device: &Device) -> Markup {
    html! { @if let Some(way) = device.way { " over " (match way { Way::Https => "HTTPS", Way::Mqtt => "MQTT" }) } }
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

/// What is wrong, in a word or two each.
pub(super) fn state(standing: &Standing, certificate: Certificate) -> Markup {
    let mut wrong: Vec<(&str, String)> = Vec::new();
    for trouble in standing.troubles() {
        let told = match trouble {
            Trouble::Quiet { .. } => ("warn", "Not heard of".to_owned()),
            Trouble::Approval(_) => ("wait", "Waits for approval".to_owned()),
            Trouble::Refused(refused) => (
                "warn",
                format!("{} refused", shown(refused.plugin.as_str())),
            ),
            Trouble::Event(event) => ("bad", problem(event)),
        };
        // Who is suspended failed, of course.
        let plugin = match trouble {
            Trouble::Event(event) if event.event == "call-failed" => event.plugin.as_ref(),
            _ => None,
        };
        let suspended = plugin.and_then(|plugin| standing.plugins.get(plugin)?.suspended());
        if suspended.is_none() && !wrong.contains(&told) {
            wrong.push(told);
        }
    }
    html! {
        div.states {
            @for (tone, words) in wrong.iter().take(WRONG) { span.state.(tone) { (words) } }
            @if wrong.len() > WRONG { span.state.off { (wrong.len() - WRONG) " more" } }
            @if wrong.is_empty() && certificate.counts() { span.state.good { "Fine" } }
            @else if wrong.is_empty() { span.state.off { "Not listened to" } }
        }
    }
}

/// An event that troubles, in a few words.
fn problem(event: &Happened) -> String {
    let plugin = event.plugin.as_deref().map_or_else(String::new, shown);
    match event.event.as_str() {
        "suspended" => format!("{plugin} suspended"),
        "call-failed" => format!("{plugin} fails"),
        "refused" | "put-off" => format!("{plugin} not updated"),
        "went-back" => format!("{plugin} went back"),
        "refresh-failed" => "No updates".to_owned(),
        "settings-refused" => "Settings refused".to_owned(),
        "ceiling-refused" => "Ceiling refused".to_owned(),
        "dropped" => "Reports dropped".to_owned(),
        "events-lost" => "Events lost".to_owned(),
        "log-parted" => "Log was changed".to_owned(),
        "quarantined" => "Something damaged".to_owned(),
        other => title(other),
    }
}

fn pages(list: &List, more: bool) -> Markup {
    let newer = list
        .page
        .checked_sub(1)
        .map(|page| list.to(list.show, page));
    let older = more.then(|| list.to(list.show, list.page.saturating_add(1)));
    paging(
        newer.as_deref().map(|href| (href, "Seen later")),
        older.as_deref().map(|href| (href, "Seen earlier")),
    )
}

/// As part of an address.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn not_found(list: &List) -> Markup {
    let words = html! {
        p {
            @if !list.search.is_empty() { "No device of these has “" (shown(&list.search)) "” in its name, system or id. " }
            @else if list.page > 0 { "This page of the list is empty. " }
            @else { @match list.show {
                Show::Attention => "Nothing needs attention. ",
                Show::Quiet => "Every device was heard of within the last day. ",
                Show::Https | Show::Mqtt => "No device was heard of last on this way. ",
                Show::All => "There is none. ",
            } }
            a href="/" { "All devices" }
        }
    };
    empty("No device found", &words)
}

fn nothing() -> Markup {
    let words = html! {
        p { "A device is listed here once its agent has sent its first report or event. A device is let in with:" }
        pre { code {
            "bailiwick-console device invite --data DIR\n"
            "bailiwick enrol --data DIR TOKEN\n"
            "bailiwick run --data DIR"
        } }
        p.quiet {
            "The first is run here and prints a token, the others on the device. "
            code { "bailiwick-console repo assign" } " decides which plugins devices run."
        }
    };
    empty("No devices yet", &words)
}
