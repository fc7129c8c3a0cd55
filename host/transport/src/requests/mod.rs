//! Requests that plugins make: each on a connection of its own, to an address that was
//! checked, over TLS by the process's one configuration and through its one proxy.
//!
//! A name is looked up once, here, and what is connected to is the address that came out of
//! it. So it is through a proxy, too: it is asked for a way to that address, and not to the
//! name, which it could find somewhere else. A proxy is the choice of whoever runs the device
//! and is not looked at.
//!
//! The device's own certificate is shown to nobody, and authorities that only the console has
//! are not trusted: a plugin's servers are not the console.

mod answer;
mod body;
mod head;
mod names;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick_core::{
    http::{Origin, Scheme},
    ids::PluginName,
    policy::{HttpAllowed, Rates},
    ports::{BoxFuture, Clock, Http, HttpAnswer, HttpError, HttpOrder},
};
use rustls::client::Resumption;
use tokio::{
    net::TcpStream,
    sync::OnceCell,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    ProxySettings, Trust, cause,
    connector::{self, HostPort, Stream},
};
use names::{Names, SystemNames};

/// For TCP with one address: a name may have others.
const TCP: Duration = Duration::from_secs(10);

/// Most addresses of a name that are tried.
const MOST_ADDRESSES: usize = 4;

/// Sends requests, and counts what each plugin sent in the last minute.
pub struct Requests {
    clock: Arc<dyn Clock>,
    names: Box<dyn Names>,
    rates: Mutex<Rates>,
    way: Mutex<Arc<Way>>,
}

/// How servers are reached.
struct Way {
    trust: Trust,
    proxy: ProxySettings,
    /// Made when it is first needed: reading authorities takes time and memory.
    tls: OnceCell<TlsConnector>,
}

impl Way {
    fn new(trust: Trust, proxy: ProxySettings) -> Arc<Self> {
        let tls = OnceCell::new();
        Arc::new(Self { trust, proxy, tls })
    }

    async fn tls(&self) -> Result<&TlsConnector, HttpError> {
        let made = self.tls.get_or_try_init(|| async {
            let trust = self.trust.clone();
            let config = tokio::task::spawn_blocking(move || trust.client_config()).await;
            let mut config = config
                .map_err(|_| "the authorities were not read".to_owned())?
                .map_err(|error| error.to_string())?;
            // One plugin's sessions are not another's.
            config.resumption = Resumption::disabled();
            Ok(TlsConnector::from(Arc::new(config)))
        });
        made.await.map_err(HttpError::Unavailable)
    }
}

impl Requests {
    /// One that has sent nothing. Nothing is read before the first request.
    pub fn new(clock: Arc<dyn Clock>, trust: Trust, proxy: ProxySettings) -> Self {
        Self::with_names(clock, trust, proxy, Box::new(SystemNames))
    }

    fn with_names(
        clock: Arc<dyn Clock>,
        trust: Trust,
        proxy: ProxySettings,
        names: Box<dyn Names>,
    ) -> Self {
        Self {
            clock,
            names,
            rates: Mutex::default(),
            way: Mutex::new(Way::new(trust, proxy)),
        }
    }

    /// From the next request on these are trusted, and this proxy stands on the way.
    pub fn go_by(&self, trust: Trust, proxy: ProxySettings) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        *way = Way::new(trust, proxy);
    }

    async fn send(&self, plugin: &PluginName, order: &HttpOrder) -> Result<HttpAnswer, HttpError> {
        {
            // Before the name is looked up: that is asked of others, too.
            let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.monotonic();
            rates
                .take(plugin, order.allowed.per_minute, now)
                .map_err(HttpError::TooOften)?;
        }
        let origin = order.target.origin();
        let addresses = self.addresses(origin).await?;
        let addresses = reachable(addresses, &order.allowed)?;
        let way = Arc::clone(&self.way.lock().unwrap_or_else(PoisonError::into_inner));
        let stream = connect(&way, origin, &addresses).await?;
        let mut stream = match origin.scheme() {
            Scheme::Http => stream,
            Scheme::Https => {
                let server = HostPort::new(origin.host(), origin.port());
                let stream = connector::tls(way.tls().await?, &server, stream).await;
                stream.map_err(HttpError::Unreachable)?
            }
        };
        let sent = head::send(&mut *stream, order).await;
        match answer::read(&mut *stream, order.method, order.at_most).await {
            // A server may answer, and close, before it has read everything.
            Err(HttpError::Unreachable(_)) if sent.is_err() => Err(sent
                .err()
                .unwrap_or_else(|| HttpError::Unreachable("the connection was cut".to_owned()))),
            answer => answer,
        }
    }

    async fn addresses(&self, origin: &Origin) -> Result<Vec<IpAddr>, HttpError> {
        if let Some(ip) = origin.ip() {
            return Ok(vec![ip]);
        }
        let found = self.names.look_up(origin.host()).await;
        found.map_err(|_| {
            HttpError::Unreachable(
                "its name is not known to the device: check the address and its DNS".to_owned(),
            )
        })
    }
}

/// The addresses that the grant reaches. Those of one name that it does not are passed over.
fn reachable(addresses: Vec<IpAddr>, allowed: &HttpAllowed) -> Result<Vec<IpAddr>, HttpError> {
    let mut reached = Vec::new();
    let mut refused = None;
    for ip in addresses {
        match allowed.reaches(ip) {
            Ok(()) => reached.push(ip),
            Err(special) => refused = Some(special),
        }
    }
    match (reached.is_empty(), refused) {
        (false, _) => Ok(reached),
        (true, Some(special)) => Err(HttpError::Denied(special)),
        (true, None) => Err(HttpError::Unreachable("its name has no address".to_owned())),
    }
}

/// A way to the first of `addresses` that answers.
async fn connect(
    way: &Way,
    origin: &Origin,
    addresses: &[IpAddr],
) -> Result<Box<dyn Stream>, HttpError> {
    let proxy = way.proxy.route(origin.host(), origin.port());
    let proxy = proxy.map_err(HttpError::Unavailable)?;
    let mut last = String::new();
    for ip in addresses.iter().take(MOST_ADDRESSES) {
        let address = SocketAddr::new(*ip, origin.port());
        let stream = match &proxy {
            None => straight(address).await,
            Some(proxy) => {
                let server = HostPort::new(&ip.to_string(), address.port());
                connector::through(proxy, way.tls().await?, &server)
                    .await
                    .map_err(|error| format!("the proxy {}: {error}", proxy.address))
            }
        };
        match stream {
            Ok(stream) => return Ok(stream),
            Err(reason) => last = reason,
        }
    }
    Err(HttpError::Unreachable(last))
}

async fn straight(address: SocketAddr) -> Result<Box<dyn Stream>, String> {
    let connected = timeout(TCP, TcpStream::connect(address)).await;
    match connected {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(cause::of(&error)),
        Err(_) => Err(format!("it did not answer within {} s", TCP.as_secs())),
    }
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}

impl Http for Requests {
    fn request<'a>(
        &'a self,
        plugin: &'a PluginName,
        order: HttpOrder,
    ) -> BoxFuture<'a, Result<HttpAnswer, HttpError>> {
        Box::pin(async move {
            let end = Instant::now() + order.time_limit;
            let answer = timeout_at(end, self.send(plugin, &order)).await;
            answer.unwrap_or(Err(HttpError::TimedOut))
        })
    }
}

#[cfg(test)]
mod tests;
