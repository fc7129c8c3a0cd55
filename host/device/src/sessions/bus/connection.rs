//! A connection to a bus.

use std::{collections::VecDeque, env, path::PathBuf};

use rustix::process::geteuid;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::{
    apart,
    message::{Kind, LONGEST, Message},
    wire::WireError,
};
use crate::Privileged;

/// Where the bus listens if the environment does not name another address.
const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";
/// The variable that names it.
const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS";
/// Longest line of the handshake, in bytes.
const LONGEST_LINE: usize = 1_024;
/// Signals that are kept while an answer is waited for. What is beyond is no loss: one
/// signal is enough for a new look.
const KEPT_SIGNALS: usize = 256;

/// Why the bus, or somebody on it, did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    #[error("the bus address `{0}` is not understood: unix:path=… is")]
    Address(String),
    #[error("the bus at {path} can't be reached: {error}")]
    Unreachable { path: String, error: std::io::Error },
    #[error("the bus can't be reached through the agent's privileged process: {0}")]
    NotOpened(std::io::Error),
    #[error("the bus did not let this user in: {0}")]
    NotAllowed(String),
    #[error("the connection to the bus ended: {0}")]
    Lost(std::io::Error),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("{name} ({text})")]
    Refused {
        /// Name of the error, as in `org.freedesktop.DBus.Error.ServiceUnknown`.
        name: String,
        text: String,
    },
}

/// The connection. Whoever drops a future of it while it sends must drop it too.
#[derive(Debug)]
pub(crate) struct Bus {
    stream: UnixStream,
    /// What was received and is not yet a whole message.
    received: Vec<u8>,
    serial: u32,
    signals: VecDeque<Message>,
}

/// The address of the system bus.
pub(crate) fn address() -> String {
    env::var(ADDRESS).unwrap_or_else(|_| SYSTEM_BUS.to_owned())
}

impl Bus {
    /// Connects, proves who this is, and says hello.
    pub(crate) async fn connect(address: &str) -> Result<Self, BusError> {
        Self::through(None, address).await
    }

    /// The same, where `privileged` connects, as nobody, to what it knows as this address.
    pub(crate) async fn through(
        privileged: Option<&Privileged>,
        address: &str,
    ) -> Result<Self, BusError> {
        let path = socket(address).ok_or_else(|| BusError::Address(address.to_owned()))?;
        let unreachable = |error| BusError::Unreachable {
            path: path.display().to_string(),
            error,
        };
        // Where there is no bus this is asked day and night, and to make a socket costs more.
        std::fs::metadata(&path).map_err(unreachable)?;
        let (stream, uid) = match privileged {
            None => {
                let stream = UnixStream::connect(&path).await.map_err(unreachable)?;
                (stream, geteuid().as_raw())
            }
            Some(privileged) => apart::connect(privileged)
                .await
                .map_err(BusError::NotOpened)?,
        };
        let mut bus = Self {
            stream,
            received: Vec::new(),
            serial: 0,
            signals: VecDeque::new(),
        };
        bus.authenticate(uid).await?;
        let bus_itself = "org.freedesktop.DBus";
        let hello = Message::call(
            bus_itself,
            "/org/freedesktop/DBus",
            bus_itself,
            "Hello",
            &[],
        );
        bus.ask(hello).await?;
        Ok(bus)
    }

    /// Asks for signals that match `rule`.
    pub(crate) async fn listen(&mut self, rule: &str) -> Result<(), BusError> {
        let bus = "org.freedesktop.DBus";
        let call = Message::call(bus, "/org/freedesktop/DBus", bus, "AddMatch", &[rule]);
        self.ask(call).await.map(drop)
    }

    /// Calls, and waits for the answer. Signals that come before it are kept.
    pub(crate) async fn ask(&mut self, call: Message) -> Result<Message, BusError> {
        let serial = self.send(call).await?;
        loop {
            let message = self.receive().await?;
            match message.kind {
                Kind::Signal if self.signals.len() < KEPT_SIGNALS => {
                    self.signals.push_back(message);
                }
                Kind::Return if message.reply_to == serial => return Ok(message),
                Kind::Error if message.reply_to == serial => {
                    let text = message.arguments().string().unwrap_or_default().to_owned();
                    let name = message.error;
                    return Err(BusError::Refused { name, text });
                }
                Kind::Signal | Kind::Return | Kind::Error | Kind::Call => {}
            }
        }
    }

    /// The next signal. May be dropped at any time; nothing is lost.
    pub(crate) async fn signal(&mut self) -> Result<Message, BusError> {
        loop {
            if let Some(signal) = self.signals.pop_front() {
                return Ok(signal);
            }
            let message = self.receive().await?;
            if message.kind == Kind::Signal {
                return Ok(message);
            }
        }
    }

    /// A signal that is here already, waiting for nothing.
    pub(crate) fn kept_signal(&mut self) -> Option<Message> {
        self.signals.pop_front()
    }

    pub(crate) async fn send(&mut self, mut message: Message) -> Result<u32, BusError> {
        // 0 is no serial number.
        self.serial = self.serial.wrapping_add(1).max(1);
        message.serial = self.serial;
        self.stream
            .write_all(&message.encode())
            .await
            .map_err(BusError::Lost)?;
        Ok(self.serial)
    }

    /// The next message of any kind. May be dropped at any time; nothing is lost.
    pub(crate) async fn receive(&mut self) -> Result<Message, BusError> {
        loop {
            if let Some((message, length)) = Message::decode(&self.received)? {
                self.received.drain(..length);
                return Ok(message);
            }
            self.fill(LONGEST * 2).await?;
        }
    }

    /// Receives some bytes, unless `at_most` are here already.
    async fn fill(&mut self, at_most: usize) -> Result<(), BusError> {
        if self.received.len() >= at_most {
            return Err(WireError("it is longer than allowed").into());
        }
        let read = self.stream.read_buf(&mut self.received).await;
        match read.map_err(BusError::Lost)? {
            0 => Err(BusError::Lost(std::io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }

    /// `EXTERNAL`: the kernel tells the bus who connected; the user id must be repeated, as
    /// the hexadecimal digits of its decimal ones.
    async fn authenticate(&mut self, uid: u32) -> Result<(), BusError> {
        let uid = uid.to_string();
        let hex: String = uid.bytes().map(|digit| format!("{digit:02x}")).collect();
        let hello = format!("\0AUTH EXTERNAL {hex}\r\n");
        let sent = self.stream.write_all(hello.as_bytes()).await;
        sent.map_err(BusError::Lost)?;
        let answer = loop {
            if let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") {
                break self.received.drain(..end + 2).collect::<Vec<u8>>();
            }
            self.fill(LONGEST_LINE).await?;
        };
        if !answer.starts_with(b"OK ") {
            let answer = String::from_utf8_lossy(&answer).trim_end().to_owned();
            return Err(BusError::NotAllowed(answer));
        }
        let sent = self.stream.write_all(b"BEGIN\r\n").await;
        sent.map_err(BusError::Lost)
    }
}

/// The path in the first `unix:path=…` of an address list, its `%xx` decoded.
pub(super) fn socket(address: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = address.split(';').find_map(|one| {
        let keys = one.strip_prefix("unix:")?;
        keys.split(',').find_map(|key| key.strip_prefix("path="))
    })?;
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_specification_writes_them() {
        for (address, path) in [
            (SYSTEM_BUS, Some("/run/dbus/system_bus_socket")),
            ("unix:guid=1,path=/a%20b", Some("/a b")),
            ("tcp:host=x;unix:path=/b", Some("/b")),
            ("unix:abstract=/c", None),
            ("unix:path=/a%2", None),
            ("unix:path=/a%zz", None),
            ("", None),
        ] {
            assert_eq!(socket(address), path.map(PathBuf::from), "{address}");
        }
    }
}
