//! Renews the certificate while the agent runs.
//!
//! The next key waits in a file until its certificate came, the next certificate until the
//! console has taken it; only then it takes the place of the last one. So the agent can end
//! anywhere, and goes on from there.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use bailiwick_core::enrolment::renewal::{self, Decision};
use bailiwick_transport::{
    Address, Https, ProxySettings, Trust,
    enrol::{EnrolError, Enroller},
};
use tokio::{task::spawn_blocking, time::sleep};

use super::{Identity, private, record::Record};
use crate::{events::Event, random, run::Host};

/// The key that waits for its certificate.
const KEY: &str = "renewal-key.pem";
/// From one look at an expired certificate to the next: the clock may be put right, or the
/// console's.
const EXPIRED: Duration = Duration::from_secs(60 * 60);

/// Renews for ever.
pub(crate) async fn keep(host: Arc<Host>, identity: Arc<Identity>) {
    // Whatever fails here is told, and does not end the agent.
    if let Err(error) = renew_for_ever(&host, &identity).await {
        let reason = format!("{error:#}");
        host.tell(Event::CertificateNotRenewed { reason }).await;
    }
}

async fn renew_for_ever(host: &Host, identity: &Identity) -> anyhow::Result<()> {
    let mut draw = random::number()?;
    let mut failures = 0;
    let mut expiry_told = false;
    loop {
        let validity = identity.validity()?;
        let decision = renewal::decide(validity, draw, host.clock.now());
        // One that came before the agent ended is tried at once, however the last one stands.
        let waits = failures == 0 && Record::read_next(&identity.folder)?.is_some();
        match decision {
            Decision::Wait(pause) if !waits => {
                sleep(pause).await;
                continue;
            }
            Decision::Expired if !waits => {
                if !expiry_told {
                    let device = identity.device().to_string();
                    host.tell(Event::CertificateExpired { device }).await;
                    expiry_told = true;
                }
                failures = 0;
                sleep(EXPIRED).await;
                continue;
            }
            Decision::Wait(_) | Decision::Expired | Decision::Renew => {}
        }
        match renew(identity).await {
            Ok(()) => {
                (failures, expiry_told, draw) = (0, false, random::number()?);
                let until = identity.validity()?.until;
                host.tell(Event::CertificateRenewed { until }).await;
            }
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    let reason = format!("{error:#}");
                    host.tell(Event::CertificateNotRenewed { reason }).await;
                }
                sleep(renewal::pause(validity, failures)).await;
            }
        }
    }
}

async fn renew(identity: &Identity) -> anyhow::Result<()> {
    let folder = identity.folder.clone();
    let current = identity.record();
    let next = match on_disk(&folder, |folder| Record::read_next(&folder)).await? {
        // One of another enrolment is left from before it.
        Some(next) if next.token == current.token && next.device()? == identity.device() => next,
        _ => obtain(identity, &current).await?,
    };
    // A connection of its own, so that it is this certificate that is taken or not.
    let trust = Trust::os()
        .and_pem(current.authority.as_str())
        .and_credentials(next.credentials()?);
    match console(&current, &trust)?
        .is_known_as(identity.device())
        .await
    {
        Ok(()) => {}
        Err(error @ EnrolError::Refused(_)) => {
            // It will never be: the next attempt begins anew, while the last one holds.
            on_disk(&folder, |folder| Record::drop_next(&folder)).await?;
            return Err(error).context("the new certificate");
        }
        Err(error) => return Err(error).context("the new certificate could not be tried"),
    }
    on_disk(&folder, |folder| Record::promote_next(&folder)).await?;
    identity.replace(next)
}

/// The next certificate, for the next key, as the device that the last one shows.
async fn obtain(identity: &Identity, current: &Record) -> anyhow::Result<Record> {
    let folder = identity.folder.clone();
    let key = on_disk(&folder, |folder| private::waiting_key(&folder, KEY)).await?;
    let request = key.request(&identity.device())?;
    let issued = console(current, &identity.extend(Trust::os()))?
        .renew(request)
        .await?;
    ensure!(
        issued.certificate.device() == identity.device(),
        "the console answered with the certificate of another device"
    );
    let next = current.renewed(issued.pem, &key)?;
    let kept = next.clone();
    on_disk(&folder, move |folder| {
        kept.write_next(&folder)?;
        private::remove(&folder, KEY)
    })
    .await?;
    Ok(next)
}

fn console(record: &Record, trust: &Trust) -> anyhow::Result<Enroller> {
    let proxy = ProxySettings::new(None, |name| std::env::var(name).ok());
    let https = Https::new(trust, &proxy)?;
    Ok(Enroller::new(&https, &record.console.parse::<Address>()?))
}

/// Away from the threads that run plugins.
async fn on_disk<T: Send + 'static>(
    folder: &std::path::Path,
    work: impl FnOnce(PathBuf) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let folder = folder.to_owned();
    spawn_blocking(move || work(folder)).await?
}
