//! Observing plugins, where the setting `observe-dir` names a folder: all that each asks for,
//! allowed or not, as a file for `bailiwick policy learn`.
//!
//! It changes nothing about what a plugin may do. It costs time and memory with each host call,
//! and names of files are written as they are: it is for devices on which policies are made.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    policy::{
        Call, Link, Linked,
        learn::{Observed, Peaks, Verdict},
    },
    time::Timestamp,
};

use super::Author;
use crate::run::Host;

/// From one writing of what is new to the next.
const EVERY: Duration = Duration::from_secs(10);

/// What is observed.
pub(crate) struct Observing {
    folder: PathBuf,
    /// By the name of the file.
    plugins: Mutex<BTreeMap<String, Kept>>,
}

struct Kept {
    observed: Observed,
    is_written: bool,
}

impl Observing {
    /// In `folder`, which is made.
    ///
    /// # Errors
    /// It can't be.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            plugins: Mutex::default(),
        })
    }

    /// Counts a call. A file is noted with where its links lead, for a policy has to name that,
    /// too.
    pub(super) fn note(&self, author: &Author, call: &Call, verdict: Verdict, now: Timestamp) {
        let call = match call {
            Call::File { path, link: None } if verdict == Verdict::Allowed => Call::File {
                path: path.clone(),
                link: led(path),
            },
            other => other.clone(),
        };
        self.change(author, now, |observed| observed.note(&call, verdict, now));
    }

    pub(super) fn used(&self, author: &Author, peaks: Peaks, now: Timestamp) {
        self.change(author, now, |observed| {
            observed.peaks = observed.peaks.and(peaks);
        });
    }

    /// Goes on with the file of before, if it is of the same policy.
    fn change(&self, author: &Author, now: Timestamp, change: impl FnOnce(&mut Observed)) {
        let name = format!("{}-{}.observed", author.plugin, author.version);
        let mut plugins = self.lock();
        let path = self.folder.join(&name);
        let kept = plugins.entry(name).or_insert_with(|| {
            let before = fs::read_to_string(path).ok();
            let before = before.and_then(|text| Observed::parse(&text).ok());
            Kept {
                observed: before
                    .filter(|before| before.policy == author.digest)
                    .unwrap_or_else(|| fresh(author, now)),
                is_written: true,
            }
        });
        if kept.observed.policy != author.digest {
            kept.observed = fresh(author, now);
        }
        change(&mut kept.observed);
        kept.is_written = false;
    }

    /// Writes what is new.
    ///
    /// # Errors
    /// The folder can't be written; it is tried again.
    pub(super) fn write(&self) -> io::Result<()> {
        let new: Vec<(String, String)> = {
            let mut plugins = self.lock();
            let new = plugins.iter_mut().filter(|(_, kept)| !kept.is_written);
            new.map(|(name, kept)| {
                kept.is_written = true;
                (name.clone(), kept.observed.to_text())
            })
            .collect()
        };
        let mut outcome = Ok(());
        for (name, text) in new {
            let written = self.write_one(&name, &text);
            if written.is_err()
                && let Some(kept) = self.lock().get_mut(&name)
            {
                kept.is_written = false;
            }
            outcome = outcome.and(written);
        }
        outcome
    }

    fn write_one(&self, name: &str, text: &str) -> io::Result<()> {
        let under_way = self.folder.join(format!(".{name}.new"));
        fs::write(&under_way, text)?;
        fs::rename(&under_way, self.folder.join(name))
    }

    /// Whole between two calls, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh(author: &Author, now: Timestamp) -> Observed {
    let (plugin, version) = (author.plugin.clone(), author.version.clone());
    Observed::new(plugin, version, author.digest, now)
}

/// Where the links in `path` lead, if there are any.
fn led(path: &str) -> Option<Link> {
    let to = fs::canonicalize(path).ok()?;
    let to = to.to_str()?;
    (to != path).then(|| Link {
        to: to.to_owned(),
        made: Linked::ByItsOwner,
    })
}

/// Writes what is new now and then, for ever; nothing where nobody observes.
pub(crate) async fn observe(host: &Host) {
    let Some(observing) = &host.decisions.observing else {
        return;
    };
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = observing.write() {
            let folder = observing.folder.display();
            let words = format!("what plugins ask for can't be written to {folder}: {error}");
            host.output.warn(&words);
        }
    }
}
