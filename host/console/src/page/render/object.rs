//! A JSON object in somebody else's words, as names and values.

use maud::{Markup, html};
use serde_json::Value;

use super::{
    value::{shown, whole},
    words::title,
};
use crate::actions::arguments::Node;

/// Members that are shown.
const MEMBERS: usize = 40;
/// Characters of one text of several lines.
const LONGEST: usize = 8_000;

/// The members of an object, in the order in which they were written; what is none, or has a
/// name twice, is shown as it is.
pub(crate) fn object(text: &str) -> Markup {
    let Ok(Node::Object(members)) = serde_json::from_str(text) else {
        return several(text);
    };
    html! {
        @if members.is_empty() { p.quiet { "Nothing." } }
        @else {
            dl.object {
                @for (name, value) in members.iter().take(MEMBERS) {
                    div { dt { (shown(&title(name))) } dd { (member(&value.to_value())) } }
                }
            }
            @if members.len() > MEMBERS { p.quiet { "and " (members.len() - MEMBERS) " more" } }
        }
    }
}

fn member(value: &Value) -> Markup {
    html! {
        @match value {
            Value::Null => span.absent title="null" { "–" },
            Value::Bool(true) => "yes",
            Value::Bool(false) => "no",
            Value::Number(number) => (number),
            Value::String(text) if text.is_empty() => span.absent title="empty" { "“”" },
            Value::String(text) if text.contains('\n') || text.chars().count() > 200 => (several(text)),
            Value::String(text) => (shown(text)),
            Value::Array(values) if values.is_empty() => span.absent { "none" },
            Value::Array(values) if values.iter().all(Value::is_string) => {
                ul.texts { @for text in values.iter().filter_map(Value::as_str).take(MEMBERS) { li { code { (shown(text)) } } } }
                @if values.len() > MEMBERS { p.quiet { "and " (values.len() - MEMBERS) " more" } }
            },
            other => (several(&serde_json::to_string_pretty(other).unwrap_or_default())),
        }
    }
}

/// Text of several lines, as it was written.
pub(crate) fn several(text: &str) -> Markup {
    html! {
        // Who reads with a keyboard scrolls it once it has the focus.
        pre tabindex="0" { code { (whole(text, LONGEST)) } }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    #[test]
    fn members_are_shown_as_what_they_are() {
        let text = r#"{"exit-status":0,"output":"a\nb","errors":"","timed-out":false,"words":["x","<b>"],"inner":{"a":1}}"#;
        let shown = object(text).into_string();
        for part in [
            "<dt>Exit status</dt><dd>0</dd>",
            "<code>a\nb</code>",
            "“”",
            "<dd>no</dd>",
            "<li><code>&lt;b&gt;</code></li>",
            "{\n  &quot;a&quot;: 1\n}",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let place = |part| shown.find(part);
        assert!(place("Exit status") < place("Output") && place("Output") < place("Errors"));
        let twice = object(r#"{"a":1,"a":2}"#).into_string();
        assert!(
            twice.contains("{&quot;a&quot;:1,&quot;a&quot;:2}"),
            "{twice}"
        );
        assert!(object("[<b>]").into_string().contains("<code>[&lt;b&gt;]"));
    }

    #[test]
    fn however_much_there_is_a_page_stays_short() {
        let long = "\u{202e}\n".repeat(50_000);
        let members: Map<String, Value> = (0..60)
            .map(|number| (format!("m{number}"), Value::from(long.as_str())))
            .collect();
        let shown = object(&Value::Object(members).to_string()).into_string();
        assert!(shown.contains("and 20 more") && !shown.contains('\u{202e}'));
        assert!(shown.len() < 3_000_000, "{}", shown.len());
    }
}
