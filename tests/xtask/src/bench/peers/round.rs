//! One round: all of them at once, on a machine of one size.

use std::{fs, path::Path, process::Command, thread::sleep, time::Duration};

use anyhow::Context as _;

use super::{
    EVERY, Missing, Outcome, Place,
    agent::{Agent, Way},
    crowd::{Crowd, Size},
    programs::{PEERS, Peer},
    samples,
    subject::Subject,
};
use crate::bench::{Bench, process::processes};

/// From the last start on: what is young is looked at more closely.
const SETTLE: Duration = Duration::from_secs(60);
const SETTLE_SHORT: Duration = Duration::from_secs(35);
/// Between two starts, so that samples of all do not fall on one moment.
const APART: Duration = Duration::from_millis(900);

/// All outcomes, in the order of the rows, and how many processes there were at least.
pub(super) struct Round {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) processes: usize,
}

/// Measures all of them on a machine of `size`.
pub(super) fn round(bench: &Bench, place: &Place, size: Size) -> anyhow::Result<Round> {
    eprintln!(
        "  {} processes, sessions: {}",
        size.processes, size.sessions
    );
    let _crowd = Crowd::gather(&place.least.crowd, size)?;
    let subjects = all(bench, place, size);
    sleep(bench.time(SETTLE, SETTLE_SHORT));
    let marked = each(subjects, |mut subject| {
        let mark = subject.mark()?;
        Ok((subject, mark))
    });
    let before = processes()?;
    sleep(EVERY * samples(bench));
    let processes = before.min(processes()?);
    // All of them are measured before any ends.
    let measured = each(marked, |(mut subject, mark)| {
        let measured = subject.measured(mark, samples(bench))?;
        Ok((subject, measured))
    });
    let outcomes = each(measured, |(subject, measured)| {
        subject.stop()?;
        Ok(measured)
    });
    Ok(Round {
        outcomes,
        processes,
    })
}

/// Starts everybody, in the order of the rows.
fn all(bench: &Bench, place: &Place, size: Size) -> Vec<Result<Subject, Missing>> {
    let agents = Way::ALL.into_iter().map(|way| {
        let agent = Agent::start(bench, way, size.sessions);
        agent.map(Subject::Agent).map_err(failed)
    });
    let least = [&place.least.iterates_tasks, &place.least.reads_proc]
        .into_iter()
        .map(|program| least(program, &place.folder).map_err(failed));
    let peers = PEERS.iter().map(|peer| beside(peer, place));
    let started = agents.chain(least).chain(peers);
    started.inspect(|_| sleep(APART)).collect()
}

fn least(program: &Path, folder: &Path) -> anyhow::Result<Subject> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let folder = cleared(folder, &name)?;
    let mut command = Command::new(program);
    command.arg(EVERY.as_secs().to_string());
    Subject::program(&name, &command, &folder)
}

fn beside(peer: &Peer, place: &Place) -> Result<Subject, Missing> {
    let program = place.unpacked.file(peer.program);
    let program = program.ok_or(Missing::NotProvided)?;
    let start = || {
        let folder = cleared(&place.folder, peer.package)?;
        Subject::peer(peer, &program, &place.unpacked, &folder)
    };
    start().with_context(|| peer.name).map_err(failed)
}

/// An empty folder for `name`.
fn cleared(folder: &Path, name: &str) -> anyhow::Result<std::path::PathBuf> {
    let folder = folder.join(format!("of-{name}"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Does the same with each who did not fail yet; who fails ends.
fn each<T, U>(
    all: Vec<Result<T, Missing>>,
    mut then: impl FnMut(T) -> anyhow::Result<U>,
) -> Vec<Result<U, Missing>> {
    let next = |one: Result<T, Missing>| then(one?).map_err(failed);
    all.into_iter().map(next).collect()
}

fn failed(error: anyhow::Error) -> Missing {
    eprintln!("  {error:#}");
    Missing::Failed
}
