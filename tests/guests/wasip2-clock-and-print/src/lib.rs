//! What an ordinary Rust program does without a thought, built for `wasm32-wasip2`: it
//! prints, asks for the time and for random numbers, and looks for arguments, environment
//! and files. It reports what came of each.

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::BuildHasher as _,
    io,
    time::{Instant, SystemTime},
};

use bailiwick_sdk::{CollectError, Collection, Collector, Field, Rows, Schema};

/// How many lines it prints, more than its policy allows.
const LINES: u32 = 100;

/// The collector.
#[derive(Debug)]
pub struct ClockAndPrint;

impl Collector for ClockAndPrint {
    fn schema() -> Schema {
        Schema::new([Collection::keyed(
            "attempts",
            [Field::text("what")],
            [Field::text("outcome")],
        )])
    }

    fn new() -> Self {
        Self
    }

    fn collect(&mut self) -> Result<Rows, CollectError> {
        eprintln!("to standard error");
        for line in 0..LINES {
            println!("line {line}");
        }
        let mut rows = Rows::new(&Self::schema());
        for (what, outcome) in attempts() {
            rows.push("attempts", [what.into(), outcome.into()]);
        }
        Ok(rows)
    }
}

fn attempts() -> [(&'static str, String); 11] {
    let begun = Instant::now();
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let (one, other) = (RandomState::new(), RandomState::new());
    [
        ("arguments", env::args_os().count().to_string()),
        ("variables", env::vars_os().count().to_string()),
        ("path", format!("{:?}", env::var_os("PATH"))),
        (
            "seconds",
            since_1970.map_or(0, |since| since.as_secs()).to_string(),
        ),
        ("elapsed", (begun.elapsed().as_secs() < 3_600).to_string()),
        ("random", (one.hash_one(1) != other.hash_one(1)).to_string()),
        ("read", outcome(fs::read("/etc/passwd"))),
        ("read-relative", outcome(fs::read("etc/passwd"))),
        ("write", outcome(fs::write("/tmp/bailiwick-guest", "here"))),
        ("list", outcome(fs::read_dir("/"))),
        ("list-here", outcome(fs::read_dir("."))),
    ]
}

fn outcome<T>(result: io::Result<T>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

bailiwick_sdk::collector!(ClockAndPrint);
