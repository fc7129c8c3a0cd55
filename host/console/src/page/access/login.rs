//! Logging in and out.

use axum::{
    Extension, Form,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use bailiwick_core::time::Timestamp;
use maud::{Markup, html};

use super::{
    Client, Role, Secret, Shared, Submitted, Viewer,
    guard::{Opened, set_cookie},
};
use crate::page::render::{self, Frame};

/// Shows what the link gives. Looking at it does not use it: programs that show previews
/// of links look at them too.
pub(crate) async fn look(
    State(shared): State<Shared>,
    Extension(client): Extension<Client>,
    Path(secret): Path<String>,
) -> Response {
    match claim(&shared, client, &secret, |shared, secret, now| {
        shared.access().links.look(secret, now)
    })
    .await
    {
        Ok((secret, role)) => page(StatusCode::OK, "Log in", &offer(&secret, role)),
        Err(refusal) => *refusal,
    }
}

/// Uses the link up and opens a session.
pub(crate) async fn enter(
    State(shared): State<Shared>,
    Extension(client): Extension<Client>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let link = fields.iter().find(|(name, _)| name == LINK);
    let link = link.map_or("", |(_, value)| value);
    let taken = claim(&shared, client, link, |shared, secret, now| {
        shared.access().links.take(secret, now)
    });
    let role = match taken.await {
        Ok((_, role)) => role,
        Err(refusal) => return *refusal,
    };
    let (Ok(secret), Ok(id)) = (Secret::random(), getrandom::u32()) else {
        return failed("The operating system gives no random numbers. Try again.");
    };
    let access = shared.access();
    let now = (access.now)();
    let session = access.sessions().open(secret.fingerprint(), id, role, now);
    let mut response = Redirect::to("/").into_response();
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, set_cookie(Some(&secret)));
    response.extensions_mut().insert(Opened(session));
    response
}

/// Ends the session.
pub(crate) async fn leave(State(shared): State<Shared>, submitted: Submitted<Viewer>) -> Response {
    let fingerprint = submitted.secret().fingerprint();
    shared.access().sessions().close(fingerprint);
    let mut response = page(StatusCode::OK, "Logged out", &goodbye());
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, set_cookie(None));
    response
}

/// What a link is worth to `judge`, which may touch the disk.
async fn claim(
    shared: &Shared,
    Client(client): Client,
    link: &str,
    judge: impl FnOnce(&Shared, &Secret, Timestamp) -> Option<Role> + Send + 'static,
) -> Result<(Secret, Role), Box<Response>> {
    let access = shared.access();
    let now = (access.now)();
    let refused = access.attempts().refused_for(client.ip(), now);
    if let Some(seconds) = refused {
        return Err(Box::new(too_many(seconds)));
    }
    let judged = match Secret::claimed(link) {
        None => None,
        Some(secret) => {
            let shared = shared.clone();
            let judged = tokio::task::spawn_blocking(move || {
                judge(&shared, &secret, now).map(|role| (secret, role))
            });
            judged.await.ok().flatten()
        }
    };
    judged.ok_or_else(|| {
        access.attempts().failed(client.ip(), now);
        Box::new(failed("It was used already, or its ten minutes are over."))
    })
}

/// Name of the field that holds the link's secret.
const LINK: &str = "link";

fn offer(secret: &Secret, role: Role) -> Markup {
    html! {
        h1 { "Log in to Bailiwick" }
        p { "This link lets you in once, as " strong { (role) } ". " (rights(role)) }
        form method="post" action="/login" {
            input type="hidden" name=(LINK) value=(secret.reveal());
            button.primary type="submit" autofocus { "Log in as " (role) }
        }
    }
}

fn rights(role: Role) -> &'static str {
    match role {
        Role::Viewer => "You can look at everything and change nothing.",
        Role::Operator => {
            "You can look at everything, name devices and draft actions. Signing one takes an operator's key, which this console does not have."
        }
        Role::Approver => {
            "You can do all that an operator can. Approving is signing a policy, with a key that this console does not have."
        }
    }
}

fn goodbye() -> Markup {
    html! {
        h1 { "You are logged out" }
        p { "To come back, get a new link on the console's machine:" }
        (render::login_command())
    }
}

fn failed(why: &str) -> Response {
    let content = html! {
        h1 { "This link does not let you in" }
        p { (why) " Get a new one on the console's machine:" }
        (render::login_command())
    };
    page(StatusCode::FORBIDDEN, "Not logged in", &content)
}

fn too_many(seconds: u64) -> Response {
    let content = html! {
        h1 { "Too many links that do not work" }
        p { "Wait " (seconds) " s, then open a link that was not used yet." }
    };
    let mut response = page(StatusCode::TOO_MANY_REQUESTS, "Wait a moment", &content);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds.into());
    response
}

fn page(status: StatusCode, title: &str, content: &Markup) -> Response {
    (status, Frame::outside().page(title, content)).into_response()
}
