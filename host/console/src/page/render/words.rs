//! Names of a schema as a person writes them, and numbers with their noun.

/// Words that are written in capitals.
const CAPITALS: &[&str] = &[
    "bios", "cpu", "dmi", "dns", "gid", "gpu", "id", "io", "ip", "mac", "mtu", "os", "pid", "tpm",
    "uefi", "uid", "usb", "uuid",
];

/// `host-name` as `Host name`, `mac` as `MAC`.
pub(crate) fn title(name: &str) -> String {
    let words = name.split('-').enumerate().map(|(place, word)| {
        if CAPITALS.contains(&word) {
            return word.to_ascii_uppercase();
        }
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if place == 0 => first.to_uppercase().chain(letters).collect(),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The same within a sentence: `host name`, `MAC`.
pub(crate) fn inline(name: &str) -> String {
    let titled = title(name);
    let first = name.split('-').next().unwrap_or_default();
    if CAPITALS.contains(&first) {
        return titled;
    }
    let mut letters = titled.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => titled,
    }
}

/// `1 report`, `3 reports`, `no reports`.
pub(crate) fn count(number: i64, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        more => format!("{} {noun}s", super::value::grouped(&more.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_words() {
        assert_eq!(title("host-name"), "Host name");
        assert_eq!(title("mac"), "MAC");
        assert_eq!(title("boot-id"), "Boot ID");
        assert_eq!(inline("operating-system"), "operating system");
        assert_eq!(inline("os"), "OS");
        assert_eq!(count(0, "report"), "no reports");
        assert_eq!(count(1, "report"), "1 report");
        assert_eq!(count(12_345, "report"), "12\u{202f}345 reports");
    }
}
