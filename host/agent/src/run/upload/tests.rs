//! The real outbox and the real client, against a console that fails as a test says.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bailiwick_core::{
    sending::Patience,
    time::{Monotonic, Timestamp},
};
use bailiwick_store::{Outgoing, What, kept_events, look};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer},
};

use super::*;
use crate::{
    cli::Common,
    run::{Output, start},
    second_line::SecondLine,
    settings::Sources,
};

/// For something to come about on a machine that builds meanwhile.
const SOON: Duration = Duration::from_secs(120);
/// Short, so that a test sees its end.
const HASTE: Patience = Patience {
    attempts: 2,
    doubted_after: Duration::ZERO,
    alone: 3,
    quarantined_after: Duration::ZERO,
    first_pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(10),
};

const STORED: (&str, &str) = ("200 OK", r#"{"result":"stored"}"#);
const NEED_FULL: (&str, &str) = ("409 Conflict", r#"{"result":"need-full"}"#);
const REFUSED: (&str, &str) = ("400 Bad Request", r#"{"result":"refused"}"#);
const OH: (&str, &str) = ("500 Oh", "oh");

/// A console that answers each key as it was told.
struct Console {
    port: u16,
    ca_pem: String,
    /// Each key that came, and the status of its answer.
    seen: Arc<Mutex<Vec<(String, &'static str)>>>,
}

impl Console {
    async fn start(
        answers: impl Fn(&str) -> (&'static str, &'static str) + Send + 'static,
    ) -> Self {
        let (acceptor, ca_pem) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let Some(key) = request(&mut stream).await else {
                    continue;
                };
                let (status, body) = answers(&key);
                noted.lock().unwrap().push((key, status));
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                // Who asked may be gone.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, ca_pem, seen }
    }

    /// The keys of reports that it took, in order.
    fn took(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let took = seen
            .iter()
            .filter(|(key, status)| *status != OH.0 && !is_of_events(key));
        took.map(|(key, _)| key.clone()).collect()
    }
}

fn is_of_events(key: &str) -> bool {
    key.contains("-events-")
}

/// The idempotency key of the next request; none if it does not arrive.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await.ok()? > 0 {
        let key = whole(&request);
        if key.is_some() {
            return key;
        }
    }
    None
}

/// The idempotency key of a request that is there with all its body.
fn whole(request: &[u8]) -> Option<String> {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let length: usize = header("content-length: ")?.parse().ok()?;
    (request.len() >= end + length).then(|| header("idempotency-key: ").unwrap().to_owned())
}

fn tls() -> (TlsAcceptor, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let server = server.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![server.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

/// An agent without plugins that sends its reports to `console`.
struct Device {
    host: Arc<Host>,
    need_full: mpsc::Receiver<PluginName>,
    _folder: tempfile::TempDir,
    _destinations: watch::Sender<Option<Destination>>,
}

impl Device {
    async fn start(console: &Console, waiting: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, &console.ca_pem).unwrap();
        let common = Common {
            data: Some(folder.path().join("data")),
            settings_file: None,
            json: true,
        };
        let set = [
            ("report-url", format!("https://127.0.0.1:{}/", console.port)),
            ("update-url", "https://127.0.0.1:1/".to_owned()),
            ("root-sha256", "0".repeat(64)),
            ("ca-file", ca_file.display().to_string()),
        ];
        let set = set.map(|(name, value)| (name.to_owned(), value));
        let sources = Sources::new(&common, &set).unwrap();
        let parts = start::start(&sources, SecondLine::default(), Output::Json)
            .await
            .unwrap();
        let (destinations, destination) = watch::channel(parts.destination);
        let (need, need_full) = mpsc::channel(16);
        let device = Self {
            host: parts.host,
            need_full,
            _folder: folder,
            _destinations: destinations,
        };
        for key in waiting {
            device.put(key).await;
        }
        let host = Arc::clone(&device.host);
        let for_events = destination.clone();
        tokio::spawn(async move { events::run(&host, for_events).await });
        let host = Arc::clone(&device.host);
        tokio::spawn(async move {
            let turns = turn::Turns::new();
            lane::run(&host, (Lane::Reports, HASTE), destination, &turns, need).await
        });
        device
    }

    async fn put(&self, key: &str) {
        let what = What::Report {
            plugin: "pressure".parse().unwrap(),
            kind: "differential".to_owned(),
        };
        let one = Outgoing {
            what,
            key: key.to_owned(),
            at: Timestamp::from_ms(1_795_000_000_000),
            body: vec![7; 40],
            beside: None,
        };
        assert!(self.host.put(one).await.unwrap());
    }

    async fn figures(&self) -> bailiwick_store::OutboxFigures {
        self.host.store.outbox().figures().await.unwrap()
    }

    /// Waits until nothing waits any more; `meanwhile` is done again and again.
    async fn until_nothing_waits(&self, mut meanwhile: impl AsyncFnMut()) {
        let begun = self.host.clock.monotonic();
        let passed = |now: Monotonic| now.since(begun);
        while self.figures().await.reports.waiting > 0 {
            assert!(
                passed(self.host.clock.monotonic()) < SOON,
                "something waits"
            );
            meanwhile().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn one_report_that_the_console_fails_at_holds_up_no_other_and_is_given_up_in_the_end() {
    // As the real console answers what follows on a report that it has not.
    let console = Console::start(|key| match key {
        events if is_of_events(events) => STORED,
        "poison" => OH,
        after if after.starts_with("after") => NEED_FULL,
        _ => STORED,
    });
    let console = console.await;
    let mut device = Device::start(
        &console,
        &["before", "poison", "after", "after-2", "after-3", "more"],
    )
    .await;
    let plugin = timeout(SOON, device.need_full.recv()).await.unwrap();
    assert_eq!(
        plugin.unwrap().as_str(),
        "pressure",
        "a full one is asked for"
    );
    let number = AtomicUsize::new(0);
    device
        .until_nothing_waits(async || {
            // Something gets through from time to time; it is not given up otherwise.
            let waits = device.figures().await.reports.waiting;
            if waits <= 1 && number.load(Relaxed) < 20 {
                device
                    .put(&format!("new-{}", number.fetch_add(1, Relaxed)))
                    .await;
            }
        })
        .await;
    let mut expected: Vec<_> = ["before", "after", "after-2", "after-3", "more"]
        .map(str::to_owned)
        .to_vec();
    expected.extend((0..number.load(Relaxed)).map(|number| format!("new-{number}")));
    assert_eq!(console.took(), expected, "each once, in order");
    assert!(device.need_full.try_recv().is_err(), "one for all three");
    let figures = device.figures().await;
    assert_eq!((figures.given_up, figures.reports.dropped), (1, 0));
    let kept = device.host.store.look(look::given_up).await.unwrap();
    assert_eq!((kept[0].key.as_str(), kept[0].body.len()), ("poison", 40));
    let events = device
        .host
        .store
        .look(|database| kept_events(database, None))
        .await
        .unwrap();
    let lines: Vec<_> = events
        .iter()
        .map(|event| String::from_utf8_lossy(&event.line))
        .collect();
    let told = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(
        told("is passed over, for others get through"),
        1,
        "{lines:?}"
    );
    assert_eq!(told(r#""event":"dropped","key":"poison""#), 1, "{lines:?}");
    let standing = device.host.standing.list();
    let some = standing.iter().find(|outage| outage.what == "some reports");
    assert!(
        some.is_some_and(|some| some.until.is_some()),
        "{standing:?}"
    );
}

#[tokio::test]
async fn a_console_that_fails_at_everything_loses_nothing() {
    let asked = AtomicUsize::new(0);
    let console = Console::start(move |key| match key {
        events if is_of_events(events) => STORED,
        _ if asked.fetch_add(1, Relaxed) < 5 => OH,
        _ => STORED,
    });
    let console = console.await;
    let keys = ["a", "b", "c", "d", "e", "f"];
    let device = Device::start(&console, &keys).await;
    device.until_nothing_waits(async || {}).await;
    let took = console.took();
    let mut sorted = took.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, keys, "each once");
    // The one that was tried when it was well again is ahead of its turn.
    let rest: Vec<_> = keys.iter().filter(|key| *key != &took[0]).collect();
    assert!(took[1..].iter().eq(rest), "{took:?}");
    let figures = device.figures().await;
    assert_eq!((figures.given_up, figures.reports.dropped), (0, 0));
}

/// As a console that is older than the agent may.
#[tokio::test]
async fn a_console_that_refuses_events_is_not_asked_for_more_than_there_are() {
    let console = Console::start(|_| REFUSED).await;
    let device = Device::start(&console, &[]).await;
    let kept = async || {
        let events = device
            .host
            .store
            .look(|database| kept_events(database, None));
        events.await.unwrap().len()
    };
    for number in 1..=3 {
        let what = format!("number {number}");
        device.host.tell(Event::Quarantined { what }).await;
        // That it was refused is an event of the device itself.
        let begun = device.host.clock.monotonic();
        while kept().await < 2 * number {
            let passed = device.host.clock.monotonic().since(begun);
            assert!(passed < SOON, "{:?}", console.seen);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let seen = console.seen.lock().unwrap().clone();
        assert_eq!(seen.len(), number, "{seen:?}");
    }
}
