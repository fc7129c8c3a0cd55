//! Where the agent reads updates and sends reports, as its settings say.

use std::sync::Arc;

use bailiwick_core::{ports::Fetch, settings::Settings};
use bailiwick_transport::{Address, Endpoint, Events, Https, ProxySettings, Reports, Trust};

/// Where reports and events go.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) reports: Reports,
    pub(crate) events: Events,
}

/// Both directions.
pub(crate) struct Connections {
    pub(crate) endpoint: Arc<dyn Fetch>,
    /// None if the settings name no place for reports: they are kept on the device.
    pub(crate) destination: Option<Destination>,
}

impl Connections {
    /// As `settings` say. Nothing is connected yet.
    ///
    /// # Errors
    /// The file of the certificate authority can't be read.
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let mut trust = Trust::os();
        if let Some(file) = &settings.ca_file {
            trust = trust.and_file(file);
        }
        let proxy = ProxySettings::new(None, |name| std::env::var(name).ok());
        let https = Https::new(&trust, &proxy)?;
        let destination = match &settings.report_url {
            Some(url) => {
                let address = url.parse::<Address>()?;
                Some(Destination {
                    reports: Reports::new(&https, &address),
                    events: Events::new(&https, &address),
                })
            }
            None => None,
        };
        let update = settings.update_url.parse::<Address>()?;
        Ok(Self {
            endpoint: Arc::new(Endpoint::new(&https, update)),
            destination,
        })
    }
}
