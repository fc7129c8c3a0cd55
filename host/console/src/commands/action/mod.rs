//! `bailiwick-console action`.

mod draft;
mod fitness;
mod send;
mod sign;
mod wake;
mod watch;

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
};

use anyhow::Context as _;

use crate::cli_action::ActionVerb;

pub(super) fn run(verb: &ActionVerb) -> anyhow::Result<()> {
    match verb {
        ActionVerb::Key(arguments) => sign::key(arguments),
        ActionVerb::Draft(arguments) => draft::draft(arguments),
        ActionVerb::Cancel(arguments) => draft::cancel(arguments),
        ActionVerb::Sign(arguments) => sign::sign(arguments),
        ActionVerb::Send(arguments) => send::send(arguments),
        ActionVerb::Wake(arguments) => wake::wake(arguments),
        ActionVerb::Watch(arguments) => watch::watch(arguments),
        ActionVerb::List(arguments) => watch::list(arguments),
    }
}

/// Longest file that is read, in bytes: an envelope, or a draft, is much shorter.
const LONGEST: u64 = 1024 * 1024;

/// What is in a file, or on standard input.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let unread = || format!("{} can't be read", path.display());
    if path == Path::new("-") {
        std::io::stdin().take(LONGEST).read_to_end(&mut bytes)?;
    } else {
        let file = fs::File::open(path).with_context(unread)?;
        file.take(LONGEST)
            .read_to_end(&mut bytes)
            .with_context(unread)?;
    }
    Ok(bytes)
}

/// Into a file, or to standard output.
fn write(path: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    match path {
        Some(path) => {
            fs::write(path, bytes).with_context(|| format!("{} can't be written", path.display()))
        }
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes)?;
            Ok(out.flush()?)
        }
    }
}
