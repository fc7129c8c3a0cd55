//! Something in front of the console that answers in its place, as a proxy, an overloaded
//! server or a hotel's network does: with the console's own certificate, so that TLS finds
//! nothing wrong.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};

/// For something to come about on a machine that builds meanwhile.
const SOON: Duration = Duration::from_secs(120);
/// For one request to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the front does with a connection.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Hands it on to the console.
    Forward,
    /// Answers every request with this: status line, headers and body.
    Answer(&'static str),
    /// Hands each request on, but for those with the idempotency key of the first one whose
    /// first line begins so: they are answered with this.
    FailAtOne(&'static str, &'static str),
    /// Takes it and says nothing, ever.
    Silent,
}

/// A listening front. It ends with the test.
pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    config: Arc<ServerConfig>,
    /// Who the console is to the front.
    client: Arc<ClientConfig>,
    state: Mutex<State>,
    /// Rung when somebody came.
    came: Condvar,
}

struct State {
    manner: Manner,
    behind: SocketAddr,
    /// Those that are open, to be cut when the manner changes.
    open: Vec<TcpStream>,
    /// The idempotency key of the requests that fail.
    failing: Option<String>,
    /// The first line of each request that was answered here, and when it came.
    answered: Vec<(String, Instant)>,
    /// Those that hear nothing.
    silent: Vec<TcpStream>,
}

impl Front {
    /// Listens on loopback, before `behind`, with the certificate in the folder `tls`.
    ///
    /// # Panics
    /// The certificate can't be used, or there is no port.
    #[must_use]
    pub fn new(tls: &Path, behind: SocketAddr) -> Self {
        let chain = CertificateDer::pem_file_iter(tls.join("server.pem")).expect("a chain");
        let chain = chain.collect::<Result<_, _>>().expect("a chain");
        let key = PrivateKeyDer::from_pem_file(tls.join("server-key.pem")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let state = State {
            manner: Manner::Forward,
            behind,
            open: Vec::new(),
            failing: None,
            answered: Vec::new(),
            silent: Vec::new(),
        };
        let shared = Arc::new(Shared {
            config: Arc::new(config),
            client: Arc::new(client(tls)),
            state: Mutex::new(state),
            came: Condvar::new(),
        });
        let front = Self {
            address: listener.local_addr().expect("it listens"),
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A connection that fails ends alone.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        front
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Treats connections so from now on. Those that are open are cut, but by a front that
    /// falls silent: whoever has one waits for an answer that never comes.
    pub fn turns(&self, manner: Manner) {
        let mut state = self.shared.state();
        let silent = matches!(manner, Manner::Silent);
        state.manner = manner;
        state.answered.clear();
        state.failing = None;
        let open = std::mem::take(&mut state.open);
        for open in open {
            let how = if silent {
                Shutdown::Read
            } else {
                Shutdown::Both
            };
            // What is closed already needs no closing.
            let _ = open.shutdown(how);
        }
    }

    /// The idempotency key of the requests that fail, once the first of them came.
    #[must_use]
    pub fn failing(&self) -> Option<String> {
        self.shared.state().failing.clone()
    }

    /// Waits until a connection is there that hears nothing.
    ///
    /// # Panics
    /// None comes in time.
    pub fn until_taken(&self) {
        let any = |state: &State| !state.silent.is_empty();
        drop(self.shared.until("connection", any));
    }

    /// Ends the connections that hear nothing.
    pub fn hang_up(&self) {
        for silent in self.shared.state().silent.drain(..) {
            let _ = silent.shutdown(Shutdown::Both);
        }
    }

    /// When each request came that begins so and was answered here since the last turn.
    #[must_use]
    pub fn answered(&self, begins: &str) -> Vec<Instant> {
        self.shared.state().answered(begins)
    }

    /// The same, once there are so many.
    ///
    /// # Panics
    /// They do not come in time.
    #[must_use]
    pub fn until_answered(&self, begins: &str, count: usize) -> Vec<Instant> {
        let enough = |state: &State| state.answered(begins).len() >= count;
        self.shared.until(begins, enough).answered(begins)
    }
}

impl State {
    fn answered(&self, begins: &str) -> Vec<Instant> {
        let answered = self.answered.iter();
        let fits = answered.filter(|(line, _)| line.starts_with(begins));
        fits.map(|(_, at)| *at).collect()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, what: &str, is_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self
            .came
            .wait_timeout_while(self.state(), SOON, |state| !is_so(state));
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "no {what} in {SOON:?}");
        state
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let (manner, behind) = {
            let mut state = self.state();
            state.open.push(stream.try_clone()?);
            (state.manner.clone(), state.behind)
        };
        match manner {
            Manner::Forward => splice(stream, behind),
            Manner::Answer(answer) => self.answer(stream, answer),
            Manner::FailAtOne(begins, answer) => self.fail_at_one(stream, behind, begins, answer),
            Manner::Silent => {
                // Nothing is read, and the end is not told.
                self.state().silent.push(stream);
                self.came.notify_all();
                Ok(())
            }
        }
    }

    fn answer(&self, stream: TcpStream, answer: &str) -> io::Result<()> {
        let mut stream = self.accept(stream)?;
        let Some(request) = request(&mut stream)? else {
            return Ok(());
        };
        self.state()
            .answered
            .push((first_line(&request), Instant::now()));
        self.came.notify_all();
        finish(stream, answer.as_bytes())
    }

    fn fail_at_one(
        &self,
        stream: TcpStream,
        behind: SocketAddr,
        begins: &str,
        answer: &str,
    ) -> io::Result<()> {
        let mut stream = self.accept(stream)?;
        while let Some(request) = request(&mut stream)? {
            let line = first_line(&request);
            let key = header(&request, "idempotency-key").unwrap_or_default();
            if line.starts_with(begins) && self.fails(line, key) {
                return finish(stream, answer.as_bytes());
            }
            let Some(answer) = self.ask(&request, behind)? else {
                return Ok(());
            };
            stream.write_all(&answer)?;
            stream.flush()?;
        }
        Ok(())
    }

    /// Whether a request with this key fails; the first key that is seen is the one.
    fn fails(&self, line: String, key: String) -> bool {
        let mut state = self.state();
        let fails = *state.failing.get_or_insert_with(|| key.clone()) == key;
        if fails {
            state.answered.push((line, Instant::now()));
            self.came.notify_all();
        }
        fails
    }

    /// What the console answers.
    fn ask(&self, request: &[u8], behind: SocketAddr) -> io::Result<Option<Vec<u8>>> {
        let socket = TcpStream::connect(behind)?;
        // The console holds a request for actions for up to 25 s.
        socket.set_read_timeout(Some(PATIENCE * 2))?;
        let name = ServerName::from(behind.ip());
        let connection = ClientConnection::new(Arc::clone(&self.client), name);
        let mut stream = StreamOwned::new(connection.map_err(io::Error::other)?, socket);
        stream.write_all(request)?;
        stream.flush()?;
        self::request(&mut stream)
    }

    fn accept(&self, stream: TcpStream) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let connection = ServerConnection::new(Arc::clone(&self.config));
        Ok(StreamOwned::new(
            connection.map_err(io::Error::other)?,
            stream,
        ))
    }
}

/// One request, or one answer, with all its body; none if the other end closed before.
fn request(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let (mut head, mut length) = (None, 0);
    // It is read whole: a connection that is closed before resets it.
    while head.is_none_or(|head| request.len() < head + length) {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(None);
        }
        request.extend_from_slice(&buffer[..read]);
        if head.is_none()
            && let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n")
        {
            head = Some(end + 4);
            length = header(&request[..end], "content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or(0);
        }
    }
    Ok(Some(request))
}

/// Says the last word on a connection.
fn finish(mut stream: StreamOwned<ServerConnection, TcpStream>, answer: &[u8]) -> io::Result<()> {
    stream.write_all(answer)?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn first_line(request: &[u8]) -> String {
    let line = String::from_utf8_lossy(request);
    line.lines().next().unwrap_or_default().to_owned()
}

/// The value of a header, in lower case.
fn header(request: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let head = text.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found == name).then(|| value.trim().to_owned())
    })
}

/// What trusts the console.
fn client(tls: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(tls.join("ca.pem")).expect("an authority");
    roots.add(authority).expect("an authority");
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn splice(near: TcpStream, behind: SocketAddr) -> io::Result<()> {
    let far = TcpStream::connect(behind)?;
    let (near_too, far_too) = (near.try_clone()?, far.try_clone()?);
    let back = thread::spawn(move || carry(far_too, near_too));
    carry(near, far);
    drop(back.join());
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    // Either end may be cut; then both are.
    drop(io::copy(&mut from, &mut to));
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
