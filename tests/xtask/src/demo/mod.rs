//! `cargo xtask demo`: one device at work, with the real programs, on loopback.

mod story;
mod summary;
mod surroundings;

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::{
    build::{self, Profile},
    desk::{Desk, Devices},
    operator::Operator,
    step::{quiet, root},
};
use story::Story;
use surroundings::Surroundings;

/// `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Stop after this time (as in 60s), print what was seen, and fail if anything of it is
    /// missing; building does not count
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    stop_after: Option<Duration>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    println!("Building the programs and their plugins; the first time takes some minutes.");
    quiet("compilation target for plugins", &mut build::add_targets())?;
    for package in build::PROGRAMS {
        quiet(package, &mut build::program(package))?;
    }
    let surroundings = Surroundings::find();
    let folder = build::target().join("demo");
    let desk = Desk::make(
        &folder,
        Profile::Dev,
        Devices::Enrolled,
        surroundings.here(),
    )?;
    println!("\nA repository with a key for each role, served on this machine alone.");
    println!("  sha256 of the first root: {}", desk.root_sha256);
    println!("  sha256 of its CA:         {}", desk.ca_sha256);
    desk.add("inventory", "10 s")?;
    desk.add("pressure", "2 s")?;
    desk.add_with("session-analyzer", |key| {
        let value = match key {
            "every" => "\"2 s\"",
            "file-every" => "\"20 s\"",
            // Files are five times as small and as frequent as they are meant to be.
            "cpu" => "{ per-mille = 200, window = \"10 s\" }",
            _ => return None,
        };
        Some(value.to_owned())
    })?;
    desk.add_with("run-program", |_| None)?;
    desk.add_with("wake-on-lan", |key| {
        // The only link there is here is a virtual one, which has to be named.
        (key == "macs").then(|| "[\"any\"]\nlinks = [\"up0\"]".to_owned())
    })?;
    let operator = Operator::make(&desk, &["run-program", "wake-on-lan"])?;
    desk.build("pressure", "0.2.0")?;
    let begun = Instant::now();
    let mut story = Story::begin(&desk, operator, surroundings)?;
    let told = story.tell(begun + arguments.stop_after.unwrap_or(Duration::from_secs(300)));
    if arguments.stop_after.is_none() && told.is_ok() {
        println!("\nThat is all there is to show. The device goes on until Ctrl-C.");
        story.go_on()?;
    }
    let delivered = desk.delivered()?;
    story.end()?;
    let seen = story.seen(delivered);
    println!("\n{}", summary::table(&seen));
    told?;
    summary::judge(&seen).with_context(|| {
        format!(
            "the demo's files are in {}",
            desk.folder()
                .strip_prefix(root())
                .unwrap_or(desk.folder())
                .display()
        )
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    text.strip_suffix('s')
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is not a time in seconds, as in 60s"))
}
