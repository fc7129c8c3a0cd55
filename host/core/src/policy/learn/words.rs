//! The words of a call, from the text that shows it.

/// The words of `text`, of which those in quotation marks are escaped as in Rust. `None` if it
/// is no such text.
pub fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, behind) = match rest.strip_prefix('"') {
            Some(quoted) => unescaped(quoted)?,
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if !behind.is_empty() && !behind.starts_with(' ') {
            return None;
        }
        words.push(word);
        rest = behind.trim_start();
    }
    Some(words)
}

/// What stands before the closing quotation mark, and what comes behind it.
fn unescaped(quoted: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut letters = quoted.char_indices();
    loop {
        let (at, letter) = letters.next()?;
        match letter {
            '"' => return Some((word, &quoted[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => word.push('\n'),
                'r' => word.push('\r'),
                't' => word.push('\t'),
                '0' => word.push('\0'),
                'u' => {
                    let digits: String = letters
                        .by_ref()
                        .skip(1)
                        .map(|(_, letter)| letter)
                        .take_while(|letter| *letter != '}')
                        .collect();
                    word.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                other => word.push(other),
            },
            other => word.push(other),
        }
    }
}
