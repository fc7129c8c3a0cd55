//! What is told of a run, as JSON within the contract's bound.

use bailiwick_sdk::exec::{Ended, Outcome};
use serde::Serialize;

/// Longest answer: the contract's 64 KiB with room for what is not text.
const LONGEST: usize = 60 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_status: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<u8>,
    timed_out: bool,
    output: String,
    output_cut: bool,
    errors: String,
    errors_cut: bool,
    elapsed_ms: u64,
    cpu_ms: u64,
}

/// A JSON object. What is not UTF-8 in the output is replaced; what does not fit is cut,
/// and marked as cut.
pub(crate) fn text(outcome: &Outcome) -> String {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut told = Told {
        exit_status: match outcome.ended {
            Ended::Exited(status) => Some(status),
            _ => None,
        },
        signal: match outcome.ended {
            Ended::Signal(signal) => Some(signal),
            _ => None,
        },
        timed_out: outcome.ended == Ended::TimedOut,
        output: lossy(&outcome.output),
        output_cut: outcome.output_cut,
        errors: lossy(&outcome.errors),
        errors_cut: outcome.errors_cut,
        elapsed_ms: outcome.elapsed_ms,
        cpu_ms: outcome.cpu_ms,
    };
    loop {
        // Escapes make it longer, by how much shows only when it is written.
        let text = serde_json::to_string(&told).unwrap_or_default();
        if text.len() <= LONGEST {
            return text;
        }
        told.output_cut |= halve(&mut told.output);
        told.errors_cut |= halve(&mut told.errors);
    }
}

/// Keeps the beginning. Whether anything went.
fn halve(text: &mut String) -> bool {
    let mut length = text.len() / 2;
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    let cut = length < text.len();
    text.truncate(length);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_marked() {
        let outcome = Outcome {
            ended: Ended::TimedOut,
            output: vec![0; 64 * 1024],
            output_cut: false,
            errors: b"e".to_vec(),
            errors_cut: false,
            elapsed_ms: 1,
            cpu_ms: 0,
        };
        let text = text(&outcome);
        assert!(text.len() <= LONGEST);
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&told["timed-out"], &told["output-cut"]),
            (&true.into(), &true.into())
        );
        assert!(told.get("exit-status").is_none());
    }
}
