//! `bailiwick run`: makes the parts, starts what is on disk, follows the repository, and
//! answers the commands until it is told to stop.

mod activate;
mod actor;
mod answer;
#[cfg(target_os = "linux")]
mod apart;
mod arguments;
mod budget;
mod ceiling;
mod code;
mod configuration;
mod connections;
mod coordinator;
mod describe;
mod expecting;
mod handle;
mod host;
mod launch;
mod live;
mod logging;
mod metrics;
mod offline;
mod output;
mod owner;
mod pause;
mod plugin;
mod pseudonyms;
mod report;
mod rollout_words;
mod service;
mod session_plugin;
mod sessions;
mod shown;
mod signed;
mod standing;
mod start;
mod status;
mod upload;
mod wall_clock;
mod watch;

use std::sync::Arc;

pub(crate) use actor::Order;
pub(crate) use connections::Destination;
pub(crate) use handle::{HandleOrder, RateOrder};
pub(crate) use host::Host;
pub(crate) use output::Output;
pub(crate) use pause::Paused;
pub(crate) use plugin::describe;
pub(crate) use sessions::Answers;
pub(crate) use shown::Shown;
pub(crate) use signed::text as signed_text;
pub(crate) use standing::Outage;
pub(crate) use start::{compiler, make_data_folder};
pub(crate) use wall_clock::ClockSet;

use crate::{enrolment, second_line::SecondLine, settings::Sources};

/// Runs the agent until SIGTERM or Ctrl-C.
///
/// # Errors
/// Only what keeps the agent from starting: everything later is an event.
pub(crate) async fn run(
    sources: Sources,
    mut second_line: SecondLine,
    output: Output,
) -> anyhow::Result<()> {
    let socket = second_line.socket.take();
    let parts = start::start(&sources, second_line, output).await?;
    let identity = parts.host.identity.clone();
    let renewing =
        identity.map(|identity| tokio::spawn(enrolment::keep(Arc::clone(&parts.host), identity)));
    let ended = service::serve(sources, parts, socket).await;
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    ended
}
