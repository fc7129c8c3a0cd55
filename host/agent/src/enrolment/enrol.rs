//! `bailiwick enrol`.

use std::{
    io::{BufRead as _, Read as _},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use bailiwick_core::{
    bytes::ByteCount,
    digest::Sha256,
    enrolment::Token,
    ids::DeviceId,
    ports::{Clock as _, Fetch as _, FetchError},
};
use bailiwick_device::SystemClock;
use bailiwick_store::Store;
use bailiwick_transport::{
    Address, Endpoint, Https, ProxySettings, Trust,
    enrol::{DeviceKey, EnrolError, Enroller},
};
use serde_json::json;

use super::{
    private,
    record::{Record, Told},
};
use crate::{cli, settings::Sources};

/// The key that waits for its certificate.
const KEY: &str = "enrolment-key.pem";
/// Longest line with a token, in bytes.
const LONGEST_TOKEN: u64 = 4 * 1024;
/// Longest root metadata, in bytes.
const ROOT: ByteCount = ByteCount::mib(1);

/// Enrols this device with a token.
///
/// # Errors
/// Nothing is different then, but for a key that waits for another attempt.
pub(crate) async fn enrol(
    common: &cli::Common,
    arguments: &cli::Enrol,
) -> anyhow::Result<ExitCode> {
    let token: Token = read_token(&arguments.token)?.trim().parse()?;
    let folder = Sources::new(common, &[])?.data_dir()?;
    std::fs::create_dir_all(&folder).with_context(|| {
        format!(
            "the data folder {} can't be made: run as a user who may write there, or name \
             another with --data",
            folder.display()
        )
    })?;
    // Open until the end, so that no agent runs meanwhile, and no second enrolment.
    let (store, _) = Store::open(&folder, SystemClock::new().now())
        .await
        .context("a running agent must be stopped before the device is enrolled")?;
    let before = Record::read(&folder)?;
    let record = match before {
        Some(record) if record.token == token.secret.digest() => record,
        before => {
            let device = match &before {
                Some(record) => record.device()?,
                None => store.device_id().await?,
            };
            let record = ask(&token, device, &private::waiting_key(&folder, KEY)?).await?;
            // Of another enrolment; there is nothing to renew any more.
            Record::drop_next(&folder)?;
            record.write(&folder)?;
            record
        }
    };
    private::remove(&folder, KEY)?;
    tell(common, &folder, &record)?;
    Ok(ExitCode::SUCCESS)
}

fn read_token(given: &str) -> anyhow::Result<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut token = String::new();
    let mut input = std::io::stdin().lock().take(LONGEST_TOKEN);
    input
        .read_line(&mut token)
        .context("the token can't be read from the standard input")?;
    Ok(token)
}

/// Asks the token's addresses in their order. One that can't be reached is passed over; what
/// a console refuses is refused.
async fn ask(token: &Token, device: DeviceId, key: &DeviceKey) -> anyhow::Result<Record> {
    let mut failures = Vec::new();
    for address in token.addresses() {
        match ask_at(address, token, device, key).await {
            Ok(record) => return Ok(record),
            Err(Failed::There(reason)) => failures.push(reason),
            Err(Failed::Everywhere(error)) => return Err(error),
        }
    }
    bail!(
        "not enrolled, and the token can be used again: {}",
        failures.join("; ")
    )
}

/// Why an attempt failed, and where.
enum Failed {
    /// Another address may do better.
    There(String),
    /// No other one will.
    Everywhere(anyhow::Error),
}

impl From<EnrolError> for Failed {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::Unanswered(reason) => Self::There(reason),
            error => Self::Everywhere(error.into()),
        }
    }
}

async fn ask_at(
    address: &str,
    token: &Token,
    device: DeviceId,
    key: &DeviceKey,
) -> Result<Record, Failed> {
    let everywhere = |error: anyhow::Error| Failed::Everywhere(error);
    let console: Address = address
        .parse()
        .map_err(|error| Failed::There(format!("{address}: {error}")))?;
    let trust = Trust::authority(token.authority);
    let proxy = ProxySettings::new(None, |name| std::env::var(name).ok());
    let https = Https::new(&trust, &proxy).map_err(|error| everywhere(error.into()))?;
    check_root(&https, address, token).await?;
    let request = key.request(&device).map_err(|e| everywhere(e.into()))?;
    let issued = Enroller::new(&https, &console)
        .enrol(&token.secret, request)
        .await?;
    let recorded = || {
        ensure!(
            issued.certificate.device() == device,
            "the console at {address} answered with the certificate of another device"
        );
        let authority = trust.found();
        let told = Told {
            token: token.secret.digest(),
            console: with_slash(address),
            mqtt: issued.mqtt,
            root: token.root,
            group: token.group.clone(),
            authority: authority.context("the console did not present its authority")?,
        };
        Record::new(told, issued.pem, key)
    };
    recorded().map_err(everywhere)
}

/// The repository must be the one that the token names, before the token is used up.
async fn check_root(https: &Https, address: &str, token: &Token) -> Result<(), Failed> {
    let updates = format!("{}updates/", with_slash(address));
    let parsed: Address = updates
        .parse()
        .map_err(|error| Failed::There(format!("{updates}: {error}")))?;
    let root = Endpoint::new(https, parsed)
        .fetch("1.root.json", ROOT)
        .await;
    let root = match root {
        Ok(root) => root,
        Err(error @ FetchError::Unreachable { .. }) => {
            return Err(Failed::There(error.to_string()));
        }
        Err(error) => return Err(Failed::There(format!("the first root: {error}"))),
    };
    let found = root.as_deref().map(Sha256::of);
    if found == Some(token.root) {
        return Ok(());
    }
    let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
    Err(Failed::Everywhere(anyhow::anyhow!(
        "not enrolled: the repository at {updates} is not the one that the token names (sha256 \
         of its first root: {found}; of the token's: {}): ask for a new token where this one \
         came from, and tell them",
        token.root
    )))
}

fn with_slash(address: &str) -> String {
    format!("{}/", address.trim_end_matches('/'))
}

fn tell(common: &cli::Common, folder: &Path, record: &Record) -> anyhow::Result<()> {
    let certificate = record.certificate()?;
    let (device, until) = (certificate.device(), certificate.validity().until);
    if common.json {
        let line = json!({
            "device": device.to_string(),
            "console": record.console,
            "expires-ms": until.as_ms(),
        });
        println!("{line}");
        return Ok(());
    }
    println!(
        "enrolled as device {device} with the console at {}\n\
         the certificate holds until {} and is renewed while the agent runs\n\
         next: bailiwick run --data {}",
        record.console,
        crate::print::time(until),
        folder.display()
    );
    Ok(())
}
