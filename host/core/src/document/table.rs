//! Tables and values of a document, with their places.

use std::{ops::RangeInclusive, str::FromStr};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{DocumentError, Key, Source};
use crate::time::Timestamp;

/// A table whose keys have been checked against those that are accepted.
pub(crate) struct Table<'t> {
    source: &'t Source<'t>,
    label: String,
    at: usize,
    entries: &'t DeTable<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn new(
        source: &'t Source<'t>,
        label: String,
        at: usize,
        entries: &'t DeTable<'t>,
        keys: &[&Key],
    ) -> Result<Self, DocumentError> {
        for key in entries.keys() {
            let name: &str = key.get_ref();
            if !keys.iter().any(|accepted| accepted.name == name) {
                let accepted: Vec<_> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
                return Err(source.error(
                    key.span().start,
                    format!("`{}` is not a key of {label}", source.excerpt(key.span())),
                    format!("write one of {}, or remove it", accepted.join(", ")),
                ));
            }
        }
        Ok(Self {
            source,
            label,
            at,
            entries,
        })
    }

    /// Line on which the table begins, from 1.
    pub(crate) fn line(&self) -> u32 {
        self.source.position(self.at).0
    }

    pub(crate) fn error(
        &self,
        problem: impl Into<String>,
        instead: impl Into<String>,
    ) -> DocumentError {
        self.source.error(self.at, problem, instead)
    }

    pub(crate) fn optional(&self, key: &'static Key) -> Option<Value<'t>> {
        self.entries.get(key.name).map(|value| Value {
            source: self.source,
            key,
            value,
        })
    }

    pub(crate) fn required(&self, key: &'static Key) -> Result<Value<'t>, DocumentError> {
        self.optional(key).ok_or_else(|| {
            self.error(
                format!("`{}` is missing from {}", key.name, self.label),
                key.instead(),
            )
        })
    }

    /// Checks `format = 1`, the only one so far.
    pub(crate) fn format(&self) -> Result<(), DocumentError> {
        let value = self.required(&FORMAT)?;
        match value.integer(1..=u64::MAX)? {
            1 => Ok(()),
            newer => Err(value.error(
                format!("format {newer} is newer than this program reads"),
                "write `format = 1`, or use a newer version of this program",
            )),
        }
    }
}

/// The key that every document begins with.
pub(crate) const FORMAT: Key = Key::new("format", "1", "the version of the file's format");

/// A value with the key that it stands for.
#[derive(Clone, Copy)]
pub(crate) struct Value<'t> {
    source: &'t Source<'t>,
    key: &'static Key,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Value<'t> {
    pub(crate) fn error(
        &self,
        problem: impl Into<String>,
        instead: impl Into<String>,
    ) -> DocumentError {
        self.source.error(self.value.span().start, problem, instead)
    }

    /// Line on which the value begins, from 1.
    pub(crate) fn line(&self) -> u32 {
        self.source.position(self.value.span().start).0
    }

    /// The value is not what the key takes.
    pub(crate) fn refuse(&self) -> DocumentError {
        let shown = self.source.excerpt(self.value.span());
        self.error(
            format!("`{}` can't be `{shown}`", self.key.name),
            self.key.instead(),
        )
    }

    /// The value is not what the key takes, because of `reason`.
    pub(crate) fn refuse_because(&self, reason: &str) -> DocumentError {
        let shown = self.source.excerpt(self.value.span());
        self.error(
            format!("`{}` can't be `{shown}`: {reason}", self.key.name),
            self.key.instead(),
        )
    }

    pub(crate) fn text(&self) -> Result<&'t str, DocumentError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.refuse()),
        }
    }

    /// Text for people: something must be there, on one line, at most `at_most` bytes,
    /// and nothing in it that makes a terminal show something else than what is written.
    pub(crate) fn prose(&self, at_most: usize) -> Result<String, DocumentError> {
        let text = self.text()?.trim();
        if text.is_empty() {
            return Err(self.refuse_because("it is empty"));
        }
        if text.len() > at_most {
            return Err(self.refuse_because(&format!("it is longer than {at_most} bytes")));
        }
        if text.chars().any(misleads) {
            return Err(self.refuse_because("it holds control or direction characters"));
        }
        Ok(text.to_owned())
    }

    /// Text that `T` reads.
    pub(crate) fn parsed<T: FromStr>(&self) -> Result<T, DocumentError> {
        self.text()?.parse().map_err(|_| self.refuse())
    }

    /// Text that `T` reads, within bounds.
    pub(crate) fn within<T: FromStr + PartialOrd>(
        &self,
        bounds: RangeInclusive<T>,
    ) -> Result<T, DocumentError> {
        let value = self.parsed()?;
        if bounds.contains(&value) {
            Ok(value)
        } else {
            Err(self.refuse())
        }
    }

    pub(crate) fn integer(&self, bounds: RangeInclusive<u64>) -> Result<u64, DocumentError> {
        let DeValue::Integer(integer) = self.value.get_ref() else {
            return Err(self.refuse());
        };
        u64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|value| bounds.contains(value))
            .ok_or_else(|| self.refuse())
    }

    /// A whole number of at most 32 bits, within bounds.
    pub(crate) fn small_integer(&self, bounds: RangeInclusive<u32>) -> Result<u32, DocumentError> {
        let value = self.integer(u64::from(*bounds.start())..=u64::from(*bounds.end()))?;
        u32::try_from(value).map_err(|_| self.refuse())
    }

    /// A date, as the end of that day in UTC: the first millisecond of the next.
    pub(crate) fn end_of_day(&self) -> Result<Timestamp, DocumentError> {
        let DeValue::Datetime(toml::value::Datetime {
            date: Some(date),
            time: None,
            offset: None,
        }) = self.value.get_ref()
        else {
            return Err(self.refuse());
        };
        Timestamp::start_of_day(date.year, date.month, date.day)
            .map(Timestamp::end_of_day)
            .ok_or_else(|| self.refuse())
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, DocumentError> {
        let text = self.text()?;
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| self.refuse())
    }

    /// The elements of an array, at most `at_most`. Empty is refused: it never means
    /// what its author thinks.
    pub(crate) fn elements(&self, at_most: usize) -> Result<Vec<Value<'t>>, DocumentError> {
        let elements = self.elements_if_any(at_most)?;
        if elements.is_empty() {
            return Err(self.refuse_because("it is empty"));
        }
        Ok(elements)
    }

    /// The same, where an empty array has a meaning of its own.
    pub(crate) fn elements_if_any(&self, at_most: usize) -> Result<Vec<Value<'t>>, DocumentError> {
        let DeValue::Array(array) = self.value.get_ref() else {
            return Err(self.refuse());
        };
        if array.len() > at_most {
            return Err(self.refuse_because(&format!("it has more than {at_most} elements")));
        }
        Ok(array
            .iter()
            .map(|value| Value {
                source: self.source,
                key: self.key,
                value,
            })
            .collect())
    }

    /// A table whose keys are all of `keys`.
    pub(crate) fn table(&self, label: &str, keys: &[&Key]) -> Result<Table<'t>, DocumentError> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            return Err(self.refuse());
        };
        Table::new(
            self.source,
            label.to_owned(),
            self.value.span().start,
            entries,
            keys,
        )
    }

    /// The entries of a table whose keys are its author's choice.
    pub(crate) fn entries(&self) -> Result<Vec<(&'t str, Value<'t>)>, DocumentError> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            return Err(self.refuse());
        };
        Ok(entries
            .iter()
            .map(|(name, value)| {
                let value = Value {
                    source: self.source,
                    key: self.key,
                    value,
                };
                (&**name.get_ref(), value)
            })
            .collect())
    }
}

/// Control characters, and those that change the direction of what follows.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}')
}
