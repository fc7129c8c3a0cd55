//! A real D-Bus daemon of the test's own, and services on it that answer with as little as their
//! callers need and note what they were asked. The messages are those of the D-Bus Specification
//! 0.43, little-endian, of the few types that occur here.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{net::UnixStream, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// It lets everybody in: it is for one test, in a folder of its own.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>"#;

/// Types of messages, and of the fields of their heads.
const CALL: u8 = 1;
const RETURN: u8 = 2;
const ERROR: u8 = 3;
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_TO: u8 = 5;
const DESTINATION: u8 = 6;
const SENDER: u8 = 7;
const SIGNATURE: u8 = 8;

/// Before the fields of a head: order of bytes, type, flags, version; length, serial; and the
/// length of the fields.
const HEAD: usize = 16;

/// A daemon, until it is dropped.
#[derive(Debug)]
pub struct Bus {
    child: Child,
    socket: PathBuf,
}

/// What a service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub member: String,
    /// Arguments, as they are on the wire.
    pub body: Vec<u8>,
}

/// What a service answers to a method: the type of the arguments and them; none for a method that
/// it does not have.
pub type Answer = fn(&str) -> Option<(&'static str, &'static [u8])>;

/// What a service was asked, in order.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<Asked>>>);

impl Heard {
    /// All of it, until now.
    #[must_use]
    pub fn all(&self) -> Vec<Asked> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bus {
    /// Starts `daemon` as user `uid`, listening at `socket`; its settings lie in `folder`.
    ///
    /// # Panics
    /// It does not listen.
    #[must_use]
    pub fn start(daemon: &Path, folder: &Path, socket: PathBuf, uid: u32) -> Self {
        let settings = folder.join(format!("bus-{uid}.conf"));
        let text = BUS.replace("SOCKET", &socket.display().to_string());
        fs::write(&settings, text).expect("the folder is ours");
        let mut command = Command::new(daemon);
        command
            .arg(format!("--config-file={}", settings.display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if uid != 0 {
            command.uid(uid).gid(uid);
        }
        let mut child = command.spawn().expect("dbus-daemon can be started");
        // Its address is printed once it listens.
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        let read = BufReader::new(output).read_line(&mut line);
        assert!(read.is_ok() && line.starts_with("unix:path="), "{line}");
        Self { child, socket }
    }

    /// As programs are told it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }

    /// Takes `name`, and answers there until the bus ends.
    ///
    /// # Panics
    /// The bus does not give the name.
    #[must_use]
    pub fn serve(&self, name: &str, answer: Answer) -> Heard {
        let mut connection = Connection::open(&self.socket).expect("the bus lets us in");
        connection.take(name).expect("the bus gives the name");
        let heard = Heard::default();
        let notes = heard.clone();
        // It fails once the bus has ended.
        thread::spawn(move || drop(connection.answer(&notes, answer)));
        heard
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Connection {
    stream: UnixStream,
    serial: u32,
}

/// A message with what is looked at of its head.
struct Message {
    kind: u8,
    serial: u32,
    member: String,
    sender: String,
    body: Vec<u8>,
}

impl Connection {
    fn open(socket: &Path) -> io::Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        // As who we are: the bus is told by the kernel, and by this.
        let uid = rustix::process::geteuid().as_raw().to_string();
        let uid: String = uid.bytes().map(|digit| format!("{digit:02x}")).collect();
        stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        let mut said = Vec::new();
        while !said.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            said.extend(byte);
        }
        if !said.starts_with(b"OK ") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.write_all(b"BEGIN\r\n")?;
        Ok(Self { stream, serial: 0 })
    }

    fn take(&mut self, name: &str) -> io::Result<()> {
        self.ask_bus("Hello", "", &[])?;
        let mut body = Vec::new();
        put_text(&mut body, name);
        pad(&mut body, 4);
        body.extend(0_u32.to_le_bytes());
        self.ask_bus("RequestName", "su", &body)
    }

    fn ask_bus(&mut self, member: &str, signature: &str, body: &[u8]) -> io::Result<()> {
        let bus = "org.freedesktop.DBus";
        let mut fields = Vec::new();
        put_field(&mut fields, PATH, 'o', "/org/freedesktop/DBus");
        put_field(&mut fields, INTERFACE, 's', bus);
        put_field(&mut fields, MEMBER, 's', member);
        put_field(&mut fields, DESTINATION, 's', bus);
        self.send(CALL, fields, signature, body)?;
        // The bus also signals that we are there.
        loop {
            match self.receive()?.kind {
                RETURN => return Ok(()),
                ERROR => return Err(io::ErrorKind::PermissionDenied.into()),
                _ => {}
            }
        }
    }

    fn answer(&mut self, heard: &Heard, answer: Answer) -> io::Result<()> {
        loop {
            let message = self.receive()?;
            if message.kind != CALL {
                continue;
            }
            let mut fields = vec![REPLY_TO, 1, b'u', 0];
            fields.extend(message.serial.to_le_bytes());
            put_field(&mut fields, DESTINATION, 's', &message.sender);
            let answered = answer(&message.member);
            // Whoever hears the answer finds it noted.
            heard.lock().push(Asked {
                member: message.member,
                body: message.body,
            });
            match answered {
                Some((signature, body)) => self.send(RETURN, fields, signature, body)?,
                None => {
                    let unknown = "org.freedesktop.DBus.Error.UnknownMethod";
                    put_field(&mut fields, ERROR_NAME, 's', unknown);
                    self.send(ERROR, fields, "", &[])?;
                }
            }
        }
    }

    fn send(
        &mut self,
        kind: u8,
        mut fields: Vec<u8>,
        signature: &str,
        body: &[u8],
    ) -> io::Result<()> {
        if !signature.is_empty() {
            pad(&mut fields, 8);
            fields.extend([SIGNATURE, 1, b'g', 0]);
            put_signature(&mut fields, signature);
        }
        self.serial += 1;
        let mut message = vec![b'l', kind, 0, 1];
        message.extend(length(body).to_le_bytes());
        message.extend(self.serial.to_le_bytes());
        message.extend(length(&fields).to_le_bytes());
        message.extend(fields);
        pad(&mut message, 8);
        message.extend(body);
        self.stream.write_all(&message)
    }

    fn receive(&mut self) -> io::Result<Message> {
        let mut head = vec![0; HEAD];
        self.stream.read_exact(&mut head)?;
        let (kind, body) = (head[1], number(&head, 4)?);
        let (serial, fields) = (number(&head, 8)?, number(&head, 12)?);
        head.resize(HEAD + (fields as usize).next_multiple_of(8), 0);
        self.stream.read_exact(&mut head[HEAD..])?;
        let mut message = Message {
            kind,
            serial,
            member: String::new(),
            sender: String::new(),
            body: vec![0; body as usize],
        };
        self.stream.read_exact(&mut message.body)?;
        let mut at = HEAD;
        while at < HEAD + fields as usize {
            at = at.next_multiple_of(8);
            // Its code, then the length of a signature of one letter, that letter and a zero.
            let (code, of) = (byte(&head, at)?, byte(&head, at + 2)?);
            at += 4;
            match of {
                b'u' => at += 4,
                b'g' => at += 2 + usize::from(byte(&head, at)?),
                _ => {
                    let text = text(&head, at)?;
                    at += 5 + text.len();
                    match code {
                        MEMBER => message.member = text,
                        SENDER => message.sender = text,
                        _ => {}
                    }
                }
            }
        }
        Ok(message)
    }
}

impl Asked {
    /// The texts of a body whose type is of strings and, between them, numbers of 32 bits: `s` and
    /// `u` in `layout`.
    ///
    /// # Panics
    /// It is another body.
    #[must_use]
    pub fn texts(&self, layout: &str) -> Vec<String> {
        let mut at = 0_usize;
        let mut texts = Vec::new();
        for of in layout.chars() {
            at = at.next_multiple_of(4);
            if of == 'u' {
                at += 4;
                continue;
            }
            let text = text(&self.body, at).expect("a text");
            at += 5 + text.len();
            texts.push(text);
        }
        texts
    }
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(length(text.as_bytes()).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

fn put_signature(bytes: &mut Vec<u8>, signature: &str) {
    bytes.push(u8::try_from(signature.len()).expect("it is short"));
    bytes.extend(signature.as_bytes());
    bytes.push(0);
}

fn put_field(fields: &mut Vec<u8>, code: u8, of: char, text: &str) {
    pad(fields, 8);
    fields.push(code);
    put_signature(fields, &of.to_string());
    put_text(fields, text);
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("it is short")
}

fn byte(bytes: &[u8], at: usize) -> io::Result<u8> {
    let byte = bytes.get(at).copied();
    byte.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn number(bytes: &[u8], at: usize) -> io::Result<u32> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map(u32::from_le_bytes)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn text(bytes: &[u8], at: usize) -> io::Result<String> {
    let length = number(bytes, at)? as usize;
    let text = bytes.get(at + 4..at + 4 + length);
    let text = text.and_then(|text| std::str::from_utf8(text).ok());
    text.map(str::to_owned)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}
