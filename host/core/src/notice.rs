//! Text that is shown to a user, in whose name nobody else shall speak.

/// Longest text, in bytes.
pub const LONGEST: usize = 1_024;
/// Most lines.
pub const MOST_LINES: usize = 12;

/// Plain text of at most [`LONGEST`] bytes and [`MOST_LINES`] lines, in which nothing controls a
/// terminal or reorders what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice(String);

/// Why a text can't be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// More than [`LONGEST`] bytes.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// More than [`MOST_LINES`] lines.
    #[error("it has more than {MOST_LINES} lines")]
    TooManyLines,
    /// Nothing in it can be seen.
    #[error("nothing of it can be shown")]
    Empty,
}

impl Notice {
    /// What of `text` can be shown. Lines end with `\n`, `\r\n` or one of Unicode's own ends.
    ///
    /// # Errors
    /// It is too long, or nothing is left.
    pub fn new(text: &str) -> Result<Self, NoticeError> {
        if text.len() > LONGEST {
            return Err(NoticeError::TooLong);
        }
        let shown: String = text.chars().filter_map(shown).collect();
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        let text = lines.join("\n");
        // Now that lines of spaces are empty.
        let text = text.trim_matches('\n');
        if text.lines().count() > MOST_LINES {
            return Err(NoticeError::TooManyLines);
        }
        match text.chars().all(char::is_whitespace) {
            true => Err(NoticeError::Empty),
            false => Ok(Self(text.to_owned())),
        }
    }

    /// All of it, lines ended by `\n`.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What stands for a character; none if nothing does.
fn shown(c: char) -> Option<char> {
    match c {
        '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\t' => Some(' '),
        _ if c.is_control() => None,
        // Marks that reorder text (UAX #9) or can't be seen, and could hide or fake something:
        // embeddings, overrides and isolates, the byte order mark, annotations, tags.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => None,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => None,
        '\u{e0000}'..='\u{e007f}' => None,
        _ => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(of: &str) -> String {
        Notice::new(of).unwrap().text().to_owned()
    }

    #[test]
    fn what_controls_a_terminal_or_reorders_text_is_taken_out() {
        for (given, shown) in [
            ("Please save.", "Please save."),
            ("\n\none\r\ntwo  \n\n", "one\ntwo"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}red", "[2J]0;titlered"),
            ("\u{9b}31m a\u{8}\u{7f}b", "31m ab"),
            ("user\u{202e}txt.exe\u{2066}", "usertxt.exe"),
            ("a\u{feff}b\u{e0041}c\u{2064}", "abc"),
            ("a\u{2028}b\tc", "a\nb c"),
            ("\u{3000}\n \na\n\u{202f}", "a"),
            // Joiners belong to scripts and to pictures.
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ] {
            assert_eq!(text(given), shown, "{given:?}");
        }
    }

    #[test]
    fn what_is_too_long_or_empty_is_refused() {
        assert!(Notice::new(&"a".repeat(LONGEST)).is_ok());
        let long = "a".repeat(LONGEST + 1);
        assert_eq!(Notice::new(&long), Err(NoticeError::TooLong));
        assert!(Notice::new(&"a\n".repeat(MOST_LINES)).is_ok());
        let lines = "a\n".repeat(MOST_LINES + 1);
        assert_eq!(Notice::new(&lines), Err(NoticeError::TooManyLines));
        for empty in ["", " \n\t", "\u{1b}\u{202e}"] {
            assert_eq!(Notice::new(empty), Err(NoticeError::Empty), "{empty:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_controls_anything(given in "\\PC*|[\\x00-\\xff\u{2000}-\u{206f}]{0,80}") {
            if let Ok(notice) = Notice::new(&given) {
                prop_assert!(notice.text().len() <= LONGEST);
                prop_assert!(notice.text().lines().count() <= MOST_LINES);
                prop_assert!(!notice.text().chars().any(|c| c.is_control() && c != '\n'));
                prop_assert_eq!(Notice::new(notice.text()), Ok(notice));
            }
        }
    }
}
