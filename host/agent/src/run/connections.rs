//! Where the agent reads updates and sends reports, as its settings say.

use std::sync::Arc;

use bailiwick_core::{ids::DeviceId, ports::Fetch, settings::Settings};
use bailiwick_transport::{
    Address, BrokerAddress, Connector, Endpoint, Events, Files, Https, ProxySettings, Reports,
    Trust,
    actions::{Inbox, Outbound},
    mqtt::{Device, DeviceOptions, Login},
    otlp::Otlp,
};

use super::metrics::Metering;
use crate::enrolment::Identity;

/// Where reports and events go. A clone of an MQTT destination keeps its connection: let it
/// go when there is another destination.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "an agent has one")]
pub(crate) enum Destination {
    /// Straight to the console.
    Https {
        reports: Reports,
        events: Events,
        outcomes: Outbound,
        actions: Inbox,
    },
    /// Through a broker, the console's or another one.
    Mqtt(Device),
}

fn proxy() -> ProxySettings {
    ProxySettings::new(None, |name| std::env::var(name).ok())
}

/// How requests of plugins reach servers: by the authorities of the operating system and the
/// settings. The console's own, and this device's certificate, are between the device and the
/// console.
pub(crate) fn for_plugins(settings: &Settings) -> (Trust, ProxySettings) {
    let trust = match &settings.ca_file {
        Some(file) => Trust::os().and_file(file),
        None => Trust::os(),
    };
    (trust, proxy())
}

/// Both directions.
pub(crate) struct Connections {
    pub(crate) endpoint: Arc<dyn Fetch>,
    /// None if the settings name no place for reports: they are kept on the device.
    pub(crate) destination: Option<Destination>,
    /// Where files go: they take HTTPS, whatever the rest takes.
    pub(crate) files: Option<Files>,
    /// None if the settings name no collector.
    pub(crate) metering: Option<Metering>,
}

impl Connections {
    /// As `settings` say. A broker is connected to from here on, anything else when it is
    /// needed.
    ///
    /// # Errors
    /// The file of the certificate authority, or of the login, can't be read.
    pub(crate) fn new(
        settings: &Settings,
        device: DeviceId,
        identity: Option<&Identity>,
    ) -> anyhow::Result<Self> {
        let mut trust = Trust::os();
        if let Some(identity) = identity {
            trust = identity.extend(trust);
        }
        if let Some(file) = &settings.ca_file {
            trust = trust.and_file(file);
        }
        let proxy = proxy();
        let https = Https::new(&trust, &proxy)?;
        let update = settings.update_url.parse::<Address>()?;
        let files = match &settings.report_url {
            Some(url) => Some(Files::new(&https, &url.parse::<Address>()?)),
            None => None,
        };
        let metering = match &settings.otlp_url {
            Some(url) => Some(Metering {
                otlp: Otlp::new(&https, &url.parse::<Address>()?),
                every: settings.otlp_every.get(),
            }),
            None => None,
        };
        let destination = match (&settings.mqtt_url, &settings.report_url) {
            (Some(url), _) => {
                let broker = url.parse::<BrokerAddress>()?;
                let connector = Connector::new(&trust, &proxy)?;
                let login = settings.mqtt_login_file.as_deref();
                let options = DeviceOptions {
                    broker,
                    id: device,
                    login: login.map(Login::read).transpose()?,
                    ack: settings.ack,
                };
                Some(Destination::Mqtt(Device::start(connector, options)))
            }
            (None, Some(url)) => {
                let address = url.parse::<Address>()?;
                Some(Destination::Https {
                    reports: Reports::new(&https, &address),
                    events: Events::new(&https, &address),
                    outcomes: Outbound::outcomes(&https, &address),
                    actions: Inbox::new(&https, &address, &device),
                })
            }
            (None, None) => None,
        };
        Ok(Self {
            endpoint: Arc::new(Endpoint::new(&https, update)),
            destination,
            files,
            metering,
        })
    }
}
