//! One file per page.

pub(crate) mod actions;
pub(crate) mod approvals;
pub(crate) mod changes;
pub(crate) mod devices;
mod enrolled;
pub(crate) mod events;
pub(crate) mod inventory;
pub(crate) mod overview;
pub(crate) mod plugins;
pub(crate) mod sessions;

use std::sync::Arc;

use bailiwick_core::ids::DeviceId;
use maud::{Markup, html};

use super::{
    Refusal,
    access::{Caller, Viewer},
    render::{time, value::shown},
    standing::{Standing, Trouble},
};
use crate::{
    approvals::Decided,
    store::{
        StoreError,
        view::{Device, Installed, Latest, View},
    },
};
use bailiwick_core::time::Timestamp;

/// The device that an address names.
fn named(device: &str) -> Result<DeviceId, Refusal> {
    device.parse().map_err(|_| Refusal::NotFound)
}

/// When a page was asked for, and what was decided of versions by then, if that can be told.
#[derive(Clone)]
struct Moment {
    now: Timestamp,
    decided: Option<Arc<Decided>>,
}

impl Moment {
    async fn of(caller: &Caller<Viewer>) -> Result<Self, Refusal> {
        Ok(Self {
            now: caller.now(),
            decided: caller.decided().await?,
        })
    }
}

/// A device and how it stands.
struct Known {
    device: Device,
    installed: Vec<Installed>,
    latest: Vec<Latest>,
    standing: Standing,
}

impl Known {
    fn read(view: &View, device: &str, at: &Moment) -> Result<Option<Self>, StoreError> {
        let Some(device) = view.device(device)? else {
            return Ok(None);
        };
        Self::of(view, device, at).map(Some)
    }

    fn of(view: &View, device: Device, at: &Moment) -> Result<Self, StoreError> {
        let installed = view.installed(&device.device)?;
        let latest = view.latest(&device.device)?;
        let now_ms = i64::try_from(at.now.as_ms()).unwrap_or(i64::MAX);
        let standing = Standing::judge(&latest, &installed, device.last_seen_ms, now_ms);
        let standing = match &at.decided {
            Some(decided) => standing.settled(decided),
            None => standing,
        };
        Ok(Self {
            device,
            installed,
            latest,
            standing,
        })
    }
}

/// What people call a device.
fn name(device: &Device) -> String {
    let own = device.label.as_ref().or(device.host_name.as_ref());
    own.map_or_else(
        || format!("Device {}", device.device.get(..8).unwrap_or_default()),
        |name| shown(name),
    )
}

/// The pages of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Overview,
    Inventory,
    Changes,
    Sessions,
    Plugins,
    Events,
}

/// The top of each page of a device.
fn head(device: &Device, tab: Tab, now: Timestamp) -> Markup {
    let base = format!("/devices/{}", device.device);
    let link = |to: Tab, path: &str, words: &str| {
        let current = (to == tab).then_some("page");
        html! { a href={ (base) (path) } aria-current=[current] { (words) } }
    };
    html! {
        p.crumbs { a href="/" { "Devices" } }
        h1 { (name(device)) }
        p.under {
            @if let Some(os) = &device.os { (shown(os)) " · " }
            "last seen " (time::since(device.last_seen_ms, now)) (devices::over(device))
        }
        nav.tabs aria-label="Device" {
            (link(Tab::Overview, "", "Overview"))
            (link(Tab::Inventory, "/inventory", "Inventory"))
            (link(Tab::Changes, "/changes", "Changes"))
            (link(Tab::Sessions, "/sessions", "Sessions"))
            (link(Tab::Plugins, "/plugins", "Plugins"))
            (link(Tab::Events, "/events", "Events"))
        }
    }
}

/// A trouble in one or two sentences.
fn trouble(trouble: &Trouble, now: Timestamp) -> Markup {
    html! {
        @match trouble {
            Trouble::Quiet { since_ms } => {
                "Not heard of since " (time::when(*since_ms, now)) ". "
                "If it should be on, look at its network and whether " code { "bailiwick" } " runs."
            }
            Trouble::Approval(approval) => {
                strong { (shown(&approval.plugin)) " " (shown(&approval.version)) }
                " waits for approval since " (time::when(approval.since_ms, now)) ". "
                a href="/approvals" { "What it asks for" }
            }
            Trouble::Refused(refused) => {
                strong { (shown(refused.plugin.as_str())) " " (refused.version) }
                " is " (shown(&refused.to_string())) " It is still assigned. "
                a href="/approvals#refused" { "What was refused" }
            }
            Trouble::Event(event) => {
                (shown(&event.words)) " " span.quiet { (time::when(event.at_ms, now)) }
            }
        }
    }
}
