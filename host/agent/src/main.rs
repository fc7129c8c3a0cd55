//! The program `bailiwick`: reads settings, wires the crates, executes effects.

mod actions;
mod audit;
mod budget;
mod cli;
mod commands;
mod decisions;
mod enrolment;
mod events;
mod figures;
mod look;
mod print;
mod processes;
mod random;
mod run;
mod second_line;
mod settings;
mod socket;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command, LogCommand, Outbox, Plugin, Update};
use run::Output;
use second_line::{Proven, SecondLine};
use socket::Request;

fn main() -> ExitCode {
    // Before anything is opened or a thread begins.
    if let Some(code) = bailiwick_device::serve_child(Proven::from_arguments) {
        return code;
    }
    begin(&Cli::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn begin(cli: &Cli) -> anyhow::Result<ExitCode> {
    // Before any thread begins: a thread confines itself, and those that it starts.
    let second_line = match &cli.command {
        Command::Run(run) => SecondLine::draw(&settings::Sources::new(&cli.common, &run.set)?)?,
        // They run no guests.
        _ => SecondLine::default(),
    };
    runtime()?.block_on(obey(cli, second_line))
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    // Two threads: a plugin that spins can't hold up its neighbours.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // The store, the compiler's files and plugins' files: a handful at a time. More
        // wait, so that file systems that hang can't take memory for hundreds of threads.
        .max_blocking_threads(16)
        .enable_all()
        .build()
}

async fn obey(cli: &Cli, second_line: SecondLine) -> anyhow::Result<ExitCode> {
    let common = &cli.common;
    let request = match &cli.command {
        Command::Run(run) => {
            let output = if common.json {
                Output::Json
            } else {
                Output::Words
            };
            let sources = settings::Sources::new(common, &run.set)?;
            run::run(sources, second_line, output).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Enrol(arguments) => return enrolment::enrol(common, arguments).await,
        Command::Plugin(Plugin::Inspect(inspect)) => return commands::inspect(common, inspect),
        Command::Audit(handed) => return Ok(audit::hand_over(None, &handed.arguments)),
        Command::Policy(handed) => return Ok(audit::hand_over(Some("policy"), &handed.arguments)),
        Command::Plugin(Plugin::List(list)) if list.watch => {
            return commands::watch_plugins(common).await;
        }
        Command::Plugin(Plugin::List(_)) => Request::Plugins {},
        Command::Inventory => Request::Inventory {},
        Command::Sessions => Request::Sessions {},
        Command::Outbox(Outbox::Show(show)) => return commands::outbox(common, show).await,
        Command::Log(log) => {
            return match &log.command {
                Some(LogCommand::Verify(verify)) => commands::verify_log(common, verify).await,
                Some(LogCommand::Show(show)) => commands::log(common, show).await,
                Some(LogCommand::Export(export)) => commands::export_log(common, export).await,
                None => commands::log(common, &log.show).await,
            };
        }
        Command::Pause(pause) => Request::Pause {
            for_ms: pause
                .span
                .map(|span| u64::try_from(span.get().as_millis()).unwrap_or(u64::MAX)),
        },
        Command::Resume => Request::Resume {},
        Command::Update(Update::Status) => Request::UpdateStatus {},
        Command::Update(Update::Refresh) => Request::UpdateRefresh {},
        Command::Status(status) if status.settings => Request::Settings {},
        Command::Status(_) => Request::Status {},
    };
    commands::ask(common, request).await
}
