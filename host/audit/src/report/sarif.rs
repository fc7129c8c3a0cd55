//! An audit as SARIF 2.1.0.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html>

use serde_json::{Value, json};

use super::{Report, title};
use crate::{Finding, Place, Rule, visible::visible};

/// The log, with one run. What could not be judged are notifications of that run, which is
/// then no success (3.20.14, 3.20.21).
pub fn sarif(report: &Report) -> Value {
    let results: Vec<_> = report
        .judged
        .iter()
        .flat_map(|judged| {
            let title = title(&judged.subject);
            judged
                .findings
                .iter()
                .map(move |found| result(found, &title))
        })
        .collect();
    let notifications: Vec<_> = report
        .unjudged
        .iter()
        .map(|unjudged| {
            json!({
                "level": "error",
                "message": { "text": message(&unjudged.reason) },
                "locations": [location(&unjudged.place)],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "bailiwick-audit",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": Rule::ALL.map(rule),
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": notifications.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    })
}

fn rule(rule: Rule) -> Value {
    json!({
        "id": rule.id(),
        "name": rule.name(),
        "shortDescription": { "text": message(rule.title()) },
        "fullDescription": { "text": message(rule.why()) },
        "help": { "text": message(rule.mend()) },
        "defaultConfiguration": { "level": rule.level().name() },
    })
}

fn result(finding: &Finding, title: &str) -> Value {
    let text = format!("{title}: {}. {}", finding.text, finding.rule.mend());
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": finding.rule.index(),
        "level": finding.rule.level().name(),
        "message": { "text": message(&text) },
        "locations": [location(&finding.place)],
    })
}

fn location(place: &Place) -> Value {
    let artifact = json!({ "uri": uri(&place.file) });
    let physical = match place.at {
        Some(at) => json!({
            "artifactLocation": artifact,
            "region": { "startLine": at.line, "startColumn": at.column },
        }),
        None => json!({ "artifactLocation": artifact }),
    };
    json!({ "physicalLocation": physical })
}

/// Braces are doubled, since single ones hold places of arguments (3.11.5), and no text that
/// others chose becomes a link (3.11.6).
fn message(text: &str) -> String {
    visible(text)
        .replace('{', "{{")
        .replace('}', "}}")
        .replace("](", "] (")
}

/// A path as a relative reference, or as a `file` address if it is absolute (RFC 3986; a
/// colon in the first part would be taken for the end of a scheme).
fn uri(path: &str) -> String {
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            b'\\' if cfg!(windows) => uri.push('/'),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references_that_are_nothing_else() {
        assert_eq!(uri("policies/a.toml"), "policies/a.toml");
        assert_eq!(uri("/etc/ä b"), "file:///etc/%C3%A4%20b");
        assert_eq!(
            uri("javascript:alert(1)#?"),
            "javascript%3Aalert%281%29%23%3F"
        );
    }

    #[test]
    fn messages_hold_no_links_and_no_places() {
        assert_eq!(
            message("[click](https://x) {0}\u{1b}"),
            "[click] (https://x) {{0}}\\u{{1b}}"
        );
    }
}
