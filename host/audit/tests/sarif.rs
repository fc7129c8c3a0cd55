//! What SARIF 2.1.0 asks for and its schema can't say; `cli/tests/sarif` holds what is printed
//! against the schema.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html>

use bailiwick_audit::{
    Place, PolicyFile, Position, Rule, Subject,
    report::{Report, Unjudged, sarif},
};
use bailiwick_core::time::Timestamp;

#[test]
fn places_rules_and_success_are_what_the_standard_says() {
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
    let run = &log["runs"][0];
    // 3.20.14: what could not be judged is no success.
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
