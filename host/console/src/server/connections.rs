//! Accepts connections, bounds them, and closes them in order.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    Identity,
    rate::{Origins, Rate},
};
use crate::enrolment::Peer;

/// Connections at once; more wait in the operating system's queue.
const CONNECTIONS: usize = 1_024;
/// New connections from one address: each costs a handshake. A hundred devices behind one
/// address that come back at once are let in.
pub(crate) const ARRIVALS: Rate = Rate {
    burst: 256,
    every: Duration::from_millis(50),
};
/// For the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For the headers of a request, and for silence between two requests.
const HEADERS: Duration = Duration::from_secs(30);
/// Longest life of a connection: one that reads a byte a minute ends too.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// For requests under way when the server stops.
const FAREWELL: Duration = Duration::from_secs(10);
/// Until the next attempt when the operating system refuses a connection, as it does
/// when file descriptors run out.
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection is wrapped in.
#[derive(Clone)]
pub(crate) enum Wire {
    /// TLS, with this certificate.
    Tls(Identity),
    /// Nothing. For loopback alone.
    Plain,
}

/// Serves until `stop` is set. `router` is asked for each connection, with who is at its
/// other end.
pub(crate) async fn serve(
    listener: TcpListener,
    wire: Wire,
    router: impl Fn(Peer) -> Router + Send + Sync + 'static,
    stop: watch::Receiver<bool>,
) {
    let mut stopped = stop.clone();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    let origins = Origins::new(ARRIVALS);
    let router = Arc::new(router);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(_) = open.join_next() => {}
            (stream, client, slot) = accept(&listener, &slots, &origins) => {
                let (wire, router, stop) = (wire.clone(), Arc::clone(&router), stop.clone());
                open.spawn(async move {
                    // How a single connection ends is its client's affair.
                    let _ = timeout(LIFE, connection(stream, client, wire, &*router, stop)).await;
                    drop(slot);
                });
            }
        }
    }
    drop(listener);
    let ended = async { while open.join_next().await.is_some() {} };
    if timeout(FAREWELL, ended).await.is_err() {
        open.shutdown().await;
    }
}

/// The next connection of an address that does not come too often; the others are closed
/// unheard.
pub(crate) async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    origins: &Origins,
) -> (
    TcpStream,
    SocketAddr,
    Option<tokio::sync::OwnedSemaphorePermit>,
) {
    // The semaphore is never closed, so there always is a permit.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, client)) if origins.allow(client.ip(), Instant::now()) => {
                return (stream, client, slot);
            }
            Ok(_) => {}
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    wire: Wire,
    router: impl Fn(Peer) -> Router,
    stop: watch::Receiver<bool>,
) {
    match wire {
        Wire::Plain => {
            let peer = Peer {
                address,
                certificate: None,
            };
            speak(stream, router(peer), stop).await;
        }
        Wire::Tls(identity) => {
            if let Ok(Ok((stream, peer))) =
                timeout(HANDSHAKE, identity.accept(stream, address)).await
            {
                speak(stream, router(peer), stop).await;
            }
        }
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(64 * 1024);
    let service = TowerToHyperService::new(router);
    let served = builder.serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served.with_upgrades());
    tokio::select! {
        _ = served.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => served.as_mut().graceful_shutdown(),
    }
    // The client may have gone; there is nobody to tell.
    let _ = served.await;
}
