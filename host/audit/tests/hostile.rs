//! What components, policies and command lines call things never becomes a part of what shows
//! them: no element of a page, no link of a viewer, no order to a terminal.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use bailiwick_audit::{
    Changes, Component, Place, PolicyFile, Release, Role, Signers, Subject, inspect,
    report::{Report, Repository, Trust, Unjudged, html, json, printed, sarif, text},
};
use bailiwick_core::{digest::Sha256, refusal::Refused, release::World, time::Timestamp};
use serde_json::Value;

/// Ends whatever it stands in, and moves a cursor, a direction and a page.
const HOSTILE: &str = "\"'></title></style><script>alert(1)</script><img src=x onerror=alert(1)>\
                       ](javascript:alert(1)) [x](https://evil.invalid) {0} &amp; \
                       \u{1b}[2J\u{1b}]0;owned\u{7}\r\nerror: \u{202e}\u{9b}31m\u{200b}\u{0}";

/// Whatever takes a text is given it.
fn report() -> Report {
    // TOML and core refuse control characters; the rest gets through.
    let printable =
        "</td><script>alert(1)</script><img src=x onerror=alert(1)> [x](https://evil.invalid) {0}";
    let policy = include_str!("rules/base.toml")
        .replace("Shows what rules find.", printable)
        .replace("Says what could not be read.", printable)
        .replace(
            "capability = \"log\"",
            "capability = \"files\"\nroots = [{ root = \"/<img src=x>\", paths = [\"<script>\", \"**\"] }]",
        );
    let component = wat::parse_str(format!(
        "{} (@producers (processed-by {:?} \"1\")))",
        include_str!("rules/base.wat")
            .trim()
            .strip_suffix(')')
            .unwrap(),
        // The text format has no short form of it.
        HOSTILE.replace('\0', "")
    ));
    let subject = Subject {
        plugin: HOSTILE.to_owned(),
        policy: Some(PolicyFile::parse(HOSTILE, &policy).unwrap()),
        component: Some(Component {
            file: HOSTILE.to_owned(),
            inspection: inspect(&component.unwrap()).unwrap(),
        }),
        release: Some(Release {
            forbidden: Some(HOSTILE.to_owned()),
            version: "1.0.0".parse().unwrap(),
            world: World::Collector,
            role: HOSTILE.to_owned(),
            signed_by: vec![HOSTILE.to_owned()],
            assigned: Some(HOSTILE.to_owned()),
            changes: Some(Changes {
                from: "0.9.0".parse().unwrap(),
                wider: vec![HOSTILE.to_owned()],
                narrower: vec![HOSTILE.to_owned()],
                other: vec![HOSTILE.to_owned()],
            }),
        }),
    };
    let alone = Subject {
        policy: None,
        ..subject.clone()
    };
    let unjudged = Unjudged {
        place: Place::file(HOSTILE),
        reason: HOSTILE.to_owned(),
    };
    let repository = Repository {
        folder: HOSTILE.to_owned(),
        refused: vec![Refused {
            plugin: "sample".parse().unwrap(),
            vendor: "acme".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            component_sha256: Sha256::of(b""),
            by: HOSTILE.to_owned(),
            on: Timestamp::EPOCH,
            reason: HOSTILE.to_owned(),
        }],
        root: Sha256::of(b""),
        trust: Trust::Found,
        signers: Signers {
            policies: vec![HOSTILE.to_owned()],
            components: Vec::new(),
            roles: vec![Role {
                name: HOSTILE.to_owned(),
                version: 1,
                expires: Some(HOSTILE.to_owned()),
                signed_by: vec![HOSTILE.to_owned()],
            }],
        },
    };
    Report::new(
        vec![subject, alone],
        vec![unjudged],
        (Some(repository), None),
        Timestamp::EPOCH,
    )
}

fn obeyed(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202e}' | '\u{200b}')
}

#[test]
fn a_terminal_is_told_nothing_but_lines() {
    let told = text(&report());
    assert!(told.matches("\\u{1b}[2J").count() > 10, "{told}");
    assert!(!told.chars().any(|c| c != '\n' && obeyed(c)), "{told}");
    assert!(
        !told.lines().any(|line| line.starts_with("error:")),
        "{told}"
    );
}

#[test]
fn a_page_has_the_elements_that_it_was_written_with_and_no_others() {
    let page = html(&report());
    assert!(page.matches("&lt;script&gt;").count() > 10, "{page}");
    assert!(!page.chars().any(|c| c != '\n' && obeyed(c)));
    // Of each element its name; what follows `<` is nothing else.
    let mut elements: Vec<_> = page
        .match_indices('<')
        .map(|(at, _)| {
            let name = page[at + 1..].trim_start_matches('/');
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '!');
            &name[..end.unwrap_or(name.len())]
        })
        .collect();
    elements.sort_unstable();
    elements.dedup();
    assert_eq!(
        elements,
        [
            "!DOCTYPE", "a", "b", "body", "br", "code", "dd", "div", "dl", "dt", "h1", "h2", "h3",
            "head", "html", "li", "meta", "p", "span", "style", "table", "tbody", "td", "th",
            "thead", "title", "tr", "ul"
        ]
    );
    // Nothing is fetched and nothing runs: the only addresses are places in the page.
    for attribute in ["src=", "onerror=", "onload=", "url(", "@import"] {
        let escaped = page.replace("&lt;img src=x onerror=alert(1)&gt;", "");
        let escaped = escaped.replace("/&lt;img src=x&gt;", "");
        assert!(!escaped.contains(attribute), "{attribute}");
    }
    assert_eq!(
        page.matches("href=\"").count(),
        page.matches("href=\"#plugin-").count()
    );
}

#[test]
fn a_viewer_of_sarif_gets_no_link_and_no_address_of_another_scheme() {
    let log = sarif(&report());
    let mut texts = Vec::new();
    strings(&log, &mut texts);
    assert!(
        texts
            .iter()
            .any(|(key, text)| key == "text" && text.contains("<script>"))
    );
    for (key, text) in texts {
        assert!(!text.chars().any(obeyed), "{text}");
        match key.as_str() {
            "text" => {
                assert!(!text.contains("]("), "{text}");
                assert!(!text.replace("{{", "").contains('{'), "{text}");
            }
            "uri" => assert!(text.starts_with("%22%27%3E"), "{text}"),
            _ => {}
        }
    }
}

fn strings(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                if let Value::String(text) = value {
                    found.push((key.clone(), text.clone()));
                }
                strings(value, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| strings(value, found)),
        _ => {}
    }
}

#[test]
fn json_holds_texts_as_they_are_and_stays_one_object() {
    let told = printed(&json(&report()));
    assert!(!told.chars().any(|c| c != '\n' && obeyed(c)), "{told}");
    let read: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(read["plugins"][0]["plugin"], HOSTILE);
}
