//! What a handler takes, as a form asks for it.
//!
//! A handler describes its arguments by a JSON Schema (`arguments-schema` in
//! `wit/handle.wit`), and its device passes that on. Neither is trusted: every size is
//! bounded here, and what can't be asked for in a field is asked for as JSON, or the whole
//! description is refused and plain JSON remains. Nothing here decides what a handler does:
//! it checks its arguments itself.

mod fill;
mod ordered;
mod read;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use fill::spelt;
pub(crate) use ordered::Node;
pub(crate) use read::Unfit;

/// What a handler takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Takes {
    pub(crate) title: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) ways: Ways,
}

/// The ways in which it can be asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ways {
    /// These fields make the object.
    One(Vec<Field>),
    /// The object has exactly one of these members, an object itself.
    OneOf(Vec<Way>),
}

/// One way of several.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Way {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) fields: Vec<Field>,
}

/// One argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// Its name in the object: 1 to 64 characters, no controls.
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) required: bool,
    pub(crate) kind: Kind,
}

/// What is written into a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A text of one line.
    Line(Length, Option<Form>),
    /// A text of several lines (`contentMediaType`).
    Text(Length),
    Whole(Range<i128>),
    Number(Range<f64>),
    Truth,
    /// One of these texts, numbers or truth values.
    OneOf(Vec<Value>),
    /// Texts of one line each, so many at least and at most.
    Lines {
        length: Length,
        least: u64,
        most: Option<u64>,
    },
    /// Anything else.
    Json,
}

/// How many characters a text has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) least: u64,
    pub(crate) most: Option<u64>,
}

/// Between which numbers one lies, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range<T> {
    pub(crate) least: Option<T>,
    pub(crate) most: Option<T>,
}

/// A form of a text that is checked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Ipv4,
    Ipv6,
}

impl Takes {
    /// The fields of a way; of the only one whatever is chosen.
    pub(crate) fn fields(&self, chosen: Option<&str>) -> Option<&[Field]> {
        match &self.ways {
            Ways::One(fields) => Some(fields),
            Ways::OneOf(ways) => {
                let way = ways.iter().find(|way| Some(way.name.as_str()) == chosen)?;
                Some(&way.fields)
            }
        }
    }
}

impl Kind {
    /// What fits, in one sentence; none if everything does.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Line(_, Some(Form::Ipv4)) => Some("An IPv4 address, like 192.0.2.7.".to_owned()),
            Self::Line(_, Some(Form::Ipv6)) => {
                Some("An IPv6 address, like 2001:db8::7.".to_owned())
            }
            Self::Line(length, None) | Self::Text(length) => length.words(),
            Self::Whole(range) => Some(format!("A whole number{}.", range.words())),
            Self::Number(range) => Some(format!("A number{}.", range.words())),
            Self::Truth | Self::OneOf(_) => None,
            Self::Lines { most, .. } => Some(match most {
                Some(most) => format!("One a line, {most} at most. Empty lines are left out."),
                None => "One a line. Empty lines are left out.".to_owned(),
            }),
            Self::Json => Some("As JSON: a text stands in quotation marks.".to_owned()),
        }
    }
}

impl Length {
    fn words(self) -> Option<String> {
        match (self.least, self.most) {
            (0 | 1, None) => None,
            (0 | 1, Some(1)) => Some("One character.".to_owned()),
            (0 | 1, Some(most)) => Some(format!("At most {most} characters.")),
            (least, None) => Some(format!("At least {least} characters.")),
            (least, Some(most)) if least == most => Some(format!("{least} characters.")),
            (least, Some(most)) => Some(format!("{least} to {most} characters.")),
        }
    }

    fn fits(self, text: &str) -> bool {
        let length = text.chars().count() as u64;
        length >= self.least && self.most.is_none_or(|most| length <= most)
    }
}

impl<T: std::fmt::Display + Copy + PartialOrd> Range<T> {
    fn words(&self) -> String {
        match (self.least, self.most) {
            (None, None) => String::new(),
            (None, Some(most)) => format!(", at most {most}"),
            (Some(least), None) => format!(", at least {least}"),
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
        }
    }

    fn has(&self, number: T) -> bool {
        self.least.is_none_or(|least| number >= least)
            && self.most.is_none_or(|most| number <= most)
    }
}
