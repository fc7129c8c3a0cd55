//! The log, held against what SARIF 2.1.0 says of each object that it uses: which properties
//! there are, of which type, and which must be there. An object or a property that is not
//! listed here fails, so the log can't grow unchecked.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html>

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use bailiwick_audit::{
    Place, PolicyFile, Position, Rule, Subject,
    report::{Report, Unjudged, sarif},
};
use bailiwick_core::time::Timestamp;
use serde_json::Value;

/// What a property holds.
#[derive(Clone, Copy)]
enum Is {
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    Boolean,
    /// A whole number, at least this.
    Number(i64),
    Object(&'static Object),
    Array(&'static Object),
}

/// Properties with what they hold, and whether they must be there.
struct Object(&'static [(&'static str, Is, bool)]);

const LEVELS: Is = Is::Word(&["none", "note", "warning", "error"]);
/// 3.13
static LOG: Object = Object(&[
    ("$schema", Is::Text, false),
    ("version", Is::Word(&["2.1.0"]), true),
    ("runs", Is::Array(&RUN), true),
]);
/// 3.14
static RUN: Object = Object(&[
    ("tool", Is::Object(&TOOL), true),
    (
        "columnKind",
        Is::Word(&["utf16CodeUnits", "unicodeCodePoints"]),
        false,
    ),
    ("invocations", Is::Array(&INVOCATION), false),
    ("results", Is::Array(&RESULT), false),
]);
/// 3.18
static TOOL: Object = Object(&[("driver", Is::Object(&COMPONENT), true)]);
/// 3.19
static COMPONENT: Object = Object(&[
    ("name", Is::Text, true),
    ("version", Is::Text, false),
    ("semanticVersion", Is::Text, false),
    ("rules", Is::Array(&DESCRIPTOR), false),
]);
/// 3.49
static DESCRIPTOR: Object = Object(&[
    ("id", Is::Text, true),
    ("name", Is::Text, false),
    ("shortDescription", Is::Object(&MESSAGE), false),
    ("fullDescription", Is::Object(&MESSAGE), false),
    ("help", Is::Object(&MESSAGE), false),
    ("defaultConfiguration", Is::Object(&CONFIGURATION), false),
]);
/// 3.50
static CONFIGURATION: Object = Object(&[("level", LEVELS, false)]);
/// 3.11, 3.12
static MESSAGE: Object = Object(&[("text", Is::Text, true)]);
/// 3.20
static INVOCATION: Object = Object(&[
    ("executionSuccessful", Is::Boolean, true),
    (
        "toolExecutionNotifications",
        Is::Array(&NOTIFICATION),
        false,
    ),
]);
/// 3.58
static NOTIFICATION: Object = Object(&[
    ("level", LEVELS, false),
    ("message", Is::Object(&MESSAGE), true),
    ("locations", Is::Array(&LOCATION), false),
]);
/// 3.27
static RESULT: Object = Object(&[
    ("ruleId", Is::Text, false),
    ("ruleIndex", Is::Number(-1), false),
    ("level", LEVELS, false),
    ("message", Is::Object(&MESSAGE), true),
    ("locations", Is::Array(&LOCATION), false),
]);
/// 3.28
static LOCATION: Object = Object(&[("physicalLocation", Is::Object(&PHYSICAL), false)]);
/// 3.29: one of its two is there.
static PHYSICAL: Object = Object(&[
    ("artifactLocation", Is::Object(&ARTIFACT), true),
    ("region", Is::Object(&REGION), false),
]);
/// 3.4
static ARTIFACT: Object = Object(&[("uri", Is::Text, false)]);
/// 3.30
static REGION: Object = Object(&[
    ("startLine", Is::Number(1), false),
    ("startColumn", Is::Number(1), false),
]);

fn check(value: &Value, object: &Object, at: &str) {
    let entries = value
        .as_object()
        .unwrap_or_else(|| panic!("{at} is no object"));
    for (name, _, must) in object.0 {
        assert!(
            !must || entries.contains_key(*name),
            "{at}.{name} is missing"
        );
    }
    for (name, value) in entries {
        let at = format!("{at}.{name}");
        let known = object.0.iter().find(|(known, ..)| known == name);
        let (_, is, _) = known.unwrap_or_else(|| panic!("{at} is not known"));
        match is {
            Is::Text => assert!(value.is_string(), "{at}"),
            Is::Word(words) => assert!(words.contains(&value.as_str().unwrap()), "{at}: {value}"),
            Is::Boolean => assert!(value.is_boolean(), "{at}"),
            Is::Number(least) => assert!(value.as_i64().unwrap() >= *least, "{at}"),
            Is::Object(object) => check(value, object, &at),
            Is::Array(object) => {
                for (index, element) in value.as_array().unwrap().iter().enumerate() {
                    check(element, object, &format!("{at}[{index}]"));
                }
            }
        }
    }
}

#[test]
fn the_log_is_what_the_standard_says() {
    let policy = include_str!("rules/base.toml").replace("^1.2", "<3");
    let subject = Subject {
        plugin: "sample".to_owned(),
        policy: Some(PolicyFile::parse("policies/sample.toml", &policy).unwrap()),
        component: None,
        release: None,
    };
    let unjudged = Unjudged {
        place: Place {
            file: "policies/broken.toml".to_owned(),
            at: Some(Position { line: 2, column: 1 }),
        },
        reason: "it is no policy".to_owned(),
    };
    let report = Report::new(
        vec![subject],
        vec![unjudged],
        (None, None),
        Timestamp::EPOCH,
    );
    let log = sarif(&report);
    check(&log, &LOG, "log");
    let run = &log["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let result = &run["results"][0];
    assert_eq!(result["ruleId"], "BW010");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "policies/sample.toml");
    assert_eq!(place["region"]["startLine"], 5);
    // 3.27.6: the index is that of the rule with this id.
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "BW010");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), Rule::ALL.len());
}
