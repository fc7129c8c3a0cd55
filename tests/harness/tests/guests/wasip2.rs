//! Guests that bring WASI along find clocks, random numbers and a log, and nothing else.

use std::{collections::BTreeMap, fs, io, net::TcpListener};

use bailiwick_audit::{inspect, render};
use bailiwick_core::{audit::verdict, ports::LogLevel, time::Timestamp};
use bailiwick_harness::guest::{Guest, Target, Tried};
use bailiwick_report::rows::Value;

const TODAY: Timestamp = Timestamp::from_ms(1_795_392_000_000);

/// What came of each attempt that the guest reports.
fn outcomes(tried: &Tried) -> BTreeMap<String, String> {
    let text = |value: Option<Value<'_>>| match value {
        Some(Value::Text(text)) => text.to_owned(),
        other => panic!("{other:?}"),
    };
    tried
        .told
        .rows()
        .unwrap()
        .rows(0)
        .map(|row| (text(row.get(0)), text(row.get(1))))
        .collect()
}

pub(crate) async fn print(name: &str) {
    let guest = Guest::build(name, Target::Wasip2);
    let tried = guest.run().await;
    let outcomes = outcomes(&tried);
    let outcome = |what: &str| outcomes[what].as_str();

    assert_eq!(outcome("arguments"), "0");
    assert_eq!(outcome("variables"), "0");
    assert_eq!(outcome("path"), "None");
    let seconds: u64 = outcome("seconds").parse().unwrap();
    assert!(seconds > 1_735_689_600, "{seconds} is before 2025");
    assert_eq!(outcome("elapsed"), "true");
    assert_eq!(outcome("random"), "true");

    // The files are there, and the guest does not get at them: errors, and no trap.
    assert!(fs::exists("/etc/passwd").unwrap());
    for what in ["read", "read-relative", "write", "list", "list-here"] {
        let refusal = outcome(what);
        assert!(
            ["NotFound", "PermissionDenied", "Uncategorized"].contains(&refusal),
            "{what}: {refusal}"
        );
    }
    assert!(!fs::exists("/tmp/bailiwick-guest").unwrap());

    printed(&tried);
    audited(&guest, &[]);
}

/// What it prints is logged, to the limit of its policy, 20 lines a call.
fn printed(tried: &Tried) {
    let lines: Vec<(LogLevel, &str)> = tried
        .log
        .iter()
        .map(|(level, line)| (*level, line.as_str()))
        .collect();
    assert_eq!(lines.len(), 21, "{lines:?}");
    assert_eq!(lines[0], (LogLevel::Warn, "to standard error"));
    assert_eq!(lines[1], (LogLevel::Info, "line 0"));
    assert_eq!(lines[19], (LogLevel::Info, "line 18"));
    assert!(
        lines[20]
            .1
            .starts_with("81 lines of this call were dropped")
    );
    assert_eq!(tried.usage.log_lines_dropped, 81);
}

/// The audit names each interface of WASI that it imports, and refuses those that begin
/// with one of `refused`, and no other.
fn audited(guest: &Guest, refused: &[&str]) {
    let inspection = inspect(&guest.bytes()).unwrap();
    let policy = guest.read_policy();
    let verdict = verdict(&inspection.component_imports(), &policy, TODAY);
    let said: Vec<String> = verdict.refusals().map(ToString::to_string).collect();
    // As `bailiwick plugin inspect` prints it.
    let shown = render(&inspection, Some(&verdict));
    let wasi: Vec<&String> = guest
        .built
        .imports
        .iter()
        .filter(|import| import.starts_with("wasi:"))
        .collect();
    assert!(!wasi.is_empty(), "it was to import WASI");
    for import in wasi {
        let (interface, _) = import.split_once('#').unwrap();
        assert!(shown.contains(interface), "{interface} is not in: {shown}");
        let is_refused = refused.iter().any(|begin| interface.starts_with(begin));
        assert_eq!(
            said.iter().any(|line| line.contains(interface)),
            is_refused,
            "{interface}: {said:?}"
        );
    }
    assert_eq!(said.is_empty(), refused.is_empty(), "{said:?}");
}

pub(crate) async fn socket(name: &str) {
    let mut guest = Guest::build(name, Target::Wasip2);
    // Somebody listens, and nobody ever comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(&guest.policy).unwrap();
    guest.policy = folder.path().join("policy.toml");
    fs::write(&guest.policy, text.replace("127.0.0.1:1", &address)).unwrap();

    let tried = guest.run().await;
    for (what, outcome) in outcomes(&tried) {
        assert!(
            ["PermissionDenied", "Uncategorized", "Other"].contains(&outcome.as_str()),
            "{what}: {outcome}"
        );
    }
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);

    audited(&guest, &["wasi:sockets/"]);
}
