//! `cargo xtask bench`: every figure that the project promises, measured on release builds
//! and held against its bound.

mod accounting;
mod action;
mod assignment;
mod audit;
mod demo;
mod device;
mod everything;
mod idle;
mod lateness;
mod memory;
mod outbox;
mod peers;
mod process;
mod quiet;
mod reports;
mod sandbox;
mod sessions;
mod size;
mod table;

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use anyhow::bail;

use crate::{
    build::{self, Profile},
    desk::{Desk, Devices},
    install,
    step::quiet,
};
use table::Figure;

/// `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which benchmarks; all but `demo` and `peers` if none is named
    names: Vec<String>,
    /// Show the benchmarks and their bounds, and measure nothing
    #[arg(long)]
    list: bool,
    /// Fewer rounds, and a minute or a few in place of ten or thirty: for a look, not for a
    /// claim
    #[arg(long)]
    short: bool,
    /// Build nothing: measure the programs that were built before
    #[arg(long)]
    as_built: bool,
    /// Print one JSON object a figure in place of the table; progress goes to standard
    /// error
    #[arg(long)]
    json: bool,
}

/// What is measured, in the order of the table.
const BENCHMARKS: [(&str, Measure); 22] = [
    ("memory", memory::measure),
    ("idle", idle::measure),
    ("quiet", quiet::measure),
    ("everything", everything::measure),
    ("accounting", accounting::measure),
    ("sessions", sessions::measure),
    ("inventory-cpu", sandbox::measure),
    ("reports", reports::measure),
    ("swap", sandbox::measure),
    ("empty-export", sandbox::measure),
    ("host-call", sandbox::measure),
    ("outbox", outbox::measure),
    ("action", action::measure),
    ("assignment", assignment::measure),
    ("audit", audit::measure),
    ("size", size::measure),
    ("neighbours", sandbox::measure),
    ("session-file", sandbox::measure),
    ("process-pass", sandbox::measure),
    ("lateness", lateness::measure),
    (peers::NAME, peers::measure),
    (demo::NAME, demo::measure),
];

/// Measured only if they are named: one builds everything anew, the other fetches other people's
/// programs.
const ONLY_IF_NAMED: [&str; 2] = [demo::NAME, peers::NAME];

type Measure = fn(&Bench, &'static str) -> anyhow::Result<Vec<Figure>>;

/// How to measure.
pub(crate) struct Bench {
    short: bool,
    as_built: bool,
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.list {
        print!("{}", table::bounds());
        return Ok(());
    }
    let chosen = chosen(&arguments.names)?;
    let bench = Bench {
        short: arguments.short,
        as_built: arguments.as_built,
        folder: build::target().join("bench"),
    };
    bench.build()?;
    let names: Vec<_> = chosen.iter().map(|(name, _)| *name).collect();
    let mut figures = Vec::new();
    for (name, measure) in chosen {
        eprintln!("── {name}");
        // One that can't be measured is over: the others are measured all the same.
        match measure(&bench, name) {
            Ok(measured) => figures.extend(measured),
            Err(error) => eprintln!("error: {name}: {error:#}"),
        }
    }
    let rows = table::rows(&names, &figures);
    if arguments.json {
        rows.iter().for_each(|row| println!("{}", row.json()));
    } else {
        print!("\n{}", table::print(&rows, &figures));
    }
    let over: Vec<_> = rows
        .iter()
        .filter(|row| !row.holds())
        .map(table::Row::what)
        .collect();
    if !over.is_empty() {
        bail!("over, or not measured: {}", over.join("; "));
    }
    Ok(())
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<(&'static str, Measure)>> {
    if names.is_empty() {
        return Ok(BENCHMARKS
            .into_iter()
            .filter(|(name, _)| !ONLY_IF_NAMED.contains(name))
            .collect());
    }
    names
        .iter()
        .map(|wanted| {
            let known = BENCHMARKS.into_iter().find(|(name, _)| name == wanted);
            known.ok_or_else(|| anyhow::anyhow!("no benchmark `{wanted}`: --list shows them"))
        })
        .collect()
}

impl Bench {
    /// Builds what every benchmark runs. Each program by itself: cargo unifies features
    /// over one build, and the agent must not get the compiler.
    fn build(&self) -> anyhow::Result<()> {
        if self.as_built {
            return Ok(());
        }
        eprintln!("Building as devices get it; the first time takes some minutes.");
        quiet("compilation target for plugins", &mut build::add_targets())?;
        if let Some(mut command) = build::add_device_target() {
            install::needed("musl-gcc")?;
            quiet("compilation target for devices", &mut command)?;
        }
        for (package, program) in [
            ("bailiwick-agent", "bailiwick"),
            ("bailiwick-compile", "bailiwick-compile"),
        ] {
            quiet(program, &mut Profile::Device.build(package, program))?;
        }
        let console = "bailiwick-console";
        quiet(
            console,
            &mut Profile::Device.of_console().build(console, console),
        )?;
        let builder = "cargo-bailiwick";
        quiet(builder, &mut build::program(builder))
    }

    /// A desk in a folder of its own, for an agent as devices get it.
    fn desk(&self, name: &str) -> anyhow::Result<Desk> {
        self.desk_for(Devices::Open, name)
    }

    /// The same, which listens to `devices`.
    fn desk_for(&self, devices: Devices, name: &str) -> anyhow::Result<Desk> {
        let folder = self.folder.join(name);
        Desk::make(&folder, Profile::Device, devices, Ipv4Addr::LOCALHOST)
    }

    /// `full`, or `short` for a look.
    fn time(&self, full: Duration, short: Duration) -> Duration {
        if self.short { short } else { full }
    }
}
