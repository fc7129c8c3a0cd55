//! `POST /v1/files`: one file about a session.
//!
//! Its bytes are the plugin's; whose they are is in headers, as [`FileOrigin`] has them.

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use bailiwick_transport::{FileOrigin, LONGEST_FILE};

use super::{
    Shared,
    enrol::forbid,
    ingest::{Post, refuse, settle},
};
use crate::{enrolment::Peer, store::IncomingFile};

/// Stores a file after everything that can be known of it was checked.
pub(super) async fn file(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let received = (shared.context.now)();
    let enrolment = &shared.context.enrolment;
    if let Err(unfit) = enrolment.listen(&peer, received) {
        return forbid(&unfit);
    }
    let origin = match origin(request.headers()) {
        Ok(origin) => origin,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    if let Err(unfit) = enrolment.admit(&peer, &origin.device, received) {
        return forbid(&unfit);
    }
    let post = match Post::read(&shared, request).await {
        Ok(post) => post,
        Err(answer) => return *answer,
    };
    if post.body.is_empty() || post.body.len() as u64 > LONGEST_FILE.get() {
        let reason = format!("a file has 1 to {} bytes", LONGEST_FILE.get());
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, &reason);
    }
    let file = IncomingFile {
        key: post.key,
        device: origin.device,
        plugin: origin.plugin,
        session: origin.session,
        made: origin.made,
        body: post.body.into(),
    };
    settle(shared.context.inlet.file(file, received).await)
}

fn origin(headers: &HeaderMap) -> Result<FileOrigin, String> {
    FileOrigin::read(|name| {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?.to_owned();
        values.next().is_none().then_some(value)
    })
}
