//! Choosing the plugin of a draft, and its devices.

use bailiwick_core::{action::MOST_DEVICES, ids::PluginName};
use maud::{Markup, html};

use super::{asked::Asked, field::Labelled, takes::Meant};
use crate::{
    page::{
        render::{value::shown, words::count},
        routes::name,
    },
    store::{
        StoreError,
        view::{Device, Handler, Page, View},
    },
};

/// Devices that can be ticked on one page, besides those that are.
const LENGTH: u32 = 50;

/// The plugins that there are.
pub(super) struct Plugins {
    asked: Asked,
    handlers: Vec<Handler>,
    /// The one device that is meant.
    device: Option<Meant>,
    fault: Option<String>,
}

impl Plugins {
    pub(super) fn read(
        view: &View,
        asked: Asked,
        fault: Option<String>,
    ) -> Result<Self, StoreError> {
        let device = match asked.devices.as_slice() {
            [device] => Some(Meant::of(view, *device)?),
            _ => None,
        };
        let id = device.as_ref().map(|device| device.id.to_string());
        Ok(Self {
            handlers: view.handlers(id.as_deref())?,
            asked,
            device,
            fault,
        })
    }

    pub(super) fn page(&self) -> Markup {
        let other = Labelled {
            id: "handler",
            name: "handler",
            written: &self.asked.handler,
            fault: self.fault.as_deref(),
        };
        let label = html! { strong { "Another plugin" } };
        let help = html! { "By its name. Its arguments are then written as JSON, unless its device has told what it takes." };
        html! {
            p.crumbs { a href="/actions" { "Actions" } }
            h1 { "Draft an action" }
            h2 { "Which plugin?" }
            @if let Some(device) = &self.device { p.lead { "On " strong { (shown(&device.name)) } "." } }
            @if self.handlers.is_empty() {
                p.quiet { (if self.device.is_some() { "This device has not told of a plugin that handles actions." } else { "No device has told of a plugin that handles actions." }) }
            } @else {
                ul.ways { @for handler in &self.handlers {
                    li {
                        a href=(self.asked.with(&handler.plugin)) { (shown(&handler.plugin)) }
                        @if self.device.is_none() { " " span.quiet { "on " (count(handler.devices, "device")) } }
                    }
                } }
            }
            form.card.asking method="get" action="/actions/new" {
                @for device in &self.asked.devices { input type="hidden" name="device" value=(device); }
                (other.line(&label, Some(&help), "text", true))
                div.send { button type="submit" { "Go on" } }
            }
        }
    }
}

/// The devices that a plugin runs on.
pub(super) struct Devices {
    plugin: PluginName,
    asked: Asked,
    ticked: Vec<Meant>,
    found: Page<Device>,
}

impl Devices {
    pub(super) fn read(view: &View, plugin: PluginName, asked: Asked) -> Result<Self, StoreError> {
        let ticked = asked.devices.iter().take(MOST_DEVICES);
        let ticked: Vec<Meant> = ticked
            .map(|id| Meant::of(view, *id))
            .collect::<Result<_, _>>()?;
        let mut found = view.devices_of_handler(plugin.as_str(), &asked.search, LENGTH)?;
        let is_ticked =
            |device: &Device| ticked.iter().any(|it| it.id.to_string() == device.device);
        found.rows.retain(|device| !is_ticked(device));
        Ok(Self {
            plugin,
            asked,
            ticked,
            found,
        })
    }

    pub(super) fn page(&self) -> Markup {
        html! {
            p.crumbs { a href="/actions" { "Actions" } }
            h1 { "Draft an action" }
            h2 { "On which devices?" }
            form.card.asking method="get" action="/actions/new" {
                input type="hidden" name="handler" value=(self.plugin.as_str());
                (self.search())
                fieldset.ticks {
                    legend { "Devices with " code { (self.plugin.as_str()) } }
                    @if self.ticked.is_empty() && self.found.rows.is_empty() { p.quiet { (self.nothing()) } }
                    @for device in &self.ticked { (tick(&device.id.to_string(), &device.name, true)) }
                    @for device in &self.found.rows { (tick(&device.device, &name(device), false)) }
                    @if self.found.more { p.quiet { "There are more: find them by name." } }
                }
                (self.others())
                div.send { button.primary type="submit" { "Go on" } }
            }
        }
    }

    fn search(&self) -> Markup {
        html! {
            @if self.found.more || !self.asked.search.is_empty() {
                div.field {
                    label for="q" { strong { "Find by name or id" } }
                    div.row {
                        input #q type="search" name="q" value=(self.asked.search) maxlength="100" autocomplete="off";
                        button type="submit" name="find" value="1" { "Find" }
                    }
                }
            }
        }
    }

    fn nothing(&self) -> &'static str {
        if self.asked.search.is_empty() {
            "No device has told that it runs this plugin. Name them by their ids."
        } else {
            "No device of that name or id runs this plugin."
        }
    }

    fn others(&self) -> Markup {
        let strange = self.asked.strange.join(" ");
        let fault = match self.asked.strange.as_slice() {
            [] => None,
            [one] => Some(format!(
                "{one} is not a device's id, which has 32 digits from 0 to f."
            )),
            _ => Some(
                "These are not ids of devices, which have 32 digits from 0 to f each.".to_owned(),
            ),
        };
        let labelled = Labelled {
            id: "devices",
            name: "devices",
            written: &strange,
            fault: fault.as_deref(),
        };
        let label = html! { strong { "Others, by id" } " " span.optional { "optional" } };
        let help = html! { "With spaces between. " (MOST_DEVICES) " devices at most in all." };
        labelled.line(&label, Some(&help), "text", false)
    }
}

fn tick(id: &str, name: &str, ticked: bool) -> Markup {
    html! {
        label.tick {
            input type="checkbox" name="device" value=(id) checked[ticked];
            span { (shown(name)) " " code { (id.get(..8).unwrap_or(id)) } }
        }
    }
}
