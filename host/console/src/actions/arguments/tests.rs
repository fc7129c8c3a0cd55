use proptest::prelude::*;
use serde_json::json;

use super::{fill::Fault, *};

fn takes(properties: serde_json::Value, required: &[&str]) -> Takes {
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    Takes::read(&schema.to_string()).unwrap()
}

fn fill(takes: &Takes, written: &[(&str, &str)]) -> Result<String, Vec<Fault>> {
    takes.fill(None, |name| {
        let found = written.iter().find(|(it, _)| *it == name);
        found.map(|(_, text)| (*text).to_owned())
    })
}

/// The descriptions of the handlers that come with the project.
const RUN_PROGRAM: &str = include_str!("../../../../../plugins/run-program/src/lib.rs");
const WAKE_ON_LAN: &str = include_str!("../../../../../plugins/wake-on-lan/src/lib.rs");

fn own(source: &str) -> Takes {
    let (_, rest) = source.split_once("const SCHEMA: &str = r#\"").unwrap();
    Takes::read(rest.split_once("\"#").unwrap().0).unwrap()
}

#[test]
fn the_projects_handlers_have_forms() {
    let run = own(RUN_PROGRAM);
    assert_eq!(run.title.as_deref(), Some("Run a program"));
    let fields = run.fields(None).unwrap();
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    let order = ["program", "arguments", "environment", "input", "timeout-ms"];
    assert_eq!(names[..5], order);
    assert!(fields[0].required && !fields[1].required);
    assert!(matches!(fields[3].kind, Kind::Text(_)));
    let hints: Vec<_> = fields
        .iter()
        .filter_map(|field| field.kind.hint())
        .collect();
    assert!(hints[0].starts_with("One a line, 64 at most"), "{hints:?}");
    assert_eq!(hints[2], "A whole number from 0 to 600000.");
    let written = [
        ("program", " /usr/bin/env "),
        ("arguments", "-0\r\n\r\n a b \r\n"),
        ("input", "one\r\ntwo\r\n"),
        ("timeout-ms", "5000"),
    ];
    assert_eq!(
        fill(&run, &written).unwrap(),
        r#"{"arguments":["-0","a b"],"input":"one\ntwo\n","program":"/usr/bin/env","timeout-ms":5000}"#
    );
    let faults = fill(&run, &[("timeout-ms", "600001")]).unwrap_err();
    let of: Vec<_> = faults.iter().map(|fault| fault.of.as_str()).collect();
    assert_eq!(of, ["program", "timeout-ms"], "all of them at once");
    assert_eq!(faults[0].reason, "Fill this in.");
    assert!(faults[1].reason.contains("a whole number from 0 to 600000"));

    let wake = own(WAKE_ON_LAN);
    let Ways::OneOf(ways) = &wake.ways else {
        panic!("{wake:?}");
    };
    assert_eq!(
        (ways[0].name.as_str(), ways[1].name.as_str()),
        ("wake", "fitness")
    );
    assert_eq!(wake.fields(None), None, "one is to be chosen");
    let ask = |target: &str| wake.fill(Some("fitness"), |_| Some(target.to_owned()));
    assert_eq!(
        ask("192.0.2.7").unwrap(),
        r#"{"fitness":{"target":"192.0.2.7"}}"#
    );
    assert!(
        ask("192.0.2.256").unwrap_err()[0]
            .reason
            .contains("IPv4 address")
    );
}

#[test]
fn every_kind_takes_what_fits_and_says_what_would() {
    let every = takes(
        json!({
            "line": { "type": "string", "minLength": 2, "maxLength": 3 },
            "whole": { "type": "integer", "minimum": -1.5, "maximum": 1e300 },
            "number": { "type": "number", "maximum": 0.5 },
            "truth": { "type": "boolean" },
            "one": { "enum": ["a", 7, true] },
            "list": { "type": "array", "items": { "type": "string", "maxLength": 2 }, "minItems": 2 },
            "any": { "type": ["string", "null"] },
            "six": { "type": "string", "format": "ipv6" },
        }),
        &[],
    );
    for (name, right, value) in [
        ("line", "äöü", r#""äöü""#),
        ("whole", "-1", "-1"),
        ("whole", "18446744073709551615", "18446744073709551615"),
        ("number", "0.25", "0.25"),
        ("truth", "false", "false"),
        ("one", "7", "7"),
        ("one", "true", "true"),
        ("list", "a\nbc", r#"["a","bc"]"#),
        ("any", "null", "null"),
        ("six", "2001:db8::7", r#""2001:db8::7""#),
    ] {
        let filled = fill(&every, &[(name, right)]).unwrap();
        assert_eq!(filled, format!("{{\"{name}\":{value}}}"));
    }
    for (name, wrong, words) in [
        ("line", "a", "2 to 3 characters. It has 1 now"),
        ("line", "abcd", "It has 4 now"),
        ("line", "a\nb", "2 to 3 characters"),
        ("whole", "-2", "a whole number"),
        ("whole", "1.5", "a whole number"),
        ("whole", "1e3", "a whole number"),
        ("whole", "18446744073709551616", "a whole number"),
        ("number", "NaN", "a number, at most 0.5"),
        ("number", "inf", "a number"),
        ("truth", "yes", "Choose one"),
        ("one", "b", "Choose one"),
        ("list", "a", "at least 2 lines"),
        ("list", "a\nabc", "Line 2 does not fit. At most 2"),
        ("any", "a", "no JSON"),
        ("six", "192.0.2.7", "an IPv6 address"),
    ] {
        let faults = fill(&every, &[(name, wrong)]).unwrap_err();
        let [Fault { of, reason }] = faults.as_slice() else {
            panic!("{name}: {faults:?}");
        };
        assert_eq!(of, name);
        assert!(reason.contains(words), "{name} {wrong:?}: {reason}");
    }
    assert_eq!(
        fill(&every, &[]).unwrap(),
        "{}",
        "what is left empty is left out"
    );
    let needed = takes(
        json!({ "all": { "type": "array", "items": { "type": "string" } } }),
        &["all"],
    );
    assert_eq!(fill(&needed, &[("all", " \n")]).unwrap(), r#"{"all":[]}"#);
}

#[test]
fn what_a_field_can_not_ask_for_is_asked_for_as_json() {
    let many: Vec<u32> = (0..100).collect();
    for property in [
        json!(true),
        json!({}),
        json!({ "type": "object", "properties": { "a": {} } }),
        json!({ "type": "string", "anyOf": [] }),
        json!({ "$ref": "#/x" }),
        json!({ "enum": [] }),
        json!({ "enum": "a" }),
        json!({ "enum": many }),
        json!({ "enum": [null, "a"] }),
        json!({ "enum": [""] }),
        json!({ "enum": ["a\u{200b}"] }),
        json!({ "enum": ["7", 7] }),
        json!({ "enum": ["x".repeat(81)] }),
        json!({ "type": "array" }),
        json!({ "type": "array", "items": { "type": "integer" } }),
    ] {
        let takes = takes(json!({ "a": property }), &[]);
        assert_eq!(
            takes.fields(None).unwrap()[0].kind,
            Kind::Json,
            "{property}"
        );
    }
}

#[test]
fn a_description_that_can_not_be_a_form_is_refused_with_its_reason() {
    let object =
        |properties: serde_json::Value| json!({ "type": "object", "properties": properties });
    let with = |keyword: &str, value: serde_json::Value| {
        let mut schema = object(json!({ "a": { "type": "string" } }));
        schema[keyword] = value;
        schema
    };
    let property = |property: serde_json::Value| object(json!({ "a": property }));
    let many: serde_json::Map<_, _> = (0..41).map(|n| (n.to_string(), json!({}))).collect();
    let long = json!({ "type": "string", "title": "x".repeat(17_000) });
    for (schema, words) in [
        (property(long), "longer than 16384 bytes"),
        (json!([]), "one object"),
        (json!({ "type": "array" }), "one object"),
        (json!({ "type": ["object"] }), "one object"),
        (json!({ "type": "object" }), "one object"),
        (json!({ "type": "object", "properties": [] }), "one object"),
        (object(json!({})), "no argument, or more than 40"),
        (object(many.into()), "no argument, or more than 40"),
        (object(json!({ "": {} })), "name"),
        (object(json!({ "a\u{7}b": {} })), "name"),
        (object(json!({ "a\u{202e}b": {} })), "name"),
        (object(json!({ "x".repeat(65): {} })), "name"),
        (with("oneOf", json!([])), "`oneOf`"),
        (with("if", json!({})), "`if`"),
        (with("required", json!("a")), "`required`"),
        (with("required", json!([1])), "`required`"),
        (with("required", json!(["b"])), "`required`"),
        (
            property(json!({ "type": "string", "minLength": -1 })),
            "`minLength` of `a`",
        ),
        (
            property(json!({ "type": "string", "minLength": 2, "maxLength": 1 })),
            "`maxLength` of `a`",
        ),
        (
            property(json!({ "type": "integer", "minimum": "0" })),
            "`minimum` of `a`",
        ),
        (
            property(json!({ "type": "integer", "minimum": 2, "maximum": 1 })),
            "`maximum` of `a`",
        ),
        (
            property(json!({ "type": "number", "minimum": 2, "maximum": 1 })),
            "`maximum` of `a`",
        ),
        (
            property(json!({ "type": "array", "items": { "type": "string" }, "maxItems": 1.5 })),
            "`maxItems` of `a`",
        ),
    ] {
        let refused = Takes::read(&schema.to_string()).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}: {words}");
    }
    for text in [
        "",
        "{",
        "\u{0}",
        "{\"type\":\"object\",\"type\":\"object\"}",
    ] {
        assert!(matches!(Takes::read(text), Err(Unfit::NoJson(_))), "{text}");
    }
    let deep = format!(
        "{{\"type\":\"object\",\"properties\":{{\"a\":{}",
        "{\"items\":".repeat(1_700)
    );
    assert!(matches!(Takes::read(&deep), Err(Unfit::NoJson(_))));
}

#[test]
fn titles_and_descriptions_are_cut_and_their_lines_joined() {
    let schema = json!({
        "type": "object", "title": "x".repeat(500), "description": 7,
        "properties": { "a": { "title": " \n ", "description": "one\n\ttwo  three" } },
    });
    let takes = Takes::read(&schema.to_string()).unwrap();
    assert_eq!(takes.title.unwrap().chars().count(), 81);
    assert_eq!(takes.help, None);
    let Ways::One(fields) = takes.ways else {
        panic!()
    };
    assert_eq!(
        (&fields[0].title, fields[0].help.as_deref()),
        (&None, Some("one two three"))
    );
}

proptest! {
    /// Whatever a device sends, and whatever is written, nothing panics; and what is filled
    /// in is an object.
    #[test]
    fn any_description_is_read_or_refused(
        schema in "\\PC{0,40}|\\{\"type\":\"object\",\"properties\":\\{\"a\":\\{(\"(type|minimum|maximum|minLength|maxLength|enum|items|format)\":(-?[0-9]{1,30}(\\.5)?|\"(string|integer|number|array|boolean|ipv4)\"|\\[1,\"b\"\\]|\\{\"type\":\"string\"\\}),?){0,3}\"z\":0\\}\\}\\}",
        written in "\\PC{0,12}|-?[0-9]{1,40}|[0-9.]{1,20}",
    ) {
        if let Ok(takes) = Takes::read(&schema)
            && let Ok(filled) = takes.fill(None, |_| Some(written.clone()))
        {
            let object: serde_json::Value = serde_json::from_str(&filled).unwrap();
            prop_assert!(object.is_object());
        }
    }
}

#[test]
fn a_choice_is_spelt_as_it_is_chosen() {
    assert_eq!(spelt(&json!("a b")), "a b");
    assert_eq!(spelt(&json!(true)), "true");
}
