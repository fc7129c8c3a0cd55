//! The one way to a server that is not asked over HTTP: straight, through a proxy
//! (CONNECT), and on a WebSocket where only web traffic leaves the network.
//!
//! Every connection is TLS by the process's one configuration ([`Trust`]), and the proxy is
//! the one that HTTPS uses ([`ProxySettings`]). What each hop did is kept in words, so that
//! a person can tell a proxy that refuses from a server that is down.

mod address;
mod hop;
mod proxy_connect;
mod reply;
mod websocket;

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use address::Carrier;
pub(crate) use address::HostPort;
pub use address::{BrokerAddress, BrokerAddressError};
pub use hop::{ConnectError, Hop};
use hop::{Role, Trail};
pub use websocket::{Upgrade, WebSocket};

use crate::{BuildError, ProxySettings, Trust, cause, proxy::ProxyRoute};

/// For the name look-up and TCP together.
const TCP: Duration = Duration::from_secs(15);
/// For a TLS handshake.
const TLS: Duration = Duration::from_secs(15);
/// For the answer of a proxy, or of a server to the upgrade to a WebSocket: a proxy
/// answers only when it has connected itself.
const ANSWER: Duration = Duration::from_secs(30);

/// A connected stream, whatever it runs over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes connections. Cloning shares the TLS configuration.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
    web_tls: TlsConnector,
    proxy: ProxySettings,
}

/// A connection and how it came about.
pub(crate) struct Connected {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) hops: Vec<Hop>,
}

impl Connector {
    /// Reads the authorities of `trust`: call it at start, outside of latency-sensitive
    /// tasks.
    ///
    /// # Errors
    /// When a configured CA or proxy can't be used, or no authority is trusted at all.
    pub fn new(trust: &Trust, proxy: &ProxySettings) -> Result<Self, BuildError> {
        let web = trust.client_config()?;
        // A broker is not asked for a protocol: many refuse names that they don't know.
        let mut plain = web.clone();
        plain.alpn_protocols.clear();
        // What can't be read is told now, not at the first connection.
        proxy.proxy()?;
        let connector = |config: ClientConfig| TlsConnector::from(Arc::new(config));
        Ok(Self {
            tls: connector(plain),
            web_tls: connector(web),
            proxy: proxy.clone(),
        })
    }

    /// Connects to `broker`.
    ///
    /// # Errors
    /// The first hop that failed, after those that did not.
    pub(crate) async fn connect(&self, broker: &BrokerAddress) -> Result<Connected, ConnectError> {
        let mut trail = Trail::default();
        match self.reach(broker, &mut trail).await {
            Ok(stream) => Ok(Connected {
                stream,
                hops: trail.done(),
            }),
            Err(reason) => Err(trail.failed(reason)),
        }
    }

    async fn reach(
        &self,
        broker: &BrokerAddress,
        trail: &mut Trail,
    ) -> Result<Box<dyn Stream>, String> {
        let server = broker.server();
        let stream = match self.proxy.route(server.host(), server.port())? {
            None => {
                trail.at(Role::Server, server);
                tcp(server).await?
            }
            Some(proxy) => {
                trail.at(Role::Proxy, &proxy.address);
                let stream = through(&proxy, &self.web_tls, server).await?;
                trail.ok(format!("opened a way to {server}"));
                trail.at(Role::Server, server);
                stream
            }
        };
        match broker.carrier() {
            Carrier::Tls => {
                let stream = tls(&self.tls, server, stream).await?;
                trail.ok("connected with TLS".to_owned());
                Ok(stream)
            }
            Carrier::WebSocket { path } => {
                let stream = tls(&self.web_tls, server, stream).await?;
                let upgraded = WebSocket::open(stream, server, path);
                let stream = within(ANSWER, upgraded).await?;
                trail.ok("connected with a WebSocket over TLS".to_owned());
                Ok(Box::new(stream))
            }
        }
    }
}

/// A way to `server` that `proxy` opens. `web_tls` is for a proxy that is spoken to over TLS.
pub(crate) async fn through(
    proxy: &ProxyRoute,
    web_tls: &TlsConnector,
    server: &HostPort,
) -> Result<Box<dyn Stream>, String> {
    let stream = tcp(&proxy.address).await?;
    let stream = match proxy.is_tls {
        false => stream,
        true => tls(web_tls, &proxy.address, stream).await?,
    };
    let credentials = proxy.authorization.as_deref();
    within(ANSWER, proxy_connect::tunnel(stream, server, credentials)).await
}

async fn tcp(to: &HostPort) -> Result<Box<dyn Stream>, String> {
    let connect = async {
        let addresses = lookup_host((to.host(), to.port())).await.map_err(|_| {
            "its name is not known: check the address and the device's DNS".to_owned()
        })?;
        let mut last = "its name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = cause::of(&error),
            }
        }
        Err(last)
    };
    let stream = within(TCP, connect).await?;
    // Packets are small and somebody waits for each.
    stream
        .set_nodelay(true)
        .map_err(|error| cause::of(&error))?;
    Ok(Box::new(stream))
}

pub(crate) async fn tls(
    connector: &TlsConnector,
    to: &HostPort,
    stream: Box<dyn Stream>,
) -> Result<Box<dyn Stream>, String> {
    let name = ServerName::try_from(to.host().to_owned())
        .map_err(|_| "its name is none that a certificate can have".to_owned())?;
    let handshake = async {
        let stream = connector.connect(name, stream).await;
        stream.map_err(|error| cause::of(&error))
    };
    Ok(Box::new(within(TLS, handshake).await?))
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let slow = |_| format!("it did not answer within {} s", limit.as_secs());
    timeout(limit, work).await.map_err(slow)?
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
