//! What `serve` offers to devices, over TLS.

mod actions;
pub(crate) mod connections;
mod enrol;
mod events;
mod file_body;
mod files;
mod identity;
mod ingest;
mod mqtt;
pub(crate) mod rate;
mod reload;
mod session_files;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use bailiwick_core::time::Timestamp;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::{
    actions::Actions,
    broker::Door,
    enrolment::{Enrolment, Peer},
    store::Inlet,
};

use connections::Wire;
pub(crate) use events::read as read_events;
pub(crate) use identity::Identity;
pub(crate) use reload::follow as follow_certificates;

/// Bodies of posts that are in memory at once.
const POSTS: usize = 64;

/// What requests are answered from.
#[derive(Clone)]
pub(crate) struct Context {
    /// The repository's public files.
    pub(crate) public: Arc<PathBuf>,
    /// Where posts are stored.
    pub(crate) inlet: Inlet,
    /// Actions, and what became of them.
    pub(crate) actions: Actions,
    /// The clock on the wall.
    pub(crate) now: fn() -> Timestamp,
    /// Which devices may send.
    pub(crate) enrolment: Arc<Enrolment>,
    /// The broker, if this console is one.
    pub(crate) door: Option<Door>,
}

#[derive(Clone)]
struct Shared {
    context: Context,
    posts: Arc<Semaphore>,
}

/// Tells requests that wait for something that the server waits for them.
#[derive(Clone)]
struct Stopping(watch::Receiver<bool>);

/// A listening socket that serves once [`Server::run`] is called.
pub(crate) struct Server {
    listener: TcpListener,
    identity: Identity,
    router: Router,
}

impl Server {
    /// Listens on `listen`; port 0 picks a free one.
    pub(crate) async fn bind(
        listen: SocketAddr,
        identity: Identity,
        context: Context,
    ) -> std::io::Result<Self> {
        let shared = Shared {
            context,
            posts: Arc::new(Semaphore::new(POSTS)),
        };
        let router = Router::new()
            .route("/updates/{*path}", get(files::file))
            .route("/v1/reports", post(ingest::report))
            .route("/v1/events", post(events::events))
            .route("/v1/files", post(session_files::file))
            .route("/mqtt", get(mqtt::upgrade))
            .merge(enrol::routes())
            .merge(actions::routes())
            .fallback(|| async { nothing_here() })
            .layer(DefaultBodyLimit::max(ingest::LONGEST))
            .with_state(shared);
        Ok(Self {
            listener: TcpListener::bind(listen).await?,
            identity,
            router,
        })
    }

    /// The address in use.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is set, then finishes the requests that are under way.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        let (wire, router) = (Wire::Tls(self.identity), self.router);
        let router = router.layer(Extension(Stopping(stop.clone())));
        let router = move |peer: Peer| router.clone().layer(Extension(peer));
        connections::serve(self.listener, wire, router, stop).await;
    }
}

fn nothing_here() -> Response {
    ingest::answer(
        StatusCode::NOT_FOUND,
        "nothing",
        "nothing is at this address",
    )
}
