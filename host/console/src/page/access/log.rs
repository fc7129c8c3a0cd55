//! The access log: who asked for what, and what was answered. Two files of bounded size.

use std::{
    fmt, fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use axum::http::Method;
use bailiwick_core::time::Timestamp;
use jiff::Timestamp as Civil;
use tokio::sync::mpsc;

use super::{Session, folder, private_folder};

/// Largest file, in bytes. With the one before it the log takes twice as much.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Lines that wait to be written; a request waits with them.
const QUEUE: usize = 256;
/// Longest path that is written, in characters.
const PATH: usize = 200;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) session: Option<Session>,
    pub(crate) method: Method,
    /// Without its query: what someone searched for is not kept.
    pub(crate) path: String,
    pub(crate) status: u16,
}

/// Where entries go. The file is written by a thread of its own.
#[derive(Clone, Debug)]
pub(crate) struct AccessLog(mpsc::Sender<Entry>);

impl AccessLog {
    /// Goes on with the log in the console's data folder.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let folder = folder(data);
        private_folder(&folder)?;
        let mut file = LogFile::open(folder.join("access.log"), LARGEST)?;
        let (entries, mut queue) = mpsc::channel::<Entry>(QUEUE);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                while let Some(entry) = queue.blocking_recv() {
                    if let Err(error) = file.append(&entry) {
                        eprintln!(
                            "bailiwick-console: {entry} can't be written to the access log: {error}"
                        );
                    }
                }
            })?;
        Ok(Self(entries))
    }

    /// Hands an entry over; waits while too many are under way.
    pub(crate) async fn write(&self, entry: Entry) {
        // The thread ends with the last sender.
        let _ = self.0.send(entry).await;
    }
}

struct LogFile {
    path: PathBuf,
    file: fs::File,
    bytes: u64,
    largest: u64,
}

impl LogFile {
    fn open(path: PathBuf, largest: u64) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            bytes,
            largest,
        })
    }

    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let line = format!("{entry}\n");
        if self.bytes + line.len() as u64 > self.largest {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            *self = Self::open(self.path.clone(), self.largest)?;
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.at.as_ms()).unwrap_or(i64::MAX);
        match Civil::from_millisecond(ms) {
            Ok(at) => write!(f, "{at:.3}")?,
            Err(_) => write!(f, "{ms} ms")?,
        }
        match &self.session {
            Some(session) => write!(f, " {} {}", session.role, session.id)?,
            None => f.write_str(" nobody -")?,
        }
        write!(f, " {} ", self.method)?;
        // A path is of printable ASCII; this keeps a line a line whatever comes.
        let path = self.path.chars().take(PATH);
        path.filter(|c| c.is_ascii_graphic())
            .try_for_each(|c| write!(f, "{c}"))?;
        write!(f, " {}", self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry {
            at: Timestamp::from_ms(1_795_000_000_000),
            session: None,
            method: Method::GET,
            path: path.to_owned(),
            status: 403,
        }
    }

    #[test]
    fn a_line_says_when_who_what_and_how_it_ended() {
        let line = entry("/devices/\n\u{1b}[2J/x").to_string();
        assert_eq!(
            line,
            "2026-11-18T11:06:40.000Z nobody - GET /devices/[2J/x 403"
        );
    }

    #[test]
    fn the_log_is_bounded_and_goes_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        for number in 0..20 {
            // Opened anew each time, as by restarts.
            let mut file = LogFile::open(path.clone(), 300).unwrap();
            file.append(&entry(&format!("/{number}"))).unwrap();
        }
        let (now, before) = (
            fs::read_to_string(&path).unwrap(),
            fs::read_to_string(folder.path().join("access.log.1")).unwrap(),
        );
        assert!(now.len() <= 300 && before.len() <= 300);
        assert!(now.ends_with("/19 403\n"), "{now}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
