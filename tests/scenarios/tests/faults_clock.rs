//! A device whose wall clock jumps. Calls, retries and pauses go by a clock that does not;
//! what the wall clock is for (the times in reports, the expiry of signatures) follows it.

#![cfg(target_os = "linux")]

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use bailiwick_scenarios::{Desk, Program};
use serde_json::Value;

/// For something to come about on a machine that builds meanwhile.
const SOON: Duration = Duration::from_secs(120);
/// Reports that are awaited after each jump, one a second.
const AFTER: u64 = 4;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A device that reports every second, and whose wall clock is moved by a file.
struct Device {
    desk: Desk,
    console: Option<Program>,
    agent: Program,
    begun: Instant,
    /// Counter of the last report that is known.
    last: u64,
}

impl Device {
    fn begin() -> Option<Self> {
        let faketime = bailiwick_needs::program("faketime")?;
        // The library is where the distribution has it; the program knows.
        let told = Command::new(faketime)
            .args(["-m", "-f", "+0", "sh", "-c", "echo $LD_PRELOAD"])
            .output()
            .expect("the program starts");
        let library = String::from_utf8_lossy(&told.stdout).trim().to_owned();
        let mut desk = Desk::new();
        let console = Some(desk.console());
        desk.publish("pressure", "0.2.0");
        desk.policy("pressure", |line| match line.split_once(" = ") {
            Some(("every", _)) => "every = \"1 s\"".to_owned(),
            Some(("jitter", _)) => "jitter = \"0 s\"".to_owned(),
            _ => line.to_owned(),
        });
        desk.assign("pressure", "0.2.0");
        fs::write(desk.path("device.toml"), desk.settings()).expect("the folder is ours");
        fs::write(desk.path("clock"), "+0").expect("the folder is ours");
        let begun = Instant::now();
        let agent = desk.agent_under_clock(&library, &desk.path("clock"), &desk.path("errors"));
        let mut device = Self {
            desk,
            console,
            agent,
            begun,
            last: 0,
        };
        device.agent.event("delivered");
        Some(device)
    }

    /// Moves the clock by `offset` from what it really is, all at once.
    fn jump(&self, offset: &str) {
        let (new, clock) = (self.desk.path("clock.new"), self.desk.path("clock"));
        fs::write(&new, offset).expect("the folder is ours");
        fs::rename(&new, &clock).expect("the folder is ours");
    }

    /// Waits until the agent has said that the clock was set, and by which days.
    fn says_that_it_was_set(&mut self, days: i64) {
        let told = self.agent.event("clock-set");
        let moved = time_of(&told, "to") - time_of(&told, "from");
        let around = days * DAY_MS as i64;
        assert!((moved - around).abs() < 60_000, "{told}");
        let status = self.desk.ask(&["status"]);
        assert_eq!(status["clock-set"]["to"], told["to"], "{status}");
    }

    /// Waits for some reports, and looks that they are as many as the seconds allow.
    fn goes_on(&mut self) {
        let first = self.reported();
        let after = first + AFTER;
        self.agent.until("reports after the jump", |line| {
            line["event"] == "reported" && line["counter"] == after
        });
        self.last = after;
        // Whatever was late, a grid of seconds has no more due times than that; one call may
        // be asked for besides.
        let most = self.begun.elapsed().as_secs() + 3;
        assert!(after <= most, "{after} reports in {most} s: a storm");
    }

    fn reported(&mut self) -> u64 {
        let made = self.agent.event("reported");
        made["counter"].as_u64().expect("a number")
    }

    /// The times of all reports in the console, in the order of their counters; each counter
    /// until the last one that was awaited is there once.
    fn everything_is_there_once(&mut self) -> Vec<u64> {
        let end = self.reported();
        let ends = format!("-{end}");
        self.agent.until("what was made last", |line| {
            line["event"] == "delivered"
                && line["key"].as_str().is_some_and(|key| key.ends_with(&ends))
        });
        let reports = self.desk.reports(&["--plugin", "pressure"]);
        let mut stored: Vec<_> = reports
            .iter()
            .filter_map(|report| Some((report["counter"].as_u64()?, time(report))))
            .filter(|(counter, _)| *counter <= end)
            .collect();
        stored.sort_unstable();
        let counters: Vec<_> = stored.iter().map(|(counter, _)| *counter).collect();
        assert_eq!(counters, Vec::from_iter(0..=end), "each is there once");
        stored.into_iter().map(|(_, at)| at).collect()
    }

    fn ends_well(mut self) {
        for event in ["call-failed", "went-back", "dropped"] {
            assert_eq!(self.agent.count(event), 0, "{:?}", self.agent.passed(event));
        }
        self.agent.stop();
        let errors: PathBuf = self.desk.path("errors");
        let errors = fs::read_to_string(errors).expect("the folder is ours");
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

fn time_of(value: &Value, field: &str) -> i64 {
    value[field].as_i64().expect("a time")
}

fn time(report: &Value) -> u64 {
    report["taken-ms"].as_u64().unwrap_or_default()
}

#[test]
fn a_clock_that_jumps_days_ahead_and_back_loses_nothing_and_storms_nothing() {
    let Some(mut device) = Device::begin() else {
        return;
    };
    for (offset, days) in [("+2d", 2), ("-2d", -4), ("+40d", 42), ("+0", -40)] {
        // What waits for the console waits across the jump, even where it looks older than
        // the outbox keeps anything.
        device.console = None;
        device.reported();
        device.jump(offset);
        device.says_that_it_was_set(days);
        device.goes_on();
        device.console = Some(device.desk.console());
    }
    let status = device.desk.ask(&["status"]);
    assert_eq!(
        status["clock-set"]["times"], 4,
        "each jump, and nothing else"
    );
    let times = device.everything_is_there_once();
    let largest = |forward: bool| {
        let jumps = times.windows(2).map(|two| match forward {
            true => two[1].saturating_sub(two[0]),
            false => two[0].saturating_sub(two[1]),
        });
        jumps.max().unwrap_or_default()
    };
    assert!(largest(true) > DAY_MS, "the clock was moved ahead");
    assert!(largest(false) > 3 * DAY_MS, "the clock was moved back");
    let update = device.desk.ask(&["update", "refresh"]);
    assert_eq!(update["failure"], "", "{update}");
    device.ends_well();
}

#[test]
fn what_runs_goes_on_while_the_clock_says_that_every_signature_has_expired() {
    let Some(mut device) = Device::begin() else {
        return;
    };
    // A timestamp holds for a week.
    device.jump("+8d");
    device.desk.fails_to_refresh();
    let begun = Instant::now();
    let failure = loop {
        let status = device.desk.ask(&["update", "status"]);
        let failure = status["failure"].as_str().unwrap_or_default().to_owned();
        if !failure.is_empty() {
            break failure;
        }
        assert!(begun.elapsed() < SOON, "{status}");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(failure.contains("expired"), "{failure}");
    device.goes_on();
    assert_eq!(device.desk.ask(&["status"])["running"], 1);
    device.jump("+0");
    let update = device.desk.ask(&["update", "refresh"]);
    assert_eq!(update["failure"], "", "{update}");
    device.everything_is_there_once();
    device.ends_well();
}
