//! Reading the device so that what can't be read is told of once and never fails the rest.

use std::collections::BTreeSet;

use bailiwick_sdk::{
    files::{self, Entry, Error},
    log, network, system,
};

/// Longest of the files that are read whole. The host's copy and this one count towards
/// the memory limit together.
const LONGEST_WHOLE: u64 = 1 << 20;
/// Files that are read in parts: how much at a time, and in all. What the guest once had
/// in memory stays resident as long as it lives: 512 KiB at a time cost 1.2 MB more.
const PART: u32 = 64 << 10;
const LONGEST_IN_PARTS: u64 = 64 << 20;

/// The device, as the policy lets it be seen.
#[derive(Debug, Default)]
pub(crate) struct Source {
    subject: &'static str,
    told: BTreeSet<&'static str>,
}

impl Source {
    /// What is read from now on is for `subject`.
    pub(crate) fn begin(&mut self, subject: &'static str) {
        self.subject = subject;
    }

    /// Logs, once per subject and instance, that `what` could not be read.
    pub(crate) fn tell(&mut self, what: &str, why: &str) {
        if self.told.insert(self.subject) {
            log::warn(&[self.subject, ": ", what, " can't be read: ", why].concat());
        }
    }

    /// The answer, or none. A file that is not there says nothing: devices differ.
    fn answer<T>(&mut self, path: &str, answer: Result<T, Error>) -> Option<T> {
        let why = match answer {
            Ok(answer) => return Some(answer),
            Err(Error::NotFound) => return None,
            Err(Error::Denied) => "denied",
            Err(Error::InvalidPath) => "invalid path",
            Err(Error::WrongKind) => "wrong kind",
            Err(Error::TooLarge(_)) => "too large",
            Err(Error::Unavailable) => "unavailable",
        };
        self.tell(path, why);
        None
    }

    pub(crate) fn system<T>(&mut self, answer: Result<T, system::Error>) -> Option<T> {
        let why = match answer {
            Ok(answer) => return Some(answer),
            Err(system::Error::Denied) => "denied",
            Err(system::Error::Unavailable) => "unavailable",
        };
        self.tell("the system", why);
        None
    }

    pub(crate) fn network<T>(&mut self, answer: Result<T, network::Error>) -> Option<T> {
        let why = match answer {
            Ok(answer) => return Some(answer),
            Err(network::Error::Denied) => "denied",
            Err(network::Error::Unavailable) => "unavailable",
        };
        self.tell("the network", why);
        None
    }

    pub(crate) fn bytes(&mut self, path: &str) -> Option<Vec<u8>> {
        let answer = files::read(path, LONGEST_WHOLE);
        self.answer(path, answer)
    }

    pub(crate) fn text(&mut self, path: &str) -> Option<String> {
        let answer = files::read_text(path, LONGEST_WHOLE);
        self.answer(path, answer)
    }

    /// The first line of a file without the space around it; empty if there is none.
    pub(crate) fn line(&mut self, path: &str) -> String {
        let text = self.text(path).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim().to_owned()
    }

    pub(crate) fn list(&mut self, path: &str) -> Vec<Entry> {
        let answer = files::list(path);
        self.answer(path, answer).unwrap_or_default()
    }

    /// Whether there is something at `path`.
    pub(crate) fn is_there(&mut self, path: &str) -> bool {
        let answer = files::look(path);
        self.answer(path, answer).is_some()
    }

    /// What a symbolic link says; none where there is no link.
    pub(crate) fn link(&mut self, path: &str) -> Option<String> {
        match files::read_link(path) {
            Err(Error::WrongKind) => None,
            answer => self.answer(path, answer),
        }
    }

    /// Calls `each` with every stanza (the lines between two empty ones) of a file that
    /// may be larger than a plugin's memory. False if the file is not there, can't be
    /// read, or was changed in between: what `each` saw is then not the truth.
    pub(crate) fn stanzas(&mut self, path: &str, mut each: impl FnMut(&str)) -> bool {
        let before = files::look(path);
        let Some(before) = self.answer(path, before) else {
            return false;
        };
        let mut pending = Vec::new();
        let mut offset = 0;
        loop {
            let answer = files::read_part(path, offset, PART);
            let Some(part) = self.answer(path, answer) else {
                return false;
            };
            if part.is_empty() {
                break;
            }
            offset += part.len() as u64;
            pending.extend(part);
            if offset > LONGEST_IN_PARTS {
                self.tell(path, "too large");
                return false;
            }
            let whole = end_of_last(&pending);
            split(&pending[..whole], &mut each);
            pending.drain(..whole);
            if pending.len() as u64 > LONGEST_WHOLE {
                self.tell(path, "a stanza is too large");
                return false;
            }
        }
        split(&pending, &mut each);
        // dpkg and apk replace the file while they work: two parts of two files are none.
        if files::look(path) == Ok(before) {
            return true;
        }
        self.tell(path, "changed while it was read");
        false
    }
}

/// Where the last stanza that is certainly whole ends.
fn end_of_last(bytes: &[u8]) -> usize {
    bytes
        .windows(2)
        .rposition(|pair| pair == b"\n\n")
        .map_or(0, |at| at + 2)
}

fn split(bytes: &[u8], each: &mut impl FnMut(&str)) {
    let text = String::from_utf8_lossy(bytes);
    text.split("\n\n")
        .filter(|stanza| !stanza.trim().is_empty())
        .for_each(each);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    #[test]
    fn stanzas_are_whole_whatever_the_parts() {
        let stanza = |n: usize| format!("Package: p{n}\nDescription: {}", "ä".repeat(n % 977));
        let text: Vec<String> = (0..3_000).map(stanza).collect();
        let device = Device::new().file("/status", text.join("\n\n") + "\n\n");
        let mut seen = Vec::new();
        assert!(
            device.run(|| Source::default().stanzas("/status", |text| seen.push(text.to_owned())))
        );
        assert!(text.join("\n\n").len() > 2 * PART as usize);
        assert_eq!(seen, text);
    }

    #[test]
    fn a_refusal_is_told_of_once_and_what_is_missing_never() {
        let device = Device::new().deny_below("/etc");
        device.run(|| {
            let mut source = Source::default();
            source.begin("users");
            assert_eq!(source.text("/usr/nothing"), None);
            assert_eq!(source.text("/etc/passwd"), None);
            assert_eq!(source.text("/etc/passwd"), None);
        });
        assert_eq!(device.log().len(), 1);
    }
}
