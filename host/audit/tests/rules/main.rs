//! Each rule, by cases of its own: what it finds, word for word and with its place, and what
//! it passes over. A case changes a policy and a component in which nothing is found, so
//! whatever another rule finds in it is seen as well.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{fs, path::PathBuf};

use bailiwick_audit::{
    Component, Known, PolicyFile, Release, Rule, Signers, Subject, inspect, judge,
    record::{DeviceLog, LogEntry, Record},
};
use bailiwick_core::{chain::Whole, ids::DeviceId, release::World, time::Timestamp};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    name: String,
    /// What is written in place of what, each once.
    #[serde(default)]
    policy: Vec<(String, String)>,
    #[serde(default)]
    component: Vec<(String, String)>,
    #[serde(default)]
    without_component: bool,
    at: Option<toml::value::Datetime>,
    signers: Option<Keys>,
    release: Option<Released>,
    /// What a device's log tells, each as JSON with the day on which it did.
    record: Option<Vec<(u64, String)>>,
    finds: Vec<String>,
}

/// The record of one device with these entries.
fn record(told: &[(u64, String)]) -> Record {
    let entry = |(day, event): &(u64, String)| LogEntry {
        number: 0,
        at: Timestamp::from_ms(day * 86_400_000),
        event: serde_json::from_str(event).unwrap_or_else(|error| panic!("{event}: {error}")),
    };
    let mut record = Record::new("logs");
    record.take(&DeviceLog {
        device: DeviceId::from_bytes([7; 16]),
        whole: Whole {
            entries: told.len() as u64,
            made_room: None,
            head: None,
        },
        is_held: false,
        entries: told.iter().map(entry).collect(),
    });
    record
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    policies: Vec<String>,
    publisher: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Released {
    version: String,
    assigned: bool,
    forbidden: Option<String>,
}

impl Case {
    fn findings(&self) -> Vec<String> {
        let policy = changed(include_str!("base.toml"), &self.policy, &self.name);
        let policy = PolicyFile::parse("base.toml", &policy)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let component = changed(include_str!("base.wat"), &self.component, &self.name);
        let inspection = inspect(&wat::parse_str(component).unwrap()).unwrap();
        let signers = self.signers.as_ref().map(|keys| Signers {
            policies: keys.policies.clone(),
            components: keys
                .publisher
                .iter()
                .map(|role| (inspection.sha256, role.clone()))
                .collect(),
            roles: Vec::new(),
        });
        let subject = Subject {
            plugin: "sample".to_owned(),
            policy: Some(policy),
            component: (!self.without_component).then(|| Component {
                file: "base.wasm".to_owned(),
                inspection,
            }),
            release: self.release.as_ref().map(|release| Release {
                forbidden: release.forbidden.clone(),
                version: release.version.parse().unwrap(),
                world: World::Collector,
                role: "vendor-acme".to_owned(),
                signed_by: Vec::new(),
                assigned: release.assigned.then(|| "to all devices".to_owned()),
                changes: None,
            }),
        };
        let record = self.record.as_deref().map(record);
        let known = Known {
            signers: signers.as_ref(),
            deeds: record.as_ref().and_then(|record| record.of("sample")),
        };
        judge(&subject, known, self.now())
            .into_iter()
            .map(|finding| format!("{} {} {}", finding.rule.id(), finding.place, finding.text))
            .collect()
    }

    fn now(&self) -> Timestamp {
        self.at.as_ref().map_or(Timestamp::EPOCH, |at| {
            let date = at.date.unwrap();
            Timestamp::start_of_day(date.year, date.month, date.day).unwrap()
        })
    }
}

fn changed(text: &str, changes: &[(String, String)], case: &str) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from.as_str()).count(), 1, "{case}: {from}");
        text.replacen(from, to, 1)
    })
}

#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    for rule in Rule::ALL {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/rules")
            .join(format!("{}.toml", rule.id()));
        let text = fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{} has no cases: {error}", rule.id()));
        let cases: Cases = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        for case in &cases.case {
            assert_eq!(case.findings(), case.finds, "{}: {}", rule.id(), case.name);
        }
        let finds = |case: &&Case| case.finds.iter().any(|found| found.starts_with(rule.id()));
        let found = cases.case.iter().filter(finds).count();
        assert!(found > 0, "{} is never found", rule.id());
        assert!(found < cases.case.len(), "{} is always found", rule.id());
    }
}
