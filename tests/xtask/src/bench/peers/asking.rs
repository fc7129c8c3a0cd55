//! Servers of figures, asked at the agent's own pace; their answers are counted.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};

use super::programs::Out;

/// For a server to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// For an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How a message of Zabbix begins; its length follows, in eight bytes, the least first.
const ZABBIX: &[u8; 5] = b"ZBXD\x01";
const ZABBIX_HEADER: usize = 13;
/// What it says in place of a value.
const UNSUPPORTED: &[u8] = b"ZBX_NOTSUPPORTED";

/// Somebody who asks until this is dropped.
pub(super) struct Asking {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Asking {
    /// Asks the server at `port` of loopback each `every` for what `out` names, and adds what it
    /// answers to `bytes`.
    pub(super) fn begin(
        out: Out,
        port: u16,
        every: Duration,
        bytes: Arc<AtomicU64>,
    ) -> anyhow::Result<Self> {
        let begun = Instant::now();
        while let Err(error) = asked(out, port, Answer::Value) {
            ensure!(begun.elapsed() < PATIENCE, "port {port}: {error:#}");
            std::thread::sleep(Duration::from_millis(200));
        }
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut due = Instant::now();
            loop {
                bytes.fetch_add(asked(out, port, Answer::Any)?, Relaxed);
                due += every;
                let left = due.saturating_duration_since(Instant::now());
                if stopped.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                    return Ok(());
                }
            }
        });
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Why an answer did not come, if one did not.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(anyhow!("who asks a server failed")),
            None => Ok(()),
        }
    }
}

/// What counts as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The first time, so that nobody is measured who can't tell what it is asked for.
    Value,
    /// From then on: of a process that ends meanwhile Zabbix's agent says that the item is not
    /// supported, as it says to its own server.
    Any,
}

/// Asks once; bytes of the answers.
fn asked(out: Out, port: u16, expected: Answer) -> anyhow::Result<u64> {
    match out {
        Out::Scraped(path) => scraped(path, port),
        Out::Asked(items) => items.iter().map(|item| item_of(item, port, expected)).sum(),
        Out::Printed | Out::Written(_) | Out::Datagrams => Ok(0),
    }
}

fn scraped(path: &str, port: u16) -> anyhow::Result<u64> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    );
    let answer = answer(port, request.as_bytes())?;
    ensure!(
        answer.starts_with(b"HTTP/1.1 200 "),
        "{path}: {}",
        first_line(&answer)
    );
    Ok(answer.len() as u64)
}

fn item_of(item: &str, port: u16, expected: Answer) -> anyhow::Result<u64> {
    let mut request = ZABBIX.to_vec();
    request.extend((item.len() as u64).to_le_bytes());
    request.extend(item.as_bytes());
    let answer = answer(port, &request)?;
    let value = value(&answer).with_context(|| format!("{item}: {}", first_line(&answer)))?;
    ensure!(
        expected == Answer::Any || !value.starts_with(UNSUPPORTED),
        "{item}: {}",
        String::from_utf8_lossy(value)
    );
    Ok(answer.len() as u64)
}

/// What an answer of Zabbix says; none if it is not one.
fn value(answer: &[u8]) -> Option<&[u8]> {
    let rest = answer.strip_prefix(ZABBIX)?;
    let value = rest.get(ZABBIX_HEADER - ZABBIX.len()..)?;
    (!value.is_empty()).then_some(value)
}

fn answer(port: u16, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn first_line(answer: &[u8]) -> String {
    let line = answer.split(|byte| *byte == b'\n').next();
    String::from_utf8_lossy(line.unwrap_or_default())
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn server(answers: &'static [&'static [u8]]) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 512];
                assert!(stream.read(&mut request).unwrap() > 0);
                stream.write_all(answer).unwrap();
            }
        });
        port
    }

    #[test]
    fn answers_are_counted_and_refusals_are_none() {
        let path = Out::Scraped("/metrics");
        let port = server(&[
            b"HTTP/1.1 200 OK\r\n\r\nload 1\n",
            b"HTTP/1.1 404 Not Found\r\n\r\n",
        ]);
        assert_eq!(asked(path, port, Answer::Any).unwrap(), 26);
        let error = asked(path, port, Answer::Any).unwrap_err().to_string();
        assert!(error.contains("404"), "{error}");

        let item = Out::Asked(&["proc.num"]);
        let port = server(&[
            b"ZBXD\x01\x03\0\0\0\0\0\0\x00312",
            b"ZBXD\x01\x10\0\0\0\0\0\0\x00ZBX_NOTSUPPORTED",
            b"ZBXD\x01\x10\0\0\0\0\0\0\x00ZBX_NOTSUPPORTED",
            b"ZBXD\x01\0\0\0\0\0\0\0\0",
        ]);
        assert_eq!(asked(item, port, Answer::Value).unwrap(), 16);
        let error = asked(item, port, Answer::Value).unwrap_err().to_string();
        assert_eq!(error, "proc.num: ZBX_NOTSUPPORTED");
        // A process that ended meanwhile.
        assert_eq!(asked(item, port, Answer::Any).unwrap(), 29);
        assert!(asked(item, port, Answer::Any).is_err());
    }

    #[test]
    fn who_asks_adds_up_answers_and_tells_of_one_that_did_not_come() {
        const OK: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
        let port = server(&[OK, OK, b"HTTP/1.1 500 No\r\n\r\n"]);
        let bytes = Arc::new(AtomicU64::new(0));
        let every = Duration::from_millis(1);
        let asking = Asking::begin(Out::Scraped("/"), port, every, Arc::clone(&bytes)).unwrap();
        // The first was for whether it listens.
        let error = loop {
            if asking.thread.as_ref().unwrap().is_finished() {
                break asking.end().unwrap_err().to_string();
            }
            std::thread::yield_now();
        };
        assert!(error.contains("500"), "{error}");
        assert_eq!(bytes.load(Relaxed), 19);
    }
}
