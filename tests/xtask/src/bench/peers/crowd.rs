//! The machine on which all are measured: so many processes, in so many sessions.

use std::{path::Path, thread::sleep, time::Duration};

use anyhow::{Context as _, ensure};
use bailiwick_needs::{Login, own_uid};

use crate::bench::process::processes;

/// How often and how far apart processes are counted that are there already.
const LOOKS: usize = 10;
const APART: Duration = Duration::from_millis(500);
/// One of so many works a little.
const WORKS: usize = 10;

/// How large a machine is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// At least.
    pub(super) processes: usize,
    pub(super) sessions: usize,
}

/// Sessions that are open, with their processes; they end when this is dropped.
pub(super) struct Crowd {
    _logins: Vec<Login>,
}

impl Crowd {
    /// Fills the machine up to `size` with `program`, which `crowd.c` is.
    pub(super) fn gather(program: &Path, size: Size) -> anyhow::Result<Self> {
        ensure!(
            Login::is_possible("what the agent costs beside other programs"),
            "only root can open users' sessions here"
        );
        let missing = size.processes.saturating_sub(lasting()?);
        let uid = own_uid(0);
        let logins = shares(missing, size.sessions)
            .map(|(sleepers, workers)| {
                let arguments = [sleepers.to_string(), workers.to_string()];
                Login::with_program(uid, program, &arguments.each_ref().map(String::as_str))
            })
            .collect::<Result<_, _>>()
            .context("a user's session can't be opened")?;
        Ok(Self { _logins: logins })
    }
}

/// How many processes there are at least in some seconds: what a build starts does not stay.
fn lasting() -> anyhow::Result<usize> {
    let mut least = processes()?;
    for _ in 0..LOOKS {
        sleep(APART);
        least = least.min(processes()?);
    }
    Ok(least)
}

/// Who sleeps and who works in each of `sessions`, beside the first process of each; `missing`
/// in all, or a few more.
fn shares(missing: usize, sessions: usize) -> impl Iterator<Item = (usize, usize)> {
    let each = missing.div_ceil(sessions).saturating_sub(1).max(1);
    let workers = each.div_ceil(WORKS);
    std::iter::repeat_n((each - workers, workers), sessions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_as_many_processes_as_are_missing_and_each_somebody_who_works() {
        for (missing, sessions) in [(200, 1), (1_900, 50), (3, 50)] {
            let all: Vec<_> = shares(missing, sessions).collect();
            assert_eq!(all.len(), sessions);
            let sum: usize = all.iter().map(|(sleep, work)| 1 + sleep + work).sum();
            assert!(sum >= missing && sum < missing + 2 * sessions, "{sum}");
            assert!(
                all.iter()
                    .all(|(sleep, work)| *work >= 1 && *sleep < 10 * *work)
            );
        }
    }
}
