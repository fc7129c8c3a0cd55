//! What others chose, shown as it is and as nothing else.

use std::borrow::Cow;

/// `text` without what a terminal or a page would obey: control characters, changes of
/// direction and what is not seen are written as escapes. Quotation marks stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_debug());
        }
    }
    Cow::Owned(shown)
}

/// Whether it is shown as what it is.
pub(crate) fn is_plain(character: char) -> bool {
    match character {
        ' '..='~' => true,
        _ => character.escape_debug().len() == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_obeyed_or_not_seen_is_escaped() {
        assert_eq!(visible("Größe 'a' \"b\" \\n"), "Größe 'a' \"b\" \\n");
        assert_eq!(visible("a\u{1b}[2Jb\nc\r\t\0"), "a\\u{1b}[2Jb\\nc\\r\\t\\0");
        for hidden in [
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{200e}',
            '\u{202e}',
            '\u{2028}',
            '\u{2066}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let shown = visible(hidden.encode_utf8(&mut [0; 4])).into_owned();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(hidden)));
        }
    }
}
