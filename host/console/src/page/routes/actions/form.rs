//! The form of a draft: a field for each argument where what the handler takes is known,
//! and JSON where it is not.

use bailiwick_core::ids::PluginName;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{
    asked::address,
    field::Labelled,
    takes::{Known, Meant},
};
use crate::{
    actions::arguments::{Field, Takes, Ways},
    page::{
        render::{Frame, value::shown, words::title},
        routes::devices::encoded,
    },
};

/// Before the name of an argument in the name of its field.
pub(super) const ARGUMENT: &str = "argument:";
/// Devices of a draft that are named; more are counted.
const NAMED: usize = 8;

/// A form as it is shown, perhaps not for the first time.
pub(super) struct Form {
    pub(super) handler: PluginName,
    pub(super) meant: Vec<Meant>,
    pub(super) known: Known,
    pub(super) way: Option<String>,
    /// Whether JSON is written where there would be fields.
    pub(super) plain: bool,
    pub(super) written: Written,
    pub(super) faults: Vec<(Place, String)>,
}

/// What was written into a form.
pub(super) struct Written {
    /// By the name of the argument.
    pub(super) arguments: Vec<(String, String)>,
    pub(super) json: String,
    pub(super) expires: String,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            arguments: Vec::new(),
            json: "{}".to_owned(),
            expires: "1 h".to_owned(),
        }
    }
}

impl Written {
    /// A form in which these arguments are filled in, of this way.
    pub(super) fn of(arguments: &[(String, String)], way: Option<&str>) -> Self {
        let written = Self::default();
        if arguments.is_empty() {
            return written;
        }
        let object: Map<String, Value> = arguments
            .iter()
            .map(|(name, text)| (name.clone(), text.as_str().into()))
            .collect();
        let object = match way {
            Some(way) => Map::from_iter([(way.to_owned(), object.into())]),
            None => object,
        };
        Self {
            arguments: arguments.to_vec(),
            json: serde_json::to_string_pretty(&object).unwrap_or(written.json),
            ..written
        }
    }

    pub(super) fn argument(&self, name: &str) -> Option<&str> {
        let found = self.arguments.iter().find(|(it, _)| it == name);
        found.map(|(_, text)| text.as_str())
    }
}

/// What a fault is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One argument, by its name.
    Argument(String),
    Json,
    Expires,
    /// The draft as a whole.
    Whole,
}

impl Form {
    /// The fields that are asked for; none where JSON is written, or one of several ways is
    /// still to be chosen.
    pub(super) fn fields(&self) -> Option<&[Field]> {
        match &self.known {
            Known::Form(takes) if !self.plain => takes.fields(self.way.as_deref()),
            _ => None,
        }
    }

    /// The ways to choose from, if one is to be chosen first.
    fn choosing(&self) -> Option<&Takes> {
        match &self.known {
            Known::Form(takes) if !self.plain && self.fields().is_none() => Some(takes),
            _ => None,
        }
    }

    /// All of the page.
    pub(super) fn page(&self, frame: &Frame) -> Markup {
        html! {
            p.crumbs { a href="/actions" { "Actions" } }
            h1 { "Draft an action" }
            (self.wrong())
            (self.about())
            @match self.choosing() {
                Some(takes) => (self.ways(takes)),
                None => (self.asking(frame)),
            }
        }
    }

    fn address(&self) -> String {
        address(self.handler.as_str(), &self.ids())
    }

    fn ids(&self) -> Vec<bailiwick_core::ids::DeviceId> {
        self.meant.iter().map(|device| device.id).collect()
    }

    /// What is wrong, each with a link to its field.
    fn wrong(&self) -> Markup {
        html! {
            @if !self.faults.is_empty() {
                section.notice.bad aria-label="What is to be corrected" {
                    h2 { "Not drafted yet" }
                    ul {
                        @for (place, reason) in &self.faults {
                            li {
                                @match self.id(place) {
                                    Some(id) => { a href={ "#" (id) } { (self.called(place)) } ": " (shown(reason)) }
                                    None => (shown(reason)),
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The plugin and the devices.
    fn about(&self) -> Markup {
        html! {
            dl.about {
                div { dt { "Plugin" } dd {
                    code { (self.handler.as_str()) }
                    @if let Known::Form(Takes { title: Some(title), .. }) = &self.known { " " span.quiet { (shown(title)) } }
                    @if let Known::Form(Takes { help: Some(help), .. }) = &self.known { p.help { (shown(help)) } }
                } }
                div { dt { (if self.meant.len() == 1 { "Device" } else { "Devices" }) } dd {
                    @for (place, device) in self.meant.iter().take(NAMED).enumerate() {
                        @if place > 0 { ", " }
                        a href={ "/devices/" (device.id) } { (shown(&device.name)) }
                    }
                    @if self.meant.len() > NAMED { " and " (self.meant.len() - NAMED) " more" }
                    " " a.change href={ (self.address()) "&find=1" } { "Change" }
                } }
            }
        }
    }

    fn ways(&self, takes: &Takes) -> Markup {
        let ways = match &takes.ways {
            Ways::OneOf(ways) => ways.as_slice(),
            Ways::One(_) => &[],
        };
        html! {
            h2 { "What is to be done?" }
            ul.ways {
                @for way in ways {
                    li {
                        a href={ (self.address()) "&way=" (encoded(&way.name)) } {
                            (shown(&way.title.clone().unwrap_or_else(|| title(&way.name))))
                        }
                        " " code { (shown(&way.name)) }
                        @if let Some(help) = &way.help { p.help { (shown(help)) } }
                    }
                }
            }
            p.more { a href={ (self.address()) "&plain=1" } { "Write the arguments as JSON" } }
        }
    }

    fn asking(&self, frame: &Frame) -> Markup {
        let devices: Vec<String> = self.ids().iter().map(ToString::to_string).collect();
        html! {
            form.card.asking method="post" action="/actions" {
                (frame.token())
                input type="hidden" name="handler" value=(self.handler.as_str());
                input type="hidden" name="devices" value=(devices.join(" "));
                @if let Some(way) = &self.way { input type="hidden" name="way" value=(way); }
                @match self.fields() {
                    Some(fields) => {
                        @if let Some((called, help)) = self.chosen() {
                            h2 { (shown(&called)) }
                            @if let Some(help) = help { p.help { (shown(help)) } }
                        }
                        @for (number, field) in fields.iter().enumerate() { (self.argument(number, field)) }
                    }
                    None => (self.json()),
                }
                (self.expires())
                div.send {
                    button.primary type="submit" { "Write the draft" }
                    @if self.fields().is_some() { a href={ (self.address()) "&plain=1" } { "Write the arguments as JSON instead" } }
                    @else if matches!(self.known, Known::Form(_)) { a href=(self.address()) { "Fill in a form instead" } }
                }
                p.help { "A draft does nothing yet: an operator signs it first." }
            }
        }
    }

    /// The way that was chosen of several.
    fn chosen(&self) -> Option<(String, Option<&str>)> {
        let Known::Form(Takes {
            ways: Ways::OneOf(ways),
            ..
        }) = &self.known
        else {
            return None;
        };
        let way = ways
            .iter()
            .find(|way| Some(&way.name) == self.way.as_ref())?;
        let called = way.title.clone().unwrap_or_else(|| title(&way.name));
        Some((called, way.help.as_deref()))
    }

    fn argument(&self, number: usize, field: &Field) -> Markup {
        let labelled = Labelled {
            id: &format!("argument-{number}"),
            name: &format!("{ARGUMENT}{}", field.name),
            written: self.written.argument(&field.name).unwrap_or_default(),
            fault: self.fault(&Place::Argument(field.name.clone())),
        };
        labelled.argument(field)
    }

    fn json(&self) -> Markup {
        let labelled = Labelled {
            id: "arguments",
            name: "arguments",
            written: &self.written.json,
            fault: self.fault(&Place::Json),
        };
        let why = match &self.known {
            Known::Form(_) => None,
            Known::Not(why) => Some(why.words(&self.handler)),
        };
        let help = html! { @if let Some(why) = why { (why) " " } "A JSON object in the plugin's own words, at most 64 KiB." };
        let label = html! { strong { "Arguments" } };
        labelled.lines(&label, Some(&help), 7, true)
    }

    fn expires(&self) -> Markup {
        let labelled = Labelled {
            id: "expires",
            name: "expires",
            written: &self.written.expires,
            fault: self.fault(&Place::Expires),
        };
        let label = html! { strong { "May begin within" } };
        let help = html! { "Counted from the signature, like " b { "30 min" } ", " b { "1 h" } " or " b { "7 d" } "; at most 30 d. A device that is away until then does not do it." };
        labelled.line(&label, Some(&help), "text", true)
    }

    fn fault(&self, at: &Place) -> Option<&str> {
        let found = self.faults.iter().find(|(place, _)| place == at);
        found.map(|(_, reason)| reason.as_str())
    }

    /// The element that a fault is about, if it is on the page.
    fn id(&self, place: &Place) -> Option<String> {
        match place {
            Place::Argument(name) => {
                let fields = self.fields()?;
                let number = fields.iter().position(|field| field.name == *name)?;
                Some(format!("argument-{number}"))
            }
            Place::Json => Some("arguments".to_owned()),
            Place::Expires => Some("expires".to_owned()),
            Place::Whole => None,
        }
    }

    fn called(&self, place: &Place) -> String {
        match place {
            Place::Argument(name) => {
                let mut fields = self.fields().unwrap_or_default().iter();
                let field = fields.find(|field| field.name == *name);
                let titled = field.and_then(|field| field.title.clone());
                shown(&titled.unwrap_or_else(|| title(name)))
            }
            Place::Json => "Arguments".to_owned(),
            Place::Expires => "May begin within".to_owned(),
            Place::Whole => String::new(),
        }
    }
}
