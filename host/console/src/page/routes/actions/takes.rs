//! What a handler takes on the devices that are meant.

use bailiwick_core::ids::{DeviceId, PluginName};
use maud::{Markup, html};
use serde_json::Value;

use crate::{
    actions::arguments::{Takes, Unfit},
    page::{render::value::shown, routes::name, standing::Standing},
    store::{
        StoreError,
        view::{Latest, TAKES, View},
    },
};

/// What a form for all of these devices asks for.
pub(super) enum Known {
    Form(Takes),
    /// There is none, so arguments are written as JSON.
    Not(Why),
}

/// Why there is no form.
pub(super) enum Why {
    /// A device has not told, or has told of another version than it runs.
    Silent(String),
    /// The description is too long for a device to pass on.
    TooLong,
    /// Devices tell of different arguments.
    Differ,
    /// What a device told can't be made a form.
    Unfit(String, Unfit),
}

/// A device that is meant.
pub(super) struct Meant {
    pub(super) id: DeviceId,
    /// What people call it.
    pub(super) name: String,
}

impl Meant {
    pub(super) fn of(view: &View, id: DeviceId) -> Result<Self, StoreError> {
        let device = view.device(&id.to_string())?;
        // One that was never heard of can be meant all the same.
        let name = device.map_or_else(|| id.to_string(), |device| name(&device));
        Ok(Self { id, name })
    }
}

impl Known {
    /// Every device speaks for itself alone: there is a form only if all tell the same.
    pub(super) fn of(
        view: &View,
        handler: &PluginName,
        meant: &[Meant],
    ) -> Result<Self, StoreError> {
        let mut same: Option<(String, &Meant)> = None;
        for device in meant {
            let latest = view.latest_of(&device.id.to_string(), handler.as_str())?;
            let schema = match told(&latest, handler) {
                Told::Schema(schema) => schema,
                Told::TooLong => return Ok(Self::Not(Why::TooLong)),
                Told::Nothing => return Ok(Self::Not(Why::Silent(device.name.clone()))),
            };
            match &same {
                Some((other, _)) if *other != schema => return Ok(Self::Not(Why::Differ)),
                Some(_) => {}
                None => same = Some((schema, device)),
            }
        }
        Ok(match same {
            Some((schema, device)) => match Takes::read(&schema) {
                Ok(takes) => Self::Form(takes),
                Err(unfit) => Self::Not(Why::Unfit(device.name.clone(), unfit)),
            },
            None => Self::Not(Why::Silent("No device".to_owned())),
        })
    }
}

/// What one device told of the version that it runs.
enum Told {
    Schema(String),
    TooLong,
    Nothing,
}

fn told(latest: &[Latest], handler: &PluginName) -> Told {
    let takes = latest.iter().find(|it| it.happened.event == TAKES);
    let Some(takes) = takes.map(|it| &it.happened.body) else {
        return Told::Nothing;
    };
    let standing = Standing::judge(latest, &[], 0, 0);
    let plugin = standing.plugins.get(handler.as_str());
    let running = plugin.and_then(|plugin| plugin.running.as_deref());
    if running.is_none() || takes.get("version").and_then(Value::as_str) != running {
        return Told::Nothing;
    }
    match takes.get("schema") {
        Some(Value::String(schema)) => Told::Schema(schema.clone()),
        Some(Value::Null) => Told::TooLong,
        _ => Told::Nothing,
    }
}

impl Why {
    /// For whoever now writes JSON.
    pub(super) fn words(&self, handler: &PluginName) -> Markup {
        let handler = handler.as_str();
        html! {
            @match self {
                Self::Silent(device) => {
                    strong { (shown(device)) } " has not told which arguments its " code { (handler) } " takes, so there is no form. It tells when the plugin starts."
                }
                Self::TooLong => { "What " code { (handler) } " takes is described at a length that a device does not send, so there is no form." }
                Self::Differ => { "These devices tell of different arguments: they run different versions of " code { (handler) } ". Draft for those with one version to get a form." }
                Self::Unfit(device, unfit) => {
                    "What " strong { (shown(device)) } " tells of the arguments of " code { (handler) } " can't be made a form: " (shown(&unfit.to_string())) "."
                }
            }
        }
    }
}
