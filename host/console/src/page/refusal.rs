//! What is answered instead of a page.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};

use super::{
    access::Role,
    render::{self, Frame},
};

/// Why there is no page.
pub(crate) enum Refusal {
    /// Nobody is logged in, or the session ended.
    NotLoggedIn,
    /// The role is not enough.
    Role(Box<Frame>, Role),
    /// The form is not one of this session.
    Form(Box<Frame>),
    /// A field of the form can't be used.
    Field(Box<Frame>, String),
    /// The form was right and could not be stored.
    NotStored(Box<Frame>, String),
    /// There is nothing at this address.
    NotFound,
    /// The address is not for that.
    Method,
    /// The database can't be read.
    Unreadable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let outside = || Box::new(Frame::outside());
        let (status, frame, title, words) = match self {
            Self::NotLoggedIn => (
                StatusCode::FORBIDDEN,
                outside(),
                "Log in",
                html! {
                    p { "You are not logged in, or your session has ended. Get a link on the console's machine:" }
                    (render::login_command())
                },
            ),
            Self::Role(frame, least) => {
                (StatusCode::FORBIDDEN, frame, "Not yours to do", role(least))
            }
            Self::Form(frame) => (
                StatusCode::FORBIDDEN,
                frame,
                "This form is out of date",
                html! { p { "Nothing was changed. Go back, load the page again, and send the form once more." } },
            ),
            Self::Field(frame, reason) => (
                StatusCode::BAD_REQUEST,
                frame,
                "Nothing was changed",
                html! { p { (reason) " Go back to change it." } },
            ),
            Self::NotStored(frame, reason) => (
                StatusCode::SERVICE_UNAVAILABLE,
                frame,
                "Nothing was changed",
                html! { p { "It could not be stored: " (reason) ". Go back and try again." } },
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                outside(),
                "Nothing is here",
                html! { p { "There is no such page, device or report. " a href="/" { "All devices" } } },
            ),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                outside(),
                "Not like this",
                html! { p { "This address takes no such request. " a href="/" { "All devices" } } },
            ),
            Self::Unreadable => (
                StatusCode::SERVICE_UNAVAILABLE,
                outside(),
                "The database can't be read",
                html! { p { "The console's terminal says why. Load this page again in a moment." } },
            ),
        };
        let content = html! { h1 { (title) } (words) };
        (status, frame.page(title, &content)).into_response()
    }
}

fn role(least: Role) -> Markup {
    html! {
        p { "This takes the role " strong { (least) } " at least. Nothing was changed. For a link with that role:" }
        pre { code { "bailiwick-console login --data DIR --role " (least) } }
    }
}
