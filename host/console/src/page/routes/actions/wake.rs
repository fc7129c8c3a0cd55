//! Waking a device that sleeps: who of its neighbours is picked to do it, and why.
//!
//! What is known here is what devices have reported. The draft that this leads to is as any
//! other: an operator looks at it, and signs it.

use axum::{extract::Query, response::Html};
use bailiwick_core::{
    action::{Candidate, bridges},
    ids::DeviceId,
    time::Timestamp,
};
use maud::{Markup, html};

use super::{asked::address, form::ARGUMENT};
use crate::{
    page::{
        Refusal,
        access::{Caller, Operator},
        neighbourhood::{Link, Reach, Target, links, reach, target},
        render::{Part, empty, time, value::shown},
        routes::{devices::encoded, name, named},
    },
    store::{
        StoreError,
        view::{Device, View},
    },
};

/// The plugin that wakes.
const HANDLER: &str = "wake-on-lan";
/// Devices with the plugin that are looked at, those heard of last.
const LOOKED_AT: u32 = 50;
/// Who was heard of within this may well be there: devices report every hour at least.
pub(in crate::page::routes) const AWAKE_MS: i64 = 75 * 60 * 1000;
/// Devices that are asked how fit they are.
const ASKED: usize = 20;

#[derive(serde::Deserialize)]
pub(crate) struct Sleeper {
    device: String,
}

pub(crate) async fn wake(
    caller: Caller<Operator>,
    Query(Sleeper { device }): Query<Sleeper>,
) -> Result<Html<String>, Refusal> {
    let now = caller.now();
    let id = named(&device)?;
    let read = caller.read(move |view| Neighbourhood::read(view, &id, now));
    let found = read.await?.ok_or(Refusal::NotFound)?;
    let content = found.page(now);
    let title = format!("Wake {}", name(&found.sleeper));
    Ok(caller.frame().part(Part::Actions).page(&title, &content))
}

/// A device that sleeps, and the devices that could wake it.
struct Neighbourhood {
    sleeper: Device,
    target: Option<Target>,
    neighbours: Vec<Neighbour>,
}

/// A device with the plugin.
struct Neighbour {
    id: DeviceId,
    device: Device,
    /// None if it has not told of its links.
    reach: Option<Reach>,
    awake: bool,
    /// Its place among those that are picked.
    picked: Option<usize>,
}

impl Neighbourhood {
    fn read(view: &View, id: &DeviceId, now: Timestamp) -> Result<Option<Self>, StoreError> {
        let Some(sleeper) = view.device(&id.to_string())? else {
            return Ok(None);
        };
        let target = links_of(view, &sleeper.device)?.and_then(|links| target(&links));
        let mut neighbours = Vec::new();
        if let Some(target) = &target {
            for device in view.devices_of_handler(HANDLER, "", LOOKED_AT)?.rows {
                let Some(other) = device.device.parse().ok().filter(|other| other != id) else {
                    continue;
                };
                let links = links_of(view, &device.device)?;
                neighbours.push(Neighbour {
                    id: other,
                    reach: links.map(|links| reach(&links, target)),
                    awake: whole(now).saturating_sub(device.last_seen_ms) < AWAKE_MS,
                    device,
                    picked: None,
                });
            }
        }
        let candidates: Vec<_> = neighbours.iter().map(Neighbour::candidate).collect();
        let picked = bridges(&candidates);
        let is_near = |it: &Neighbour| matches!(it.reach, Some(Reach::Near { .. }));
        // Those that are picked in the order of their fitness.
        for neighbour in &mut neighbours {
            neighbour.picked = picked.iter().position(|id| *id == neighbour.id);
        }
        neighbours.sort_by_key(|it| (it.picked.unwrap_or(picked.len()), !is_near(it), !it.awake));
        Ok(Some(Self {
            sleeper,
            target,
            neighbours,
        }))
    }

    fn picked(&self) -> Vec<DeviceId> {
        let picked = self.neighbours.iter().filter(|it| it.picked.is_some());
        picked.map(|it| it.id).collect()
    }

    fn page(&self, now: Timestamp) -> Markup {
        let sleeper = &self.sleeper;
        html! {
            p.crumbs { a href={ "/devices/" (sleeper.device) } { (name(sleeper)) } }
            h1 { "Wake " (name(sleeper)) }
            p.lead { "Last heard of " (time::when(sleeper.last_seen_ms, now)) "." }
            @match &self.target {
                None => (unknown(sleeper)),
                Some(target) => {
                    (asleep(target))
                    (self.neighbours(target, now))
                }
            }
        }
    }

    fn neighbours(&self, target: &Target, now: Timestamp) -> Markup {
        let picked = self.picked();
        html! {
            section.card {
                h2 { "Who wakes it" }
                @if self.neighbours.is_empty() {
                    p { "No other device has told that it runs " code { (HANDLER) } ". " code { "bailiwick-console repo assign" } " decides which plugins devices run." }
                } @else {
                    ul.feed { @for it in self.neighbours.iter().take(ASKED) { (it.row(now)) } }
                    @if self.neighbours.len() > ASKED { p.quiet { "and " (self.neighbours.len() - ASKED) " more" } }
                }
                @if picked.is_empty() && !self.neighbours.is_empty() {
                    p { "None of them was heard of lately in the network of the device, so none is picked." }
                }
                div.send {
                    @if !picked.is_empty() { a.step.primary href=(draft(&picked, "wake", &[("mac", &target.mac), ("target", &target.ip.to_string())])) { "Draft it for those picked" } }
                    @let asked: Vec<DeviceId> = self.neighbours.iter().take(ASKED).map(|it| it.id).collect();
                    @if !asked.is_empty() { a href=(draft(&asked, "fitness", &[("target", &target.ip.to_string())])) { "Ask them first how fit they are" } }
                }
                p.help { "Picked by what they reported last. Each says for itself what it sent; whoever wakes is heard of again." }
            }
        }
    }
}

impl Neighbour {
    fn candidate(&self) -> Candidate<DeviceId> {
        let wired = matches!(self.reach, Some(Reach::Near { wired: true, .. }));
        Candidate {
            device: self.id,
            online: self.awake,
            same_subnet: matches!(self.reach, Some(Reach::Near { .. })),
            wired,
        }
    }

    fn row(&self, now: Timestamp) -> Markup {
        html! {
            li {
                span {
                    a href={ "/devices/" (self.device.device) } { (name(&self.device)) }
                    " " @match &self.reach {
                        None => span.quiet { "has not told of its links" },
                        Some(Reach::Elsewhere) => span.quiet { "is in another network" },
                        Some(Reach::Near { link, wired }) => span.quiet {
                            "is in its network over " (shown(link)) (if *wired { ", a cable" } else { ", without a cable" })
                        }
                    }
                    span.quiet { "; heard of " (time::since(self.device.last_seen_ms, now)) }
                }
                @if self.picked.is_some() { span.state.good { "Picked" } }
                @else if !self.awake { span.state.off { "Not heard of" } }
                @else { span.state.off { "Not picked" } }
            }
        }
    }
}

/// The links that a device told last.
fn links_of(view: &View, device: &str) -> Result<Option<Vec<Link>>, StoreError> {
    for installed in view.installed(device)? {
        if let Some(stream) = view.stream(device, &installed.plugin)?
            && let Some(links) = links(stream.snapshot())
        {
            return Ok(Some(links));
        }
    }
    Ok(None)
}

/// The address of the form, with what is known filled in.
fn draft(devices: &[DeviceId], way: &str, arguments: &[(&str, &str)]) -> String {
    let mut address = address(HANDLER, devices);
    address.push_str("&way=");
    address.push_str(way);
    for (name, value) in arguments {
        address.push('&');
        address.push_str(&encoded(&format!("{ARGUMENT}{name}")));
        address.push('=');
        address.push_str(&encoded(value));
    }
    address
}

fn asleep(target: &Target) -> Markup {
    html! {
        section.card {
            h2 { "The card that sleeps" }
            dl {
                div { dt { "Link" } dd { (shown(&target.link)) } }
                div { dt { "Ethernet address" } dd { code { (target.mac) } } }
                div { dt { "Last address" } dd { code { (target.ip) "/" (target.bits) } } }
            }
        }
    }
}

fn unknown(sleeper: &Device) -> Markup {
    let words = html! {
        p { "It has not reported a link with an Ethernet address and an IPv4 address, as the plugin " code { "inventory" } " does, so its neighbours can't be told." }
        p { a href={ "/actions/new?handler=" (HANDLER) } { "Draft by hand" } }
    };
    let title = format!("It is not known where {} is", name(sleeper));
    empty(&title, &words)
}

fn whole(time: Timestamp) -> i64 {
    i64::try_from(time.as_ms()).unwrap_or(i64::MAX)
}
