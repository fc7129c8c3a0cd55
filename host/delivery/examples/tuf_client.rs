//! Speaks the command line of the public TUF client conformance suite
//! (theupdateframework/tuf-conformance, `CLIENT-CLI.md`), so that the client that devices
//! use is held against it. Options may come before the subcommand:
//!
//! ```text
//! tuf_client --metadata-dir DIR init TRUSTED_ROOT
//! tuf_client --metadata-dir DIR --metadata-url URL refresh
//! tuf_client --metadata-dir DIR --metadata-url URL --target-name NAME
//!            --target-base-url URL --target-dir DIR download
//! ```
//!
//! The suite serves plain http on loopback. This program alone allows that, and refuses
//! every other host.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use bailiwick_core::{
    bytes::ByteCount,
    digest::Sha256,
    ports::{BoxFuture, Fetch, FetchError},
    time::Timestamp,
};
use bailiwick_delivery::Client;

type Failure = Box<dyn std::error::Error>;

/// Stands before target paths, so that one port can tell the suite's two addresses apart.
const TARGETS: &str = "targets/";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tuf_client: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Arguments {
    options: BTreeMap<String, Vec<String>>,
    words: Vec<String>,
}

impl Arguments {
    fn read() -> Result<Self, Failure> {
        let mut arguments = Self::default();
        let mut given = std::env::args().skip(1);
        while let Some(word) = given.next() {
            match word.strip_prefix("--") {
                Some(name) => {
                    let value = given
                        .next()
                        .ok_or_else(|| format!("--{name} needs a value"))?;
                    arguments
                        .options
                        .entry(name.to_owned())
                        .or_default()
                        .push(value);
                }
                None => arguments.words.push(word),
            }
        }
        Ok(arguments)
    }

    fn all(&self, name: &str) -> Result<&[String], Failure> {
        self.options
            .get(name)
            .map(Vec::as_slice)
            .ok_or_else(|| format!("--{name} is missing").into())
    }

    fn one(&self, name: &str) -> Result<&str, Failure> {
        Ok(self.all(name)?.last().ok_or("an option has no value")?)
    }
}

async fn run() -> Result<(), Failure> {
    // The HTTP library wants one, although no TLS is spoken here.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "a TLS provider is installed already")?;
    let arguments = Arguments::read()?;
    let metadata = PathBuf::from(arguments.one("metadata-dir")?);
    let state = metadata.join("state");
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["init", root] => {
            let bytes = fs::read(root)?;
            Client::open(&state, Sha256::of(&bytes))?.install_first_root(&bytes)?;
            fs::write(metadata.join("root.json"), bytes)?;
            Ok(())
        }
        ["refresh"] => {
            let mut session = Session::open(&arguments, &state)?;
            let done = session.client.refresh(&session.server, session.now).await;
            show(&state, &metadata)?;
            Ok(done?)
        }
        ["download"] => {
            let mut session = Session::open(&arguments, &state)?;
            let done = session.download(&arguments).await;
            show(&state, &metadata)?;
            done
        }
        other => Err(format!("init, refresh or download is wanted, not {other:?}").into()),
    }
}

struct Session {
    client: Client,
    server: Loopback,
    now: Timestamp,
}

impl Session {
    fn open(arguments: &Arguments, state: &Path) -> Result<Self, Failure> {
        let first = fs::read(state.join("roots").join("first.json"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        Ok(Self {
            client: Client::open(state, Sha256::of(&first))?.with_targets_beneath(TARGETS),
            server: Loopback {
                metadata: arguments.one("metadata-url")?.to_owned(),
                targets: arguments
                    .one("target-base-url")
                    .unwrap_or_default()
                    .to_owned(),
                http: reqwest::Client::builder().no_proxy().build()?,
            },
            now: Timestamp::from_ms(u64::try_from(now)?),
        })
    }

    async fn download(&mut self, arguments: &Arguments) -> Result<(), Failure> {
        let folder = Path::new(arguments.one("target-dir")?);
        self.client.refresh(&self.server, self.now).await?;
        for path in arguments.all("target-name")? {
            let found = self.client.find(&self.server, path, self.now).await?;
            let found = found.ok_or_else(|| format!("no role lists {path}"))?;
            // One flat file for each target: a path never chooses a folder here.
            let file = folder.join(path.replace('/', "%2F"));
            let kept = fs::read(&file).ok().map(|bytes| Sha256::of(&bytes));
            if kept.is_some() && kept == found.listed.sha256 {
                continue;
            }
            let bytes = self.client.download(&self.server, path, &found).await?;
            fs::write(file, bytes)?;
        }
        Ok(())
    }
}

/// Copies what is verified to where the suite looks for it.
fn show(state: &Path, metadata: &Path) -> Result<(), Failure> {
    let verified = state.join("verified");
    if verified.is_dir() {
        for entry in fs::read_dir(verified)? {
            let entry = entry?;
            fs::copy(entry.path(), metadata.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The suite's server.
struct Loopback {
    metadata: String,
    targets: String,
    http: reqwest::Client,
}

impl Loopback {
    async fn get(&self, path: &str, at_most: ByteCount) -> Result<Option<Vec<u8>>, FetchError> {
        let (base, rest) = match path.strip_prefix(TARGETS) {
            Some(rest) => (&self.targets, rest),
            None => (&self.metadata, path),
        };
        let url = format!("{}/{rest}", base.trim_end_matches('/'));
        let parsed = reqwest::Url::parse(&url).map_err(|_| FetchError::InvalidPath {
            path: path.to_owned(),
        })?;
        let host = parsed.host_str().unwrap_or_default();
        if host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
            return Err(FetchError::InvalidPath { path: url });
        }
        let broken = |error: reqwest::Error| FetchError::Unreachable {
            url: url.clone(),
            reason: error.to_string(),
        };
        let mut answer = self.http.get(parsed).send().await.map_err(broken)?;
        match answer.status().as_u16() {
            200 => {}
            // Object stores answer 403 for what is not there.
            403 | 404 => return Ok(None),
            status => {
                let hint = String::new();
                return Err(FetchError::Status { url, status, hint });
            }
        }
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > at_most.get() {
                return Err(FetchError::TooLarge { url, at_most });
            }
        }
        Ok(Some(bytes))
    }
}

impl Fetch for Loopback {
    fn fetch<'a>(
        &'a self,
        path: &'a str,
        at_most: ByteCount,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, FetchError>> {
        Box::pin(self.get(path, at_most))
    }
}
