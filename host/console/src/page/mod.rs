//! The operator's page: what the console's database holds, for a browser.
//!
//! Rendered here, whole, without script. `access` decides who sees it; `routes` has a file
//! per page; `render` what they share; `standing` judges how devices stand.

mod access;
mod neighbourhood;
mod refusal;
mod render;
mod routes;
mod standing;

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::header,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use bailiwick_core::time::Timestamp;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    actions::Actions,
    enrolment::{Enrolment, Peer},
    server::{
        Identity,
        connections::{self, Wire},
    },
    store::{Inlet, StoreError, view::Views},
};

use access::{Access, Client, Nameless, Shared, Site, guard::guard, login, note_address};
pub(crate) use access::{Attempts, LIFE_MS, LoginLink, Role, noted_address};
pub(crate) use refusal::Refusal;

/// Most bytes of a form.
const FORM: usize = 16 * 1024;
/// Of a draft: arguments of 64 KiB, in which a browser writes a byte as three.
const DRAFT: usize = 256 * 1024;

/// Where the page is reached and what it is made from.
pub(crate) struct Settings {
    /// The console's data folder.
    pub(crate) data: PathBuf,
    /// Names under which people reach it, besides its address.
    pub(crate) names: Vec<String>,
    /// For any address that is not loopback.
    pub(crate) identity: Identity,
    /// Where forms are stored.
    pub(crate) inlet: Inlet,
    /// Drafts, and what devices tell of actions.
    pub(crate) actions: Actions,
    /// Which devices are this console's.
    pub(crate) enrolment: Arc<Enrolment>,
    /// The repository's files, which everybody may read.
    pub(crate) public: Arc<PathBuf>,
    /// The clock on the wall.
    pub(crate) now: fn() -> Timestamp,
}

/// A listening socket that serves the page once [`Page::run`] is called.
pub(crate) struct Page {
    listener: TcpListener,
    wire: Wire,
    router: Router,
    address: String,
}

/// The page can't be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error("the page's folder can't be used: {0}")]
    Folder(#[source] io::Error),
    #[error(transparent)]
    Nameless(#[from] Nameless),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Page {
    /// Serves the page on `listener`: encrypted, unless only this machine reaches it.
    pub(crate) fn on(listener: TcpListener, settings: Settings) -> Result<Self, PageError> {
        let address = listener.local_addr().map_err(PageError::Folder)?;
        let wire = wire(address, settings.identity);
        let encrypted = matches!(wire, Wire::Tls(_));
        let site = Site::new(encrypted, address, &settings.names)?;
        let address = site.address();
        let access = Access::open(&settings.data, site, settings.now).map_err(PageError::Folder)?;
        note_address(&settings.data, &address).map_err(PageError::Folder)?;
        let access = Arc::new(access);
        let views = Views::open(&settings.data)?;
        let shared = Shared {
            access: Arc::clone(&access),
            views: Arc::new(views),
            inlet: settings.inlet,
            actions: settings.actions,
            enrolment: settings.enrolment,
            public: settings.public,
            decided: Arc::default(),
        };
        Ok(Self {
            listener,
            wire,
            router: router(access, shared),
            address,
        })
    }

    /// Its address for a browser, without a `/` at its end.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Serves until `stop` is set, then finishes the requests that are under way.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        let pages = self.router;
        let router = move |peer: Peer| pages.clone().layer(Extension(Client(peer.address)));
        connections::serve(self.listener, self.wire, router, stop).await;
    }
}

/// There is no way to a page without encryption but over loopback.
fn wire(address: SocketAddr, identity: Identity) -> Wire {
    if address.ip().to_canonical().is_loopback() {
        Wire::Plain
    } else {
        Wire::Tls(identity)
    }
}

fn router(access: Arc<Access>, shared: Shared) -> Router {
    let file = |kind: &'static str, content: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, kind)], content) })
    };
    Router::new()
        .route("/", get(routes::devices::list))
        .route("/devices/{device}", get(routes::overview::show))
        .route("/devices/{device}/name", post(routes::overview::name))
        .route("/devices/{device}/inventory", get(routes::inventory::show))
        .route(
            "/devices/{device}/inventory/{plugin}/{collection}",
            get(routes::inventory::collection),
        )
        .route("/devices/{device}/changes", get(routes::changes::list))
        .route(
            "/devices/{device}/changes/{report}",
            get(routes::changes::show),
        )
        .route("/devices/{device}/sessions", get(routes::sessions::list))
        .route(
            "/devices/{device}/sessions/{session}",
            get(routes::sessions::show),
        )
        .route("/devices/{device}/use", get(routes::sessions::uses::show))
        .route("/devices/{device}/plugins", get(routes::plugins::list))
        .route("/devices/{device}/events", get(routes::events::list))
        .route("/approvals", get(routes::approvals::list))
        .route(
            "/actions",
            get(routes::actions::list)
                .post(routes::actions::draft)
                .layer(DefaultBodyLimit::max(DRAFT)),
        )
        .route("/actions/new", get(routes::actions::new))
        .route("/actions/wake", get(routes::actions::wake))
        .route("/actions/{action}", get(routes::actions::show))
        .route(
            "/actions/{action}/draft.json",
            get(routes::actions::download),
        )
        .route("/login/{secret}", get(login::look))
        .route("/login", post(login::enter))
        .route("/logout", post(login::leave))
        .route("/style.css", file("text/css; charset=utf-8", render::STYLE))
        .route("/icon.svg", file("image/svg+xml", render::ICON))
        .fallback(|| async { Refusal::NotFound })
        .method_not_allowed_fallback(|| async { Refusal::Method })
        .layer(DefaultBodyLimit::max(FORM))
        .with_state(shared)
        .layer(from_fn_with_state(access, guard))
}
