//! What pages have in common.

pub(crate) mod changes;
pub(crate) mod chart;
pub(crate) mod object;
pub(crate) mod rows;
pub(crate) mod time;
pub(crate) mod value;
pub(crate) mod words;

use axum::response::Html;
use maud::{DOCTYPE, Markup, html};

use super::access::Role;

/// Of the whole site.
pub(crate) const STYLE: &str = include_str!("../style.css");
/// Shown beside the title in a browser.
pub(crate) const ICON: &str = include_str!("../icon.svg");

/// Which part of the site a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Devices,
    Approvals,
    Actions,
}

/// What surrounds a page: its header, for the person who looks at it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    person: Option<(Role, String)>,
    part: Option<Part>,
}

impl Frame {
    /// For someone who is logged in, with the token of the session's forms.
    pub(crate) fn of(role: Role, form_token: &str) -> Self {
        Self {
            person: Some((role, form_token.to_owned())),
            part: None,
        }
    }

    /// For someone who is not.
    pub(crate) fn outside() -> Self {
        Self {
            person: None,
            part: None,
        }
    }

    /// Of this part of the site.
    pub(crate) fn part(mut self, part: Part) -> Self {
        self.part = Some(part);
        self
    }

    /// The role of the person who looks, if any.
    pub(crate) fn role(&self) -> Option<Role> {
        self.person.as_ref().map(|(role, _)| *role)
    }

    /// The field that a form of this session must carry.
    pub(crate) fn token(&self) -> Markup {
        let token = self.person.as_ref().map(|(_, token)| token);
        html! { @if let Some(token) = token { input type="hidden" name="form-token" value=(token); } }
    }

    /// A whole page.
    pub(crate) fn page(&self, title: &str, content: &Markup) -> Html<String> {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (title) " · Bailiwick" }
                    link rel="icon" href="/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/style.css";
                }
                body {
                    a.skip href="#content" { "Skip to content" }
                    (self.header())
                    main #content tabindex="-1" {
                        @if self.person.is_some() { (content) } @else { div.gate { (content) } }
                    }
                }
            }
        };
        Html(page.into_string())
    }

    fn header(&self) -> Markup {
        let link = |part, href, words: &str| {
            let current = (self.part == Some(part)).then_some("page");
            html! { a href=(href) aria-current=[current] { (words) } }
        };
        html! {
            header.site {
                div.bar {
                    a.brand href="/" { (mark()) span { "Bailiwick" } }
                    @if let Some((role, _)) = &self.person {
                        nav aria-label="Site" {
                            (link(Part::Devices, "/", "Devices"))
                            (link(Part::Actions, "/actions", "Actions"))
                            (link(Part::Approvals, "/approvals", "Approvals"))
                        }
                        form.person method="post" action="/logout" {
                            (self.token())
                            span.role { span.quiet { "Logged in as " } (role) }
                            button type="submit" { "Log out" }
                        }
                    }
                }
            }
        }
    }
}

/// The mark of the project: ground with its boundary.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" {
            path.ground d="M12 1.8 21 5v7c0 5-3.7 8.6-9 10.2C6.7 20.6 3 17 3 12V5z" {}
            path.way d="M8.5 7.5h4.2a2.3 2.3 0 0 1 0 4.6H8.5zm0 4.6h4.8a2.4 2.4 0 0 1 0 4.8H8.5z" {}
        }
    }
}

/// How to get a login link.
pub(crate) fn login_command() -> Markup {
    html! {
        pre { code { "bailiwick-console login --data DIR --role viewer" } }
        p.quiet {
            "DIR is the folder that was given to " code { "serve" } ". Roles are viewer, operator and approver. "
            "The link works once, within ten minutes."
        }
    }
}

/// What is shown where there is nothing yet: what that means, and what to do next.
pub(crate) fn empty(title: &str, words: &Markup) -> Markup {
    html! {
        div.empty { h2 { (title) } (words) }
    }
}

/// A link to the page before and one to the page after.
pub(crate) fn paging(newer: Option<(&str, &str)>, older: Option<(&str, &str)>) -> Markup {
    html! {
        @if newer.is_some() || older.is_some() {
            nav.paging aria-label="Pages" {
                @if let Some((href, words)) = newer { a.step href=(href) { "← " (words) } } @else { span {} }
                @if let Some((href, words)) = older { a.step href=(href) { (words) " →" } }
            }
        }
    }
}
