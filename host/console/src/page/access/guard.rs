//! What every request passes, and what every answer carries.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Access, Secret, log::Entry, origin::Stray, sessions::Session};

/// The cookie's prefix makes browsers refuse it from anything but this very host.
const COOKIE: &str = "__Host-bailiwick";

/// Only what the page itself brings: no script at all, no frame around it, forms to
/// itself alone.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A session and its secret, found for a request.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) session: Session,
    pub(super) secret: Secret,
}

/// The session that an answer opened, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened(pub(super) Session);

/// Refuses what was not meant for this page, finds the session, and notes the request.
pub(crate) async fn guard(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Response {
    let at = (access.now)();
    let method = request.method().clone();
    let path = loggable(request.uri().path());
    let admitted = access.site.admit(&method, request.headers());
    let mut session = None;
    let mut response = match admitted {
        Err(stray) => refuse(&access, stray),
        Ok(()) => {
            if let Some(secret) = cookie(request.headers())
                && let Some(found) = access.sessions().find(secret.fingerprint(), at)
            {
                session = Some(found);
                request.extensions_mut().insert(Found {
                    session: found,
                    secret,
                });
            }
            next.run(request).await
        }
    };
    if let Some(Opened(opened)) = response.extensions().get::<Opened>() {
        session = Some(*opened);
    }
    harden(response.headers_mut());
    access
        .log
        .write(Entry {
            at,
            session,
            method,
            path,
            status: response.status().as_u16(),
        })
        .await;
    response
}

/// A login link in the log would be a login link.
fn loggable(path: &str) -> String {
    match path.strip_prefix("/login/") {
        Some(_) => "/login/...".to_owned(),
        None => path.to_owned(),
    }
}

fn refuse(access: &Access, stray: Stray) -> Response {
    let (status, words) = match stray {
        Stray::Host => (
            StatusCode::MISDIRECTED_REQUEST,
            format!(
                "This is not the address of this page. Open {}/ instead.\n",
                access.site.address()
            ),
        ),
        Stray::Origin => (
            StatusCode::FORBIDDEN,
            "Another site asked for this, so it was refused. Open the page itself and try again \
             there; a browser from before 2023 can't be used.\n"
                .to_owned(),
        ),
    };
    (status, words).into_response()
}

fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), geolocation=(), microphone=(), usb=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The secret of the session cookie, if there is exactly one.
fn cookie(headers: &HeaderMap) -> Option<Secret> {
    let lists = headers.get_all(header::COOKIE).iter();
    let mut own = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    let secret = own.next()?;
    if own.next().is_some() {
        return None;
    }
    Secret::claimed(secret)
}

/// The header that hands a session's secret to its browser, or takes it away.
pub(super) fn set_cookie(secret: Option<&Secret>) -> HeaderValue {
    let text = match secret {
        Some(secret) => format!(
            "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict",
            secret.reveal()
        ),
        None => format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"),
    };
    // All of it is ASCII.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(lists: &[&str]) -> Option<Secret> {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(header::COOKIE, list.parse().unwrap());
        }
        cookie(&headers)
    }

    #[test]
    fn one_session_cookie_counts() {
        let secret = "0123456789abcdef".repeat(4);
        let mine = format!("{COOKIE}={secret}");
        for list in [mine.clone(), format!("a=b; {mine}; c=d")] {
            assert_eq!(cookies(&[&list]).unwrap().reveal(), secret);
        }
        assert_eq!(cookies(&["a=b"]), None);
        assert_eq!(cookies(&[&format!("{COOKIE}=short")]), None);
        assert_eq!(cookies(&[&format!("x{mine}")]), None);
        assert_eq!(cookies(&[&mine, &mine]), None);
    }

    #[test]
    fn a_link_is_not_logged() {
        assert_eq!(loggable("/login/0123"), "/login/...");
        assert_eq!(loggable("/login"), "/login");
        assert_eq!(loggable("/devices/x"), "/devices/x");
    }
}
