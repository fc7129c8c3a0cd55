//! What was written into a form, as the arguments of an action.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Number, Value};

use super::{Field, Form, Kind, Length, Takes, Ways};

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Name of the field.
    pub(crate) of: String,
    /// What would be right, in one sentence.
    pub(crate) reason: String,
}

impl Takes {
    /// The text of the arguments that `written` gives the fields of the way that is chosen.
    /// A field that is not there is one that was left empty.
    pub(crate) fn fill(
        &self,
        chosen: Option<&str>,
        written: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Vec<Fault>> {
        let (mut object, mut faults) = (Map::new(), Vec::new());
        for field in self.fields(chosen).unwrap_or_default() {
            match field.value(&written(&field.name).unwrap_or_default()) {
                Ok(None) => {}
                Ok(Some(value)) => drop(object.insert(field.name.clone(), value)),
                Err(reason) => faults.push(Fault {
                    of: field.name.clone(),
                    reason,
                }),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let object = Value::Object(object);
        Ok(match (&self.ways, chosen) {
            (Ways::OneOf(_), Some(way)) => Map::from_iter([(way.to_owned(), object)]).into(),
            _ => object,
        }
        .to_string())
    }
}

impl Field {
    /// The value, or none for a field that was left empty.
    fn value(&self, written: &str) -> Result<Option<Value>, String> {
        let several = matches!(self.kind, Kind::Text(_));
        let text = written.replace("\r\n", "\n").replace('\r', "\n");
        // What is around a line can't be seen. A text of several lines stays as it is.
        let text = if several { &text } else { text.trim() };
        if text.is_empty() {
            return match (&self.kind, self.required) {
                (_, false) => Ok(None),
                (Kind::Lines { least: 0, .. }, true) => Ok(Some(Value::Array(Vec::new()))),
                (_, true) => Err("Fill this in.".to_owned()),
            };
        }
        match &self.kind {
            Kind::Line(length, form) => line(text, *length, *form),
            Kind::Text(length) => sized(text, *length),
            Kind::Whole(range) => {
                let number: Option<i128> = text.parse().ok();
                let number = number.filter(|number| range.has(*number));
                // JSON has no bound, and its readers have this one.
                let number = number.and_then(Number::from_i128);
                number.map(Value::Number)
            }
            Kind::Number(range) => {
                let number: Option<f64> = text.parse().ok();
                let number = number.filter(|number| range.has(*number));
                number.and_then(Number::from_f64).map(Value::Number)
            }
            Kind::Truth => match text {
                "true" => Some(true.into()),
                "false" => Some(false.into()),
                _ => None,
            },
            Kind::OneOf(values) => values.iter().find(|it| spelt(it) == text).cloned(),
            Kind::Lines {
                length,
                least,
                most,
            } => return lines(text, *length, *least, *most).map(Some),
            Kind::Json => {
                let value = serde_json::from_str(text);
                return value
                    .map(Some)
                    .map_err(|error| format!("This is no JSON: {error}."));
            }
        }
        .map(Some)
        .ok_or_else(|| self.wrong(text))
    }

    /// What would be right.
    fn wrong(&self, text: &str) -> String {
        match (&self.kind, self.kind.hint()) {
            (Kind::Line(_, None) | Kind::Text(_), Some(hint)) => {
                format!("{hint} It has {} now.", text.chars().count())
            }
            (Kind::Line(_, None), None) if text.contains('\n') => "One line only.".to_owned(),
            (_, Some(hint)) => format!("This does not fit: {}", lower(&hint)),
            (_, None) => "Choose one of these.".to_owned(),
        }
    }
}

/// A value as it stands in the list to choose from.
pub(crate) fn spelt(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn sized(text: &str, length: Length) -> Option<Value> {
    length.fits(text).then(|| text.into())
}

fn line(text: &str, length: Length, form: Option<Form>) -> Option<Value> {
    let fits = !text.contains('\n')
        && match form {
            Some(Form::Ipv4) => text.parse::<Ipv4Addr>().is_ok(),
            Some(Form::Ipv6) => text.parse::<Ipv6Addr>().is_ok(),
            None => true,
        };
    sized(text, length).filter(|_| fits)
}

fn lines(text: &str, length: Length, least: u64, most: Option<u64>) -> Result<Value, String> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let number = lines.len() as u64;
    if number < least || most.is_some_and(|most| number > most) {
        let bound = match most {
            Some(most) => format!("{least} to {most} lines"),
            None => format!("at least {least} lines"),
        };
        return Err(format!(
            "Here are {bound} wanted, and {number} are written."
        ));
    }
    if let Some(place) = lines.iter().position(|line| !length.fits(line)) {
        let bound = length.words().unwrap_or_default();
        return Err(format!("Line {} does not fit. {bound}", place + 1));
    }
    Ok(lines.into())
}

fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
