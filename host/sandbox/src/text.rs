//! Text that a guest chose, made fit for people's terminals and logs.

/// `text` on one line of at most `at_most` bytes: control characters escaped, cut at a
/// character boundary and marked with `…`.
pub(crate) fn one_line(text: &str, at_most: usize) -> String {
    const MARK: &str = "…";
    let mut line = String::with_capacity(text.len().min(at_most));
    // Where the mark could still be put.
    let mut cut = 0;
    for character in text.chars() {
        let length = line.len();
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        if line.len() > at_most {
            line.truncate(cut);
            line.push_str(MARK);
            return line;
        }
        if length + MARK.len() <= at_most {
            cut = length;
        }
        if line.len() + MARK.len() <= at_most {
            cut = line.len();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::one_line;

    #[test]
    fn escapes_line_breaks_and_marks_cuts() {
        assert_eq!(one_line("a\nb\u{1b}[0m", 64), "a\\nb\\u{1b}[0m");
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abc…");
    }

    proptest! {
        #[test]
        fn never_longer_and_never_with_control_characters(text in any::<String>(), at_most in 4_usize..64) {
            let line = one_line(&text, at_most);
            prop_assert!(line.len() <= at_most);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
