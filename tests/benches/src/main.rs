//! Benchmarks of the sandbox, run by `cargo xtask bench`: one JSON object a line for each
//! figure. The method of each stands in `tests/benches/README.md`.

mod bare;
mod empty_export;
mod fixture;
mod host_call;
mod inventory;
mod measure;
mod neighbours;
mod outbox;
mod ports;
mod process_pass;
mod session_file;
mod setting;
mod swap;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Parser;

use setting::Setting;

/// Measures the sandbox.
#[derive(Parser)]
struct Arguments {
    /// The compiler's program, `bailiwick-compile`
    #[arg(long)]
    compiler: PathBuf,
    /// Where built plugins are, as `NAME-VERSION.wasm`
    #[arg(long)]
    plugins: PathBuf,
    /// Where the policies of the plugins are
    #[arg(long)]
    policies: PathBuf,
    /// Data folder of an agent that does not run, for `fill-backlog`
    #[arg(long)]
    data: Option<PathBuf>,
    /// A tenth of the rounds: for a look
    #[arg(long)]
    short: bool,
    /// Which: empty-export, host-call, inventory-cpu, swap, neighbours, session-file,
    /// process-pass, outbox, fill-backlog
    #[arg(required = true)]
    names: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // As in the agent: see its main.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if arguments.names == ["fill-backlog"] {
        let data = arguments.data.context("--data is missing")?;
        runtime.block_on(outbox::fill(&data))?;
        return Ok(());
    }
    let setting = Setting::new(
        &arguments.compiler,
        arguments.plugins,
        arguments.policies,
        arguments.short,
    )?;
    for name in &arguments.names {
        let figures = runtime
            .block_on(async {
                match name.as_str() {
                    "empty-export" => empty_export::run(&setting).await,
                    "host-call" => host_call::run(&setting).await,
                    "inventory-cpu" => inventory::run(&setting).await,
                    "swap" => swap::run(&setting).await,
                    "neighbours" => neighbours::run(&setting).await,
                    "session-file" => session_file::run(&setting),
                    "process-pass" => process_pass::run(&setting).await,
                    "outbox" => outbox::run(arguments.short).await,
                    _ => bail!("there is no benchmark `{name}`"),
                }
            })
            .with_context(|| name.clone())?;
        for (figure, value) in figures {
            println!(
                "{}",
                serde_json::json!({ "figure": figure, "measured": value })
            );
        }
    }
    Ok(())
}
