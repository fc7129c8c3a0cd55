//! Documents that must be refused: one folder each in `tests/cases`, named
//! `<document>-<what is wrong>`, with the document and the text that a person gets to read.
//!
//! `BLESS=1 cargo test -p bailiwick-harness --test refusals` writes the texts anew; read
//! the difference before you commit it.

use std::{fs, path::Path};

use bailiwick_core::{
    assignment::Assignment, policy::Policy, release::Release, revocation::Revocations,
};

const FEWEST: usize = 30;

fn refusal(case: &str, text: &str) -> Option<String> {
    let file = "input.toml";
    let (document, _) = case
        .split_once('-')
        .expect("a case is named <document>-<what>");
    match document {
        "policy" => Policy::parse(file, text)
            .err()
            .map(|error| error.to_string()),
        "release" => Release::parse(file, text)
            .err()
            .map(|error| error.to_string()),
        "assignment" => Assignment::parse(file, text)
            .err()
            .map(|error| error.to_string()),
        "revocation" => Revocations::parse(file, text)
            .err()
            .map(|error| error.to_string()),
        other => panic!("{case}: no document is called `{other}`"),
    }
}

#[test]
fn each_document_is_refused_in_the_words_of_its_case() {
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
        let text = fs::read_to_string(path.join("input.toml")).expect("input.toml");
        let Some(error) = refusal(&case, &text) else {
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
