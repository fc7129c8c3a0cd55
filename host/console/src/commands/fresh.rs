//! Snapshot and timestamp, signed anew by `serve` before devices would refuse them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_repository::{Renewed, Repository, RepositoryError};
use tokio::{sync::watch, time::sleep};

use crate::clock;

/// Longest time between two looks: another program may have changed the repository.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// Until the next attempt after one that failed.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// The repository whose online keys are here; `None` if there are none or it can't be read,
/// which is said: reports are taken all the same.
///
/// # Errors
/// A key lies there that must not be where a server can read it.
pub(super) fn open(public: &Path, keys: PathBuf) -> anyhow::Result<Option<Repository>> {
    let opened = Repository::served(public, &keys)
        .and_then(|served| served.check_online_keys().map(|()| served));
    let served = match opened {
        Ok(served) => served,
        Err(error @ RepositoryError::OfflineKey { .. }) => return Err(error.into()),
        Err(error) => {
            say(&format!("warning: nothing is signed anew here: {error}"));
            return Ok(None);
        }
    };
    if served.keys().is_dir() {
        say(&format!(
            "warning: {} is where this server could read it: move it to a machine that is not connected",
            served.keys().display()
        ));
    }
    if !keys.is_dir() {
        say(&format!(
            "there are no online keys in {}: run `bailiwick-console repo refresh` daily, or devices take nothing new after 7 days",
            keys.display()
        ));
        return Ok(None);
    }
    Ok(Some(served))
}

/// To the log of the server.
fn say(words: &str) {
    eprintln!("bailiwick-console: {words}");
}

/// Looks until `stop` is set.
pub(super) async fn keep(repository: Repository, mut stop: watch::Receiver<bool>) {
    loop {
        let signing = repository.clone();
        let looked = tokio::task::spawn_blocking(move || signing.keep_fresh(clock::now())).await;
        let wait = match looked {
            Ok(Ok(Renewed::NotDue(time))) => time.min(LOOK),
            Ok(Ok(Renewed::Signed { version, expires })) => {
                say(&format!(
                    "signed timestamp {version}, which holds until {expires}"
                ));
                LOOK
            }
            Ok(Err(error)) => {
                say(&format!(
                    "snapshot and timestamp could not be signed anew: {error}; tried again in {} min",
                    AGAIN.as_secs() / 60
                ));
                AGAIN
            }
            // The runtime ends.
            Err(_) => return,
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = sleep(wait) => {}
        }
    }
}
