//! What the firmware says of the machine, under /sys/class/dmi/id (Linux,
//! Documentation/ABI/testing/sysfs-class-dmi).

use crate::source::Source;

/// What manufacturers leave in a field that they did not fill in, in lower case.
const PLACEHOLDERS: [&str; 12] = [
    "to be filled by o.e.m.",
    "to be filled by oem",
    "default string",
    "not specified",
    "not available",
    "not applicable",
    "system manufacturer",
    "system product name",
    "system serial number",
    "none",
    "o.e.m.",
    "n/a",
];

/// A field by its name in the folder; empty if it is not there or says nothing.
pub(crate) fn field(source: &mut Source, name: &str) -> String {
    meaning(source.line(&["/sys/class/dmi/id/", name].concat()))
}

/// `text`, or nothing if it is a placeholder.
pub(crate) fn meaning(text: String) -> String {
    let lower = text.trim().to_ascii_lowercase();
    let empty = PLACEHOLDERS.contains(&lower.as_str())
        // Serial numbers of zeros and nothing else.
        || lower.bytes().all(|byte| matches!(byte, b'0' | b' ' | b'-' | b'.'));
    if empty { String::new() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_mean_nothing() {
        for text in [
            "To Be Filled By O.E.M.",
            "Default string",
            "None",
            "",
            "00000000",
            " ",
        ] {
            assert_eq!(meaning(text.to_owned()), "", "{text}");
        }
        assert_eq!(meaning("PF3ABCDE".to_owned()), "PF3ABCDE");
    }
}
