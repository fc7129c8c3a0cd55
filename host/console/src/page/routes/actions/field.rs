//! One field of a form: its label, what fits, what is wrong, and what was written.

use maud::{Markup, html};

use crate::{
    actions::arguments::{Field, Form, Kind, spelt},
    page::render::{value::shown, words::title},
};

/// What a label and its field have in common.
pub(super) struct Labelled<'a> {
    pub(super) id: &'a str,
    /// Name of the field in what the browser sends.
    pub(super) name: &'a str,
    pub(super) written: &'a str,
    /// What is wrong with it.
    pub(super) fault: Option<&'a str>,
}

impl Labelled<'_> {
    /// A field of one line with its label.
    pub(super) fn line(
        &self,
        label: &Markup,
        help: Option<&Markup>,
        mode: &str,
        required: bool,
    ) -> Markup {
        let input = html! {
            input id=(self.id) name=(self.name) type="text" inputmode=(mode) value=(self.written)
                required[required] autocomplete="off" autocapitalize="off" spellcheck="false"
                aria-describedby=[self.described(help.is_some())] aria-invalid=[self.fault.map(|_| "true")];
        };
        self.around(label, help, &input)
    }

    /// A field of several lines with its label.
    pub(super) fn lines(
        &self,
        label: &Markup,
        help: Option<&Markup>,
        rows: u8,
        required: bool,
    ) -> Markup {
        // A line break at the very beginning is left out by whoever reads HTML.
        let input = html! {
            textarea id=(self.id) name=(self.name) rows=(rows) required[required]
                autocomplete="off" autocapitalize="off" spellcheck="false"
                aria-describedby=[self.described(help.is_some())] aria-invalid=[self.fault.map(|_| "true")]
                { "\n" (self.written) }
        };
        self.around(label, help, &input)
    }

    /// A list to choose from: values and what is shown for them.
    fn choice(
        &self,
        label: &Markup,
        help: Option<&Markup>,
        required: bool,
        values: &[(String, String)],
    ) -> Markup {
        let input = html! {
            select id=(self.id) name=(self.name) required[required]
                aria-describedby=[self.described(help.is_some())] aria-invalid=[self.fault.map(|_| "true")] {
                option value="" selected[self.written.is_empty()] { (if required { "Choose one" } else { "Not said" }) }
                @for (value, words) in values {
                    option value=(value) selected[self.written == value] { (words) }
                }
            }
        };
        self.around(label, help, &input)
    }

    fn around(&self, label: &Markup, help: Option<&Markup>, input: &Markup) -> Markup {
        html! {
            div.field.wrong[self.fault.is_some()] {
                label for=(self.id) { (label) }
                @if let Some(help) = help { p.help id={ (self.id) "-help" } { (help) } }
                @if let Some(fault) = self.fault { p.fault id={ (self.id) "-fault" } { (shown(fault)) } }
                (input)
            }
        }
    }

    fn described(&self, has_help: bool) -> Option<String> {
        let help = has_help.then(|| format!("{}-help", self.id));
        let fault = self.fault.map(|_| format!("{}-fault", self.id));
        match (fault, help) {
            (Some(fault), Some(help)) => Some(format!("{fault} {help}")),
            (fault, help) => fault.or(help),
        }
    }

    /// The field that asks for one argument.
    pub(super) fn argument(&self, field: &Field) -> Markup {
        let label = label(field);
        let help = help(field);
        let (help, required) = (help.as_ref(), field.required);
        match &field.kind {
            Kind::Line(_, Some(Form::Ipv4)) => self.line(&label, help, "decimal", required),
            Kind::Line(..) => self.line(&label, help, "text", required),
            Kind::Whole(range) if range.least.is_some_and(|least| least >= 0) => {
                self.line(&label, help, "numeric", required)
            }
            Kind::Number(range) if range.least.is_some_and(|least| least >= 0.0) => {
                self.line(&label, help, "decimal", required)
            }
            // Keyboards for numbers often have no sign.
            Kind::Whole(_) | Kind::Number(_) => self.line(&label, help, "text", required),
            Kind::Text(_) | Kind::Lines { .. } => self.lines(&label, help, 3, required),
            Kind::Json => self.lines(&label, help, 2, required),
            Kind::Truth => {
                let values = [("true", "Yes"), ("false", "No")];
                let values = values.map(|(value, words)| (value.to_owned(), words.to_owned()));
                self.choice(&label, help, required, &values)
            }
            Kind::OneOf(values) => {
                let values = values
                    .iter()
                    .map(|value| (spelt(value), shown(&spelt(value))));
                self.choice(&label, help, required, &values.collect::<Vec<_>>())
            }
        }
    }
}

/// Its title, and the name that a handler knows it by: whatever the title says, the name is
/// what is signed.
fn label(field: &Field) -> Markup {
    let called = field.title.clone().unwrap_or_else(|| title(&field.name));
    html! {
        strong { (shown(&called)) } " " code { (shown(&field.name)) }
        @if !field.required { " " span.optional { "optional" } }
    }
}

fn help(field: &Field) -> Option<Markup> {
    let hint = field.kind.hint();
    if field.help.is_none() && hint.is_none() {
        return None;
    }
    let (told, both) = (
        field.help.as_deref(),
        field.help.is_some() && hint.is_some(),
    );
    Some(html! {
        @if let Some(told) = told { (shown(told)) }
        @if both { " " }
        @if let Some(hint) = hint { (hint) }
    })
}
