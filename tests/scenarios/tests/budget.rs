//! What the agent itself may use.

#![cfg(target_os = "linux")]

use std::fs;

use bailiwick_needs::{Login, own_uid};
use bailiwick_scenarios::Desk;
use serde_json::Value;

fn every(span: &'static str) -> impl Fn(&str) -> String {
    move |line| match line.split_once(" = ") {
        Some(("every", _)) => format!("every = \"{span}\""),
        Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
        Some(("file-every", _)) => "file-every = \"5 s\"".to_owned(),
        _ => line.to_owned(),
    }
}

fn is_budget(line: &Value) -> bool {
    line["event"] == "budget"
}

#[test]
fn an_agent_over_its_budget_calls_less_often_and_says_so() {
    let mut desk = Desk::new();
    let _console = desk.console();
    let settings = desk.settings();
    let set = |desk: &Desk, cpu: &str, memory: &str| {
        let budget = format!("cpu-budget = \"{cpu}\"\nmemory-budget = \"{memory}\"\n");
        fs::write(desk.path("device.toml"), settings.clone() + &budget).unwrap();
    };
    // 6 ms a minute.
    set(&desk, "0.01 %", "1 GB");
    for (plugin, version, span) in [
        ("pressure", "0.2.0", "1 s"),
        ("inventory", "0.1.0", "10 min"),
    ] {
        desk.publish(plugin, version);
        desk.policy(plugin, every(span));
        desk.assign(plugin, version);
    }
    let analyzer = "session-analyzer";
    desk.publish_of("session-collector", analyzer, "0.1.0");
    desk.policy(analyzer, every("1 s"));
    desk.assign(analyzer, "0.1.0");
    let mut agent = desk.agent_without_bus();
    let told = agent.until("that the processor is used too much", is_budget);
    assert_eq!(told["stretch"], 2, "{told}");
    assert!(told["cpu-basis-points"].as_u64() > Some(1), "{told}");
    assert!(told["resident-bytes"].as_u64() > Some(1_000_000), "{told}");
    assert_eq!(told["short-of-memory"], false);
    let (_, words) = desk.try_ask(&["status"]);
    assert!(words.contains("of 0.01 %; "), "{words}");
    assert!(words.contains("; sampling 2 times less often"), "{words}");
    agent.stop();
    let log = desk.lines(&["log"]);
    let sent = log.iter().any(|line| is_budget(&line["event"]));
    assert!(sent, "it is among the events that the console gets");

    // No process is as small.
    set(&desk, "100 %", "1 MB");
    let mut agent = desk.agent_without_bus();
    agent.until("a report of what is called once in ten minutes", |line| {
        line["event"] == "reported" && line["plugin"] == "inventory"
    });
    let told = match agent.passed("budget").cloned() {
        Some(told) => told,
        None => agent.until("that memory is short", is_budget),
    };
    assert_eq!(told["short-of-memory"], true, "{told}");
    let listed = |plugin: &str| {
        let list = desk.ask(&["plugin", "list"])["plugins"].clone();
        let all = list.as_array().expect("a list").clone();
        let found = all.into_iter().find(|one| one["plugin"] == plugin);
        found.expect("it runs")
    };
    let status = || desk.ask(&["status"]);
    // Whoever asks wakes it, which sees what became of its interval.
    listed("inventory");
    let inventory = listed("inventory");
    let due = inventory["next"].as_u64().expect("it is called again");
    let minutes = due.saturating_sub(status()["started"].as_u64().expect("a time")) / 60_000;
    assert!((19..=21).contains(&minutes), "{inventory}");
    assert_eq!(inventory["timing"]["missed"], 0);
    assert_eq!(status()["budget"]["short-of-memory"], true);
    if Login::is_possible("that instances of sessions are not kept while memory is short") {
        let login = Login::of(own_uid(0)).expect("it is possible");
        agent.opened(&login);
        agent.until("samples of instances that rested between them", |line| {
            line["event"] == "reported" && line["kind"] == "file"
        });
        let analyzer = listed(analyzer);
        let calls = |of: &str| analyzer[of]["calls"].as_u64().unwrap_or_default();
        let samples = calls("timing");
        assert!(samples >= 1, "{analyzer}");
        // Each is of an instance that was started and loaded, and saved afterwards.
        assert!(calls("figures") >= 3 * samples, "{analyzer}");
        assert_eq!(analyzer["timing"]["failed"], 0, "{analyzer}");
    }
    agent.stop();
}
