//! Metrics of plugins in an OpenTelemetry collector made of OpenTelemetry's own classes.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use bailiwick_needs::PythonPackages;
use bailiwick_scenarios::{Desk, Program};
use serde_json::Value;

const CLASSES: PythonPackages = PythonPackages {
    folder: "opentelemetry-proto-1.45.2",
    packages: &["opentelemetry-proto==1.45.2", "protobuf==7.36.2"],
    what: "opentelemetry-proto",
    why: "that a collector reads our metrics",
};

fn collector(desk: &Desk) -> Option<(Program, String)> {
    let python = CLASSES.python()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/metrics/collector.py");
    let mut command = Command::new(python);
    command.arg(script).arg(desk.path("repository/tls"));
    let mut collector = Program::start(&mut command);
    let line = collector.until("its port", |line| line["port"].is_u64());
    Some((collector, format!("https://127.0.0.1:{}/", line["port"])))
}

/// Metric and attributes → value, of one export.
fn values(line: &Value) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    let [of_resource] = list(&line["export"]["resourceMetrics"]) else {
        panic!("one device tells: {line}");
    };
    let [of_scope] = list(&of_resource["scopeMetrics"]) else {
        panic!("one program tells: {line}");
    };
    for metric in list(&of_scope["metrics"]) {
        let name = metric["name"].as_str().unwrap();
        let points = ["sum", "gauge"].map(|kind| list(&metric[kind]["dataPoints"]));
        for point in points.concat() {
            let number = match (&point["asInt"], &point["asDouble"]) {
                (Value::String(text), Value::Null) => text.parse().unwrap(),
                (Value::Null, number) => number.as_f64().unwrap(),
                _ => panic!("two values: {point}"),
            };
            values.insert(format!("{name}{}", attributes(&point)), number);
        }
    }
    values
}

fn attributes(of: &Value) -> String {
    let pairs = list(&of["attributes"]).iter().map(|pair| {
        let value = pair["value"]["stringValue"].as_str().unwrap();
        format!(" {}={value}", pair["key"].as_str().unwrap())
    });
    pairs.collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn metric<'a>(line: &'a Value, name: &str) -> &'a Value {
    let metrics = list(&line["export"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]);
    let found = metrics.iter().find(|metric| metric["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {line}"))
}

#[test]
fn a_collector_reads_what_plugins_have_used_once_the_settings_name_it() {
    let mut desk = Desk::new();
    let Some((mut collector, address)) = collector(&desk) else {
        return;
    };
    let _console = desk.console();
    desk.report_each_second();
    let settings = desk.settings();
    fs::write(desk.path("device.toml"), &settings).unwrap();
    let mut agent = desk.agent();
    agent.event("reported");
    let otlp = format!("{settings}otlp-url = \"{address}\"\notlp-every = \"1 s\"\n");
    fs::write(desk.path("device.toml"), otlp).unwrap();
    agent.event("settings-changed");

    // The first is put off: told in the status, and not sent again.
    let first = collector.until("an export", |line| line["put-off"] == true);
    let outage = desk.sending("metrics", |_| true);
    assert!(
        outage["reason"]
            .as_str()
            .unwrap()
            .ends_with("503: come back later"),
        "{outage}"
    );
    let second = collector.until("another export", |line| line["put-off"] == false);
    desk.sending("metrics", |line| !line["until"].is_null());
    let third = collector.until("one more export", |line| line["put-off"] == false);

    assert_eq!(second["path"], "/v1/metrics");
    assert_eq!(second["type"], "application/x-protobuf");
    assert_eq!(second["unknown"], 0, "{second}");
    let resource = attributes(&second["export"]["resourceMetrics"][0]["resource"]);
    let device = desk.device_id();
    let expected =
        format!(" service.name=bailiwick service.version=0.1.0 service.instance.id={device}");
    assert_eq!(resource, expected, "and nothing else of the device");
    let calls = metric(&second, "bailiwick.plugin.calls");
    assert_eq!(calls["unit"], "{call}");
    assert_eq!(calls["sum"]["isMonotonic"], true);
    assert_eq!(
        calls["sum"]["aggregationTemporality"],
        "AGGREGATION_TEMPORALITY_CUMULATIVE"
    );
    let resident = &metric(&second, "process.memory.usage")["sum"];
    assert!(resident["isMonotonic"].is_null(), "{resident}");
    let times = |line: &Value| {
        let point = &metric(line, "bailiwick.plugin.calls")["sum"]["dataPoints"][0];
        ["startTimeUnixNano", "timeUnixNano"]
            .map(|name| point[name].as_str().unwrap().parse::<u64>().unwrap())
    };
    let ([began, before], [still, after]) = (times(&second), times(&third));
    assert_eq!(began, still, "cumulative since the generation took over");
    assert!(began < before && before < after);
    assert!(times(&first)[0] == began);

    let (before, after) = (values(&second), values(&third));
    let of = " bailiwick.plugin.name=pressure bailiwick.plugin.version=0.2.0";
    let value = |name: &str| after[&format!("bailiwick.plugin.{name}{of}")];
    assert!(value("calls") >= 2.0 && value("host_calls") > value("calls"));
    assert_eq!((value("traps"), value("denials")), (0.0, 0.0));
    assert!(value("memory.peak") > 65_535.0 && value("output") > 0.0);
    let side = |side| after[&format!("bailiwick.plugin.time{of} bailiwick.plugin.side={side}")];
    let cpu = value("cpu.time");
    assert!(cpu > 0.0 && cpu < 5.0, "{after:?}");
    assert!(side("guest") > 0.0 && side("host") > 0.0, "{after:?}");
    assert!(after["process.cpu.time"] > 0.0 && after["process.memory.usage"] > 1e6);
    for (name, value) in &before {
        let grows = !name.starts_with("process.memory") && !name.contains("peak");
        assert!(!grows || after[name] >= *value, "{name} shrank");
    }

    // What `plugin list` shows is the same account.
    let listed = &desk.ask(&["plugin", "list"])["plugins"][0];
    let figures = &listed["figures"];
    assert!(
        figures["calls"].as_f64() >= Some(value("calls")),
        "{listed}"
    );
    assert!(figures["guest-us"].as_u64() > Some(0) && figures["host-us"].as_u64() > Some(0));
    assert_eq!(
        listed["since"].as_u64(),
        Some(began / 1_000_000),
        "{listed}"
    );

    // Who watches is told of each change, and of nothing else.
    let mut watching = desk.follow(&["plugin", "list", "--watch"]);
    let calls = |line: &Value| line["plugins"][0]["figures"]["calls"].as_u64();
    let first = watching.until("the plugins", |line| line["answer"] == "plugins");
    let next = watching.until("a change", |line| calls(line) > calls(&first));
    assert_eq!(next["plugins"][0]["plugin"], "pressure", "{next}");
    watching.stop();

    // Nothing goes out once they name none.
    fs::write(desk.path("device.toml"), settings).unwrap();
    agent.event("settings-changed");
    agent.stop();
}
