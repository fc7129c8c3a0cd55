//! What goes wrong between a device and its console, one after the other. After each
//! everything that was produced is in the console exactly once, and the agent has said in one
//! line what was wrong.

#![cfg(unix)]

use std::{fs, net::SocketAddr, time::Duration};

use bailiwick_scenarios::{Desk, Front, Manner, Program, says};
use serde_json::Value;

const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 4\r\nContent-Length: 0\r\n\
                    Connection: close\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\
                      Connection: close\r\n\r\noops";
const CAPTIVE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 27\r\n\
                       Connection: close\r\n\r\n<html>Please log in.</html>";

/// A device that reports every second through a front.
struct Story {
    desk: Desk,
    _console: Program,
    agent: Program,
    front: Front,
}

impl Story {
    fn begin() -> Self {
        let mut desk = Desk::new();
        let console = desk.console();
        desk.report_each_second();
        let behind: SocketAddr = desk.address().parse().expect("an address");
        let front = Front::new(&desk.path("repository/tls"), behind);
        let settings = desk.settings();
        let lines = settings.lines().map(|line| match line.split_once(" = ") {
            Some(("report-url", _)) => format!("report-url = \"https://{}/\"\n", front.address()),
            _ => format!("{line}\n"),
        });
        let settings: String = lines.collect();
        fs::write(desk.path("device.toml"), settings).expect("the folder is ours");
        let mut agent = desk.agent();
        agent.event("delivered");
        Self {
            desk,
            _console: console,
            agent,
            front,
        }
    }

    /// Waits until `status` names `words` as what is wrong with reports now.
    fn is_wrong(&self, words: &str) -> Value {
        self.desk.is_wrong("reports", words)
    }

    fn is_mended(&mut self) {
        self.front.turns(Manner::Forward);
        self.desk.everything_is_there_once(&mut self.agent);
        let status = self.desk.ask(&["status"]);
        let over = |one: &Value| one["what"] != "reports" || !one["until"].is_null();
        let sending = status["sending"].as_array().cloned().unwrap_or_default();
        assert!(sending.iter().all(over), "{sending:?}");
    }
}

#[test]
fn a_console_that_asks_to_wait_is_left_alone_for_so_long() {
    let mut story = Story::begin();
    story.front.turns(Manner::Answer(BUSY));
    story.is_wrong("429");
    for request in ["POST /v1/reports ", "GET /v1/actions/"] {
        let asked = story.front.until_answered(request, 2);
        let pause = asked[1] - asked[0];
        assert!(
            pause >= Duration::from_millis(3_900),
            "{request}: {pause:?}"
        );
    }
    story.is_mended();
}

#[test]
fn a_server_error_is_no_receipt() {
    let mut story = Story::begin();
    story.front.turns(Manner::Answer(BROKEN));
    story.is_wrong("500");
    story.is_mended();
}

#[test]
fn a_captive_page_that_answers_200_is_no_receipt() {
    let mut story = Story::begin();
    story.front.turns(Manner::Answer(CAPTIVE));
    story.is_wrong("200 without a receipt");
    story.is_mended();
}

#[test]
fn a_half_open_connection_is_given_up() {
    let mut story = Story::begin();
    story.front.turns(Manner::Silent);
    story.is_wrong("did not answer in time");
    story.is_mended();
}

#[test]
fn one_report_that_the_console_fails_at_holds_up_nothing_and_is_not_lost() {
    let mut story = Story::begin();
    story
        .front
        .turns(Manner::FailAtOne("POST /v1/reports ", BROKEN));
    story.is_wrong("500");
    // It is tried for a minute before another one is; then the rest follows, and what was a
    // difference to it makes the console ask for a full report.
    let wrong = story.desk.is_wrong("some reports", "is passed over");
    let failing = story.front.failing().expect("one that fails");
    assert!(says(&wrong, &failing), "{wrong}");
    story.agent.until("a full report", |line| {
        line["event"] == "reported" && line["kind"] == "full"
    });
    story.agent.event("delivered");
    let tries = story.front.answered("POST /v1/reports ").len();
    assert!(tries >= 5, "{tries}");
    // What it failed at arrives once the console is mended, and nothing is there twice.
    story.front.turns(Manner::Forward);
    story.agent.until("its receipt", |line| {
        line["event"] == "delivered" && line["key"] == failing.as_str()
    });
    let shown = story.desk.ask(&["outbox", "show", "--key", &failing]);
    assert_eq!(shown["sent"][0]["confirmed"]["by"], "receipt", "{shown}");
    let made = story.agent.event("reported");
    let ends = format!("-{}", made["counter"]);
    story.agent.until("what was made last", |line| {
        let key = line["key"].as_str();
        line["event"] == "delivered" && key.is_some_and(|key| key.ends_with(&ends))
    });
    let stored = story.desk.reports(&["--plugin", "pressure"]);
    let mut keys: Vec<_> = stored.iter().map(|one| one["key"].to_string()).collect();
    assert!(keys.iter().any(|key| key.contains(&failing)), "{keys:?}");
    let many = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), many, "each is there once");
    let outbox = &story.desk.ask(&["status"])["outbox"];
    let lost = [&outbox["reports"]["dropped"], &outbox["given-up"]];
    assert_eq!(lost, [0, 0], "{outbox}");
}

#[test]
fn agent_and_console_are_killed_over_and_over() {
    let mut desk = Desk::new();
    let mut console = desk.console();
    desk.report_each_second();
    fs::write(desk.path("device.toml"), desk.settings_over_mqtt()).expect("the folder is ours");
    let mut agent = desk.agent();
    agent.event("delivered");
    for round in 0..6_u32 {
        // Each at another moment: before, while and after a report is sent.
        std::thread::sleep(Duration::from_millis(u64::from(1_100 + round * 170)));
        // A dropped program is killed.
        match round % 3 {
            0 => {
                drop(agent);
                agent = desk.agent();
            }
            1 => {
                drop(console);
                agent.event("not-delivered");
                console = desk.console();
            }
            _ => {
                drop(agent);
                drop(console);
                console = desk.console();
                agent = desk.agent();
            }
        }
        agent.event("reported");
    }
    desk.everything_is_there_once(&mut agent);
}
