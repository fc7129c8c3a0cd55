//! What a handler says that it takes, on its way to the console: its JSON Schema, of which
//! the console's page makes a form.

use std::sync::Arc;

use serde_json::{Map, Value};

/// Longest schema that is sent, in bytes within the line of an event, where quotation marks
/// take two: it shares [`bailiwick_store::LONGEST_EVENT`] with the event's other fields. For a
/// longer one the page has no form, and takes plain JSON.
const LONGEST: usize = 3_500;

/// The schema without white space between its parts, in the order in which its author wrote
/// them; none if it is too long to be sent.
///
/// # Errors
/// It is no JSON object.
pub(super) fn told(schema: &str) -> Result<Option<Arc<str>>, serde_json::Error> {
    serde_json::from_str::<Map<String, Value>>(schema)?;
    let compact = compact(schema);
    let line = serde_json::to_string(&compact)?;
    Ok((line.len() <= LONGEST).then(|| compact.into()))
}

/// Without white space outside of texts. `json` is JSON.
fn compact(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let kept = json.chars().filter(|&c| {
        let keep = in_text || !c.is_ascii_whitespace();
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_text,
            '"' => in_text = !in_text,
            _ => {}
        }
        keep
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use bailiwick_core::{ids::DeviceId, time::Timestamp};
    use bailiwick_transport::EventLine;

    use super::*;
    use crate::events::Event;
    use bailiwick_store::LONGEST_EVENT;

    #[test]
    fn order_and_texts_stay_and_white_space_goes() {
        let schema = "{ \"b\" : \"a \\\" b\\\\\" ,\n\t\"a\" : [ 1 , { \"c d\" : \" \" } ] }";
        let told = told(schema).unwrap().unwrap();
        assert_eq!(&*told, r#"{"b":"a \" b\\","a":[1,{"c d":" "}]}"#);
        let read = |text| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(&told), read(schema));
        for broken in ["", "[]", "7", "{", "{}{}"] {
            assert!(super::told(broken).is_err(), "{broken}");
        }
    }

    /// Whatever is told is told whole: the line of an event is cut where it is too long.
    #[test]
    fn what_does_not_fit_an_event_is_not_told() {
        for character in ["x", "\\\"", "ü", "\\u0007", "\u{1f600}"] {
            let schema = |number| format!("{{\"title\":\"{}\"}}", character.repeat(number));
            let most = (1..LONGEST).rev().find_map(|it| told(&schema(it)).unwrap());
            let event = Event::TakesArguments {
                plugin: "x".repeat(63).parse().unwrap(),
                version: format!("100.100.100-{}", "x".repeat(52)),
                schema: most.as_deref().map(ToOwned::to_owned),
            };
            let line = event.to_line(DeviceId::from_bytes([7; 16]), Timestamp::from_ms(u64::MAX));
            assert!(line.len() <= LONGEST_EVENT, "{}", line.len());
            let read: EventLine<Event> = serde_json::from_slice(&line).unwrap();
            assert_eq!(read.event, event);
            assert_eq!(told(&schema(LONGEST)).unwrap(), None);
        }
    }
}
