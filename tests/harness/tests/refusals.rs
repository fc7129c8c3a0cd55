//! What must be refused: one folder each in `tests/cases`, named `<kind>-<what is wrong>`,
//! with the input and the text that a person gets to read. A document is `input.toml`, rows
//! are `input.hex`, a token is `input.txt`, a component is `input.wat` with the `policy.toml` that judges it, and
//! metadata is `attack.toml`: what is done to a repository before a device reads it.
//!
//! Beside the text it is held that a refused device is what it was: see `metadata` here for
//! what a repository brings, and the test `device` for what the agent would start.
//!
//! `BLESS=1 cargo test -p bailiwick-harness --test refusals` writes the texts anew; read
//! the difference before you commit it.

use std::{fs, path::Path, sync::Arc};

use bailiwick_core::{
    assignment::Assignment, audit, enrolment::Token, policy::Policy, release::Release,
    revocation::Revocations, time::Timestamp,
};
use bailiwick_harness::{attack::Attack, scene};
use bailiwick_report::{
    rows::Snapshot,
    schema::{Collection, Field, Kind, Privacy, Schema},
};

const FEWEST: usize = 100;

/// The day on which components are judged: 2026-11-23.
const TODAY: Timestamp = Timestamp::from_ms(1_795_392_000_000);

/// The text of the refusal; none if what is in `folder` was accepted.
fn refusal(case: &str, folder: &Path) -> Option<String> {
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect(file);
    let (kind, _) = case.split_once('-').expect("a case is <kind>-<what>");
    let file = "input.toml";
    match kind {
        "policy" => text(Policy::parse(file, &read(file))),
        "release" => text(Release::parse(file, &read(file))),
        "token" => text(read("input.txt").trim_end().parse::<Token>()),
        "assignment" => text(Assignment::parse(file, &read(file))),
        "revocation" => text(Revocations::parse(file, &read(file))),
        "buffer" => text(Snapshot::decode(schema(), &bytes(&read("input.hex")))),
        "metadata" => metadata(&read("attack.toml")),
        "component" => component(&read("input.wat"), &read("policy.toml")),
        other => panic!("{case}: no kind is called `{other}`"),
    }
}

/// Digests and key ids are new in every run: they stand as `<sha256>` in the texts.
fn without_digests(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split(' ') {
        let bare = word.trim_end_matches([',', ':', ';']);
        let digest = bare.len() == 64 && bare.bytes().all(|b| b.is_ascii_hexdigit());
        words.push(match digest {
            true => word.replace(bare, "<sha256>"),
            false => word.to_owned(),
        });
    }
    words.join(" ")
}

fn text<T, E: ToString>(result: Result<T, E>) -> Option<String> {
    result.err().map(|error| error.to_string())
}

/// What a device says to an attack, which leaves it with what it had: the accepted set and
/// the targets to the byte, and of its metadata only what the case says that it may learn.
fn metadata(attack: &str) -> Option<String> {
    let attack: Attack = toml::from_str(attack).expect("attack.toml");
    let outcome = scene::play(&attack);
    assert!(outcome.accepted_stays, "{}", attack.about);
    let learns: Vec<&str> = attack.learns.iter().map(String::as_str).collect();
    assert_eq!(outcome.changed, learns, "{}", attack.about);
    let never = |name: &&&str| name.starts_with("accepted") || name.starts_with("targets");
    assert_eq!(learns.iter().find(never), None, "{}", attack.about);
    outcome.refusal.as_deref().map(without_digests)
}

/// What stands against starting a component under a policy.
fn component(source: &str, policy: &str) -> Option<String> {
    let component = wat::parse_str(source).expect("input.wat");
    let policy = Policy::parse("policy.toml", policy).expect("policy.toml");
    let inspection = match bailiwick_audit::inspect(&component) {
        Ok(inspection) => inspection,
        Err(error) => return Some(error.to_string()),
    };
    let verdict = audit::verdict(&inspection.component_imports(), &policy, TODAY);
    let refusals: Vec<_> = verdict.refusals().map(ToString::to_string).collect();
    (!refusals.is_empty()).then(|| refusals.join("\n"))
}

/// Two collections: one of a single row, one with a key.
fn schema() -> Arc<Schema> {
    let field = |name, kind| Field::new(name, kind, "", 0, Privacy::None).expect("a field");
    let single = vec![
        field("name", Kind::Text),
        field("virtual", Kind::Boolean),
        field("cores", Kind::Unsigned),
    ];
    let keyed = vec![field("package", Kind::Text), field("version", Kind::Text)];
    let collections = vec![
        Collection::new("machine", 0, single).expect("a collection"),
        Collection::new("software", 1, keyed).expect("a collection"),
    ];
    Arc::new(Schema::new(collections).expect("a schema"))
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.trim()
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
        })
        .collect()
}

#[test]
fn each_case_is_refused_in_its_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases");
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&folder).expect("tests/cases") {
        let path = entry.expect("an entry").path();
        let case = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        let Some(error) = refusal(&case, &path) else {
            wrong.push(format!("{case}: accepted"));
            continue;
        };
        cases += 1;
        let expected = path.join("error.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, format!("{error}\n")).expect("error.txt");
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if expected.trim_end() != error {
            wrong.push(format!(
                "{case}:\n  expected {}\n  got      {error}",
                expected.trim_end()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(
        cases >= FEWEST,
        "{cases} cases, at least {FEWEST} are promised"
    );
}
