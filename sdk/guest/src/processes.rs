//! The processes of the device: of the session for which the plugin runs, or of all, as the
//! policy says.

use std::ops::Range;

pub use crate::bindings::bailiwick::plugin::processes::Error;
use crate::host::processes;

const MAGIC: &[u8] = b"BPT1";

/// The processes at one moment. They are read from the host's buffer while one walks through
/// them: nothing is allocated per process.
#[derive(Clone, Debug)]
pub struct Table {
    buffer: Vec<u8>,
    taken_at: u64,
    /// Where the source's name is.
    source: Range<usize>,
    count: usize,
    /// Where the first process begins.
    start: usize,
}

/// One process. Its id and its start together tell it from every other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process<'a> {
    /// Its id, which the operating system gives again.
    pub id: u32,
    /// When it was started, in milliseconds since 1970-01-01T00:00:00Z.
    pub started: u64,
    /// Id of its parent; 0 if it has none, or the policy does not let this plugin see it.
    pub parent: u32,
    /// Processor time that it has used, in milliseconds.
    pub cpu_ms: u64,
    /// Memory that it holds, in bytes.
    pub memory: u64,
    /// Its threads.
    pub threads: u32,
    /// Whether it runs, or how it ended.
    pub ending: Ending,
    /// As the operating system shows it: on Linux at most 15 bytes.
    pub name: &'a str,
    /// Path of its program; empty if there is none.
    pub executable: &'a str,
    /// Bytes that it had read from storage.
    pub read: Option<u64>,
    /// Bytes that it had written to storage.
    pub written: Option<u64>,
    /// Its user's name, where the policy grants `user`.
    pub user: Option<&'a str>,
    /// Its arguments, where the policy grants `command-line`.
    pub command_line: Option<&'a str>,
    /// Its session, as `number#generation`; none for the system's.
    pub session: Option<&'a str>,
    /// The container that it runs in: the first 12 digits of its id, or its name.
    pub container: Option<&'a str>,
}

/// Whether a process runs, or how it ended. How is known only while its parent has not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It runs.
    #[default]
    None,
    /// It ended by itself.
    Ended,
    /// This signal ended it.
    Signal(u8),
}

/// All that the policy lets this plugin see.
///
/// # Errors
/// See [`Error`].
pub fn read() -> Result<Table, Error> {
    let buffer = processes::read()?;
    let mut input = Input(buffer.strip_prefix(MAGIC).ok_or(Error::Unavailable)?);
    let taken_at = input.varint().ok_or(Error::Unavailable)?;
    let source = input.text().ok_or(Error::Unavailable)?.len();
    let source_end = buffer.len() - input.0.len();
    let count = input.varint().ok_or(Error::Unavailable)?;
    let start = buffer.len() - input.0.len();
    Ok(Table {
        source: source_end - source..source_end,
        count: usize::try_from(count).unwrap_or(usize::MAX),
        taken_at,
        start,
        buffer,
    })
}

impl Table {
    /// When it was read, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn taken_at(&self) -> u64 {
        self.taken_at
    }

    /// What told of them: `bpf`, `proc`, `sysinfo`, or what a later host calls it.
    pub fn source(&self) -> &str {
        std::str::from_utf8(&self.buffer[self.source.clone()]).unwrap_or_default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The processes, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = Process<'_>> {
        let mut input = Input(&self.buffer[self.start..]);
        (0..self.count).map_while(move |_| input.process())
    }
}

/// What the host wrote and nobody read yet.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn id(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn process(&mut self) -> Option<Process<'a>> {
        let mut process = Process {
            id: self.id()?,
            started: self.varint()?,
            parent: self.id()?,
            cpu_ms: self.varint()?,
            memory: self.varint()?,
            threads: self.id()?,
            ending: match self.varint()? {
                0 => Ending::None,
                1 => Ending::Ended,
                signal => Ending::Signal(u8::try_from(signal - 2).ok()?),
            },
            ..Process::default()
        };
        let given = self.byte()?;
        let has = |bit: u8| given >> bit & 1 == 1;
        process.name = self.text()?;
        process.executable = self.text()?;
        if has(0) {
            process.read = Some(self.varint()?);
        }
        if has(1) {
            process.written = Some(self.varint()?);
        }
        if has(2) {
            process.user = Some(self.text()?);
        }
        if has(3) {
            process.command_line = Some(self.text()?);
        }
        if has(4) {
            process.session = Some(self.text()?);
        }
        if has(5) {
            process.container = Some(self.text()?);
        }
        Some(process)
    }
}

impl From<Error> for crate::CollectError {
    /// For a plugin that can't do without processes.
    fn from(error: Error) -> Self {
        match error {
            Error::Denied => Self::Denied("processes".to_owned()),
            Error::Unavailable => Self::Unavailable("the processes can't be read".to_owned()),
        }
    }
}

/// The buffer as the host writes it, for the fakes.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn encode(taken_at: u64, processes: &[Process<'_>]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put(&mut out, taken_at);
    put_text(&mut out, "proc");
    put(&mut out, processes.len() as u64);
    for process in processes {
        let numbers = [
            u64::from(process.id),
            process.started,
            u64::from(process.parent),
            process.cpu_ms,
            process.memory,
            u64::from(process.threads),
            match process.ending {
                Ending::None => 0,
                Ending::Ended => 1,
                Ending::Signal(signal) => 2 + u64::from(signal),
            },
        ];
        numbers.into_iter().for_each(|number| put(&mut out, number));
        let given = [
            process.read.is_some(),
            process.written.is_some(),
            process.user.is_some(),
            process.command_line.is_some(),
            process.session.is_some(),
            process.container.is_some(),
        ];
        let bits = given.iter().enumerate();
        out.push(bits.fold(0, |bits, (bit, given)| bits | u8::from(*given) << bit));
        put_text(&mut out, process.name);
        put_text(&mut out, process.executable);
        let numbers = [process.read, process.written].into_iter().flatten();
        numbers.for_each(|number| put(&mut out, number));
        let texts = [
            process.user,
            process.command_line,
            process.session,
            process.container,
        ];
        texts
            .into_iter()
            .flatten()
            .for_each(|text| put_text(&mut out, text));
    }
    out
}

#[cfg(not(target_arch = "wasm32"))]
fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(not(target_arch = "wasm32"))]
fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Device;

    #[test]
    fn processes_are_read_as_the_device_has_them() {
        let one = Process {
            id: 7,
            started: 1_767_250_000_000,
            parent: 1,
            cpu_ms: 120,
            memory: 1 << 33,
            threads: 3,
            ending: Ending::Signal(11),
            name: "sh",
            executable: "/bin/sh",
            read: Some(4_096),
            written: None,
            user: None,
            command_line: Some("sh -c x"),
            session: Some("7#12"),
            container: Some("web"),
        };
        let two = Process {
            id: 9,
            written: Some(0),
            user: Some("alice"),
            ..Process::default()
        };
        let device = Device::new().now(5).processes(&[one, two]);
        let table = device.run(read).unwrap();
        assert_eq!((table.taken_at(), table.len()), (5, 2));
        assert_eq!(table.source(), "proc");
        assert_eq!(table.iter().collect::<Vec<_>>(), [one, two]);
        assert_eq!(Device::new().run(read).unwrap_err(), Error::Unavailable);
        let denied = Device::new().processes(&[]).deny("processes");
        assert_eq!(denied.run(read).unwrap_err(), Error::Denied);
    }
}
