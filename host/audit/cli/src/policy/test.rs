//! `bailiwick-audit policy test`.

use std::path::{Path, PathBuf};

use bailiwick_audit::visible;
use bailiwick_core::{
    policy::{Case, Effect, Policy},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{Answer, Code, read};

/// Tries the cases of each of `files`; those that name no day at `now`. A file that can't be
/// read is told, and the others are tried.
pub(super) fn test(files: &[PathBuf], now: Timestamp) -> Answer {
    let mut all = Answer {
        text: String::new(),
        json: Value::Null,
        code: Code::Good,
    };
    let mut objects = Vec::new();
    for path in files {
        let tried = of_file(path, now);
        all.text.push_str(&tried.text);
        all.code = all.code.max(tried.code);
        objects.push(tried.json);
    }
    all.json = json!({ "holds": all.code == Code::Good, "files": objects });
    all
}

fn of_file(path: &Path, now: Timestamp) -> Answer {
    let file = path.display().to_string();
    let unjudged = |error: String| Answer {
        text: format!("error: {}\n", visible(&error)),
        json: json!({ "file": file, "error": error }),
        code: Code::NotJudged,
    };
    let policy = match read::policy(path) {
        Ok(policy) => policy,
        Err(error) => return unjudged(format!("{error:#}")),
    };
    if policy.cases.is_empty() {
        return unjudged(format!(
            "{file} names no case: write some as `[[case]]`; `policy test --help` has one"
        ));
    }
    let failing = policy.failing_cases(now);
    let mut text = String::new();
    let mut failures = Vec::new();
    for case in &failing {
        let why = why(&policy, case, now);
        let reason = match &case.reason {
            Some(reason) => format!(" ({reason})"),
            None => String::new(),
        };
        let told = format!("{file}:{}: {}: {why}{reason}", case.line, case.call);
        text.push_str(&format!("{}\n", visible(&told)));
        failures.push(json!({
            "file": file,
            "line": case.line,
            "call": case.call.to_string(),
            "expected": word(case.expect),
            "why": why,
        }));
    }
    let (cases, failed) = (policy.cases.len(), failing.len());
    let summary = match failed {
        0 => format!("{file}: all {cases} cases hold\n"),
        _ => format!("{file}: {failed} of {cases} cases do not hold\n"),
    };
    text.push_str(&visible(summary.trim_end()));
    text.push('\n');
    Answer {
        text,
        json: json!({ "file": file, "cases": cases, "failures": failures }),
        code: match failed {
            0 => Code::Good,
            _ => Code::Bad,
        },
    }
}

const fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    }
}

fn why(policy: &Policy, case: &Case, now: Timestamp) -> String {
    let explanation = policy.explain(&case.call, case.on.unwrap_or(now));
    match &explanation.answer {
        Err(refusal) => format!("expected to be allowed, and is refused: {refusal}"),
        Ok(_) => {
            let by: Vec<_> = explanation
                .allowing()
                .map(|grant| grant.source.to_string())
                .collect();
            format!(
                "expected to be denied, and is allowed by {}",
                by.join(" and ")
            )
        }
    }
}
