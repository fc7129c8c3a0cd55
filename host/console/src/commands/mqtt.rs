//! The MQTT side of `serve`: a broker of its own, or somebody else's.

use std::{io::ErrorKind, net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context as _;
use bailiwick_transport::{BrokerAddress, Connector, ProxySettings, Trust, enrol, mqtt::Login};
use tokio::sync::watch;

use crate::{
    broker::{
        Broker, Door,
        foreign::{Entrance, Ingest},
        hints,
    },
    cli::Serve,
    server::{Context, Identity},
    store::Way,
};

/// Port of MQTT over TLS, as it is registered.
const PORT: u16 = 8883;

/// Where devices' messages come from.
pub(super) enum Mqtt {
    Embedded(Box<Broker>),
    Foreign {
        ingest: Box<Ingest>,
        connector: Connector,
        address: BrokerAddress,
    },
}

/// Tells when the repository changes.
pub(super) struct Hints(watch::Sender<Option<u64>>);

impl Mqtt {
    /// As `arguments` say.
    pub(super) async fn bind(
        arguments: &Serve,
        identity: Identity,
        context: &Context,
        stop: &watch::Receiver<bool>,
    ) -> anyhow::Result<(Self, Hints)> {
        let (tell, hint) = watch::channel(None);
        let (entrance, stop) = (entrance(context), stop.clone());
        let mqtt = match &arguments.broker {
            Some(address) => {
                let login = arguments.broker_login.as_deref();
                let ingest = Ingest {
                    login: login.map(Login::read).transpose()?,
                    entrance,
                    hint,
                    stop,
                };
                Self::Foreign {
                    ingest: Box::new(ingest),
                    connector: connector(arguments.broker_ca.as_deref())?,
                    address: address.clone(),
                }
            }
            None => {
                let bind = |at| {
                    let (identity, entrance) = (identity.clone(), entrance.clone());
                    Broker::bind(at, identity, entrance, hint.clone(), stop.clone())
                };
                let usual = SocketAddr::new(arguments.listen.ip(), PORT);
                let at = arguments.mqtt.unwrap_or(usual);
                let bound = match bind(at).await {
                    // Another broker may be on this machine.
                    Err(error)
                        if arguments.mqtt.is_none() && error.kind() == ErrorKind::AddrInUse =>
                    {
                        bind(SocketAddr::new(at.ip(), 0)).await
                    }
                    bound => bound,
                };
                let bound = bound.with_context(|| {
                    format!("{at} can't be listened on for MQTT: choose another with --mqtt")
                })?;
                Self::Embedded(Box::new(bound))
            }
        };
        Ok((mqtt, Hints(tell)))
    }

    /// Where devices are to connect to.
    pub(super) fn address(&self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Embedded(broker) => format!("mqtts://{}", broker.address()?),
            Self::Foreign { address, .. } => address.to_string(),
        })
    }

    /// Where devices find it, as they are told when they are enrolled.
    pub(super) fn for_devices(&self) -> anyhow::Result<enrol::Broker> {
        Ok(match self {
            Self::Embedded(broker) => enrol::Broker::Port(broker.address()?.port()),
            Self::Foreign { address, .. } => enrol::Broker::Address(address.to_string()),
        })
    }

    /// The way in for who comes on a WebSocket.
    pub(super) fn door(&self) -> Option<Door> {
        match self {
            Self::Embedded(broker) => Some(broker.door()),
            Self::Foreign { .. } => None,
        }
    }

    /// Works until it is told to stop.
    pub(super) async fn run(self) {
        match self {
            Self::Embedded(broker) => broker.run().await,
            Self::Foreign {
                ingest,
                connector,
                address,
            } => ingest.run(connector, address).await,
        }
    }
}

impl Hints {
    /// Looks at the repository until `stop` is set.
    pub(super) async fn watch(self, public: &Path, stop: watch::Receiver<bool>) {
        hints::watch(public, self.0, stop).await;
    }
}

fn entrance(context: &Context) -> Entrance {
    Entrance {
        inlet: context.inlet.clone().on(Way::Mqtt),
        enrolment: Arc::clone(&context.enrolment),
        now: context.now,
        actions: context.actions.clone(),
    }
}

/// The way to somebody else's broker: as devices go to theirs.
fn connector(ca: Option<&Path>) -> anyhow::Result<Connector> {
    let mut trust = Trust::os();
    if let Some(file) = ca {
        trust = trust.and_file(file);
    }
    let proxy = ProxySettings::new(None, |name| std::env::var(name).ok());
    Ok(Connector::new(&trust, &proxy)?)
}
