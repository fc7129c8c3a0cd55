//! Events on the terminal.

use std::io::Write as _;

use crate::events::Event;

/// How events are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output {
    /// One line of words each.
    Words,
    /// One JSON object a line.
    Json,
}

impl Output {
    pub(crate) fn print(self, event: &Event) {
        let line = match self {
            Self::Words => event.words(),
            Self::Json => {
                let line = Line {
                    words: event.words(),
                    event,
                };
                serde_json::to_string(&line).unwrap_or_default()
            }
        };
        // Nobody may be reading any more; the agent goes on.
        drop(writeln!(std::io::stdout().lock(), "{line}"));
    }

    pub(crate) fn warn(self, text: &str) {
        drop(writeln!(std::io::stderr().lock(), "warning: {text}"));
    }
}

/// A line for scripts: the event's fields, and the same in words.
#[derive(serde::Serialize)]
struct Line<'a> {
    words: String,
    #[serde(flatten)]
    event: &'a Event,
}
