//! Values of reports.

use bailiwick_report::{
    rows::Value,
    schema::{Field, Kind, Privacy},
};
use maud::{Markup, html};

use super::time;

/// Longest text that is shown whole, in characters.
const LONGEST: usize = 600;

/// A value of a row, with its unit; a dash for one that is not there.
pub(crate) fn value(field: &Field, value: Option<Value<'_>>) -> Markup {
    html! {
        @match value {
            None => span.absent title="not told" { "–" },
            Some(Value::Text("")) => span.absent title="empty" { "“”" },
            Some(Value::Text(text)) => (shown(text)),
            Some(Value::Boolean(true)) => "yes",
            Some(Value::Boolean(false)) => "no",
            Some(Value::Unsigned(number)) => (quantity(&number.to_string(), field.unit())),
            Some(Value::Signed(number)) => (quantity(&number.to_string(), field.unit())),
            Some(Value::Timestamp(ms)) => (moment(ms)),
        }
    }
}

/// A value that was kept as text.
pub(crate) fn kept(kind: Kind, unit: &str, text: Option<&str>) -> Markup {
    html! {
        @match (kind, text) {
            (_, None) => span.absent { "nothing" },
            (_, Some("")) => span.absent title="empty" { "“”" },
            (Kind::Text, Some(text)) => (shown(text)),
            (Kind::Boolean, Some(text)) => (if text == "true" { "yes" } else { "no" }),
            (Kind::Unsigned | Kind::Signed, Some(text)) => (quantity(text, unit)),
            (Kind::Timestamp, Some(text)) => {
                @match text.parse() { Ok(ms) => (moment(ms)), Err(_) => (text) }
            }
        }
    }
}

fn moment(ms: u64) -> Markup {
    time::moment(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// Text from a device, cut, with characters that would hide or reorder others spelt out.
pub(crate) fn shown(text: &str) -> String {
    spelt(text, LONGEST, |_| false)
}

/// The same of several lines, and cut after `most` characters.
pub(crate) fn whole(text: &str, most: usize) -> String {
    spelt(text, most, |c| c == '\n' || c == '\t')
}

fn spelt(text: &str, most: usize, stays: fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    for (place, c) in text.chars().enumerate() {
        if place == most {
            shown.push('…');
            break;
        }
        if (c.is_control() && !stays(c)) || is_invisible(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Bidirectional controls, zero-width characters, separators of lines and paragraphs, the
/// byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Units that are parts of another one: how many of them make one of it, and its sign.
/// Numbers in rows are integers, so plugins report hundredths and thousandths.
const PARTS: &[(&str, u64, &str)] = &[
    ("percent-100", 100, "%"),
    ("per-mille", 10, "%"),
    ("100ths", 100, ""),
    ("1000ths", 1_000, ""),
];

/// A number with its unit: bytes in the unit that fits, parts as decimals, others with
/// their digits in groups.
fn quantity(number: &str, unit: &str) -> Markup {
    let whole: Option<u64> = number.parse().ok();
    let part = PARTS.iter().find(|(name, ..)| *name == unit);
    html! {
        @match (whole, part) {
            (Some(bytes), None) if unit == "bytes" && bytes >= 10_000 => {
                span.number title={ (grouped(number)) " bytes" } { (size(bytes)) }
            }
            (Some(whole), Some((_, parts, sign))) => {
                span.number { (decimal(whole, *parts)) @if !sign.is_empty() { "\u{202f}" (sign) } }
            }
            _ => span.number { (grouped(number)) @if !unit.is_empty() { " " (unit) } }
        }
    }
}

/// `11`, `3.75`: so many parts as a decimal fraction; `parts` is a power of ten.
pub(crate) fn decimal(number: u64, parts: u64) -> String {
    let whole = grouped(&(number / parts).to_string());
    let digits = parts.ilog10() as usize;
    let rest = format!("{:0digits$}", number % parts);
    match rest.trim_end_matches('0') {
        "" => whole,
        rest => format!("{whole}.{rest}"),
    }
}

/// `16.6 GB`: units of 1,000.
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"].iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for larger in units {
        // What would be rounded to 1,000 belongs to the larger unit.
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1_000.0, larger);
    }
    match unit {
        "bytes" => format!("{bytes} bytes"),
        _ if value < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// Digits in groups of three.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    if digits.len() < 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut grouped = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A privacy class in a word; none for what says nothing of a person or device.
pub(crate) fn privacy_word(class: Privacy) -> Option<&'static str> {
    match class {
        Privacy::None => None,
        Privacy::Device => Some("identifying"),
        Privacy::Personal => Some("personal"),
    }
}

/// The mark of a privacy class.
pub(crate) fn privacy(class: Privacy) -> Markup {
    html! { @if let Some(word) = privacy_word(class) { span.tag.(word) { (word) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (999_949, "1.0 MB"),
            (16_633_348_096, "16.6 GB"),
            (512_110_190_592, "512 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn parts_are_told_as_decimals() {
        for (number, parts, words) in [
            (1_200, 100, "12"),
            (1_205, 100, "12.05"),
            (375, 100, "3.75"),
            (5, 10, "0.5"),
            (0, 100, "0"),
        ] {
            assert_eq!(decimal(number, parts), words);
        }
        let told = |number, unit| quantity(number, unit).into_string();
        assert!(told("1100", "percent-100").contains(">11\u{202f}%<"));
        assert!(told("1400", "bytes").contains(">1400 bytes<"));
        assert!(told("65536", "bytes").contains(">65.5 kB<"));
        assert!(told("-7", "percent-100").contains(">-7 percent-100<"));
    }

    #[test]
    fn digits_come_in_groups() {
        assert_eq!(grouped("1234"), "1234");
        assert_eq!(grouped("12345"), "12\u{202f}345");
        assert_eq!(grouped("-1234567"), "-1\u{202f}234\u{202f}567");
        assert_eq!(grouped("none"), "none");
    }

    #[test]
    fn text_can_not_hide_or_reorder() {
        assert_eq!(shown("a\u{202e}b\u{7}"), "a\\u{202e}b\\u{7}");
        assert_eq!(shown(&"x".repeat(700)).chars().count(), 601);
        assert_eq!(value_of("<script>"), "&lt;script&gt;");
    }

    fn value_of(text: &str) -> String {
        let field = Field::new("name", Kind::Text, "", 0, Privacy::None).unwrap();
        value(&field, Some(Value::Text(text))).into_string()
    }
}
