//! A document's text, and places in it.

use std::ops::Range;

use toml::{Spanned, de::DeTable};

use super::{DocumentError, Key, Table};
use crate::bytes::ByteCount;

/// The text of a document with the name of its file.
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl<'a> Source<'a> {
    /// Reads the text as TOML if it is not longer than `at_most`.
    pub(crate) fn tree(&self, at_most: ByteCount) -> Result<Spanned<DeTable<'a>>, DocumentError> {
        let length = ByteCount::new(self.text.len() as u64);
        if length > at_most {
            return Err(self.error(
                0,
                format!("the file has {length}"),
                format!("keep it within {at_most}"),
            ));
        }
        DeTable::parse(self.text).map_err(|error| self.syntax(&error))
    }

    /// The document's outermost table. Keys that are not `keys` are refused.
    pub(crate) fn document<'t>(
        &'t self,
        tree: &'t Spanned<DeTable<'a>>,
        keys: &[&Key],
    ) -> Result<Table<'t>, DocumentError> {
        Table::new(self, "this file".to_owned(), 0, tree.get_ref(), keys)
    }

    pub(crate) fn error(
        &self,
        at: usize,
        problem: impl Into<String>,
        instead: impl Into<String>,
    ) -> DocumentError {
        let (line, column) = self.position(at);
        DocumentError {
            file: self.file.to_owned(),
            line,
            column,
            problem: problem.into(),
            instead: instead.into(),
        }
    }

    fn syntax(&self, error: &toml::de::Error) -> DocumentError {
        let at = error.span().map_or(0, |span| span.start);
        let instead = if error.message().contains("duplicate") {
            "keep one of the two"
        } else {
            "write `key = value` lines and `[table]` headings, and text in quotation marks"
        };
        let message: String = error.message().escape_debug().take(200).collect();
        self.error(at, format!("this is not TOML: {message}"), instead)
    }

    /// Line and column of the character at byte `at`, both from 1.
    pub(crate) fn position(&self, at: usize) -> (u32, u32) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let count = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        (
            count(before.bytes().filter(|byte| *byte == b'\n').count()),
            count(before[line_start..].chars().count()),
        )
    }

    /// The text at `span`, fit for a message: one line, no control characters, cut.
    pub(crate) fn excerpt(&self, span: Range<usize>) -> String {
        const LONGEST: usize = 60;
        let text = self.text.get(span).unwrap_or_default();
        let shown: String = text
            .chars()
            .take(LONGEST)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if text.chars().nth(LONGEST).is_some() {
            return format!("{shown}…");
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source {
            file: "f",
            text: "ä\nbä = 1",
        };
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (2, 1));
        assert_eq!(source.position(6), (2, 3));
        assert_eq!(source.position(1_000), (2, 7));
    }

    #[test]
    fn a_text_over_the_bound_is_not_read() {
        let text = "a = 1";
        let source = Source { file: "f", text };
        assert!(source.tree(ByteCount::new(5)).is_ok());
        let refused = source.tree(ByteCount::new(4)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "f:1:1: the file has 5 B; keep it within 4 B"
        );
    }

    #[test]
    fn a_deeply_nested_text_is_refused() {
        let text = format!("a = {}", "[".repeat(50_000));
        let source = Source {
            file: "f",
            text: &text,
        };
        assert!(source.tree(ByteCount::mib(1)).is_err());
    }
}
