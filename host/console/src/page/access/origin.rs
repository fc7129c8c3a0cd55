//! Whether a request was meant for this page, and came from it.

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderName, Method, header};

/// The names under which the page is reached.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    scheme: &'static str,
    /// As in the header Host, the one that links are made with first.
    hosts: Vec<String>,
}

/// A listener on every address has no name that links could be made with.
#[derive(Debug, thiserror::Error)]
#[error("the page listens on every address: say with --page-name under which name people reach it")]
pub(crate) struct Nameless;

/// Why a request is refused before anything looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stray {
    /// It is for another host: a name that someone else controls points here.
    Host,
    /// Another site made the browser send it.
    Origin,
}

impl Site {
    /// The site of a listener at `address`, encrypted or not, reached as `names`.
    pub(crate) fn new(
        encrypted: bool,
        address: SocketAddr,
        names: &[String],
    ) -> Result<Self, Nameless> {
        let (scheme, usual) = if encrypted {
            ("https", 443)
        } else {
            ("http", 80)
        };
        let mut bare = names.to_vec();
        if !address.ip().is_unspecified() {
            let ip = address.ip().to_canonical();
            bare.push(if ip.is_ipv6() {
                format!("[{ip}]")
            } else {
                ip.to_string()
            });
        }
        if address.ip().is_loopback() {
            bare.push("localhost".to_owned());
        }
        let port = address.port();
        let hosts = bare.into_iter().flat_map(|name| {
            let short = (port == usual).then(|| name.clone());
            short.into_iter().chain([format!("{name}:{port}")])
        });
        let hosts: Vec<_> = hosts.map(|host| host.to_ascii_lowercase()).collect();
        if hosts.is_empty() {
            return Err(Nameless);
        }
        Ok(Self { scheme, hosts })
    }

    /// The address that links begin with, without a `/` at its end.
    pub(crate) fn address(&self) -> String {
        format!("{}://{}", self.scheme, self.hosts[0])
    }

    /// Whether a request may be looked at.
    ///
    /// The page tells browsers to send no referrer, so they send `Origin: null` with a
    /// form: then, and where there is no Origin, Sec-Fetch-Site decides, which no script
    /// can set. A browser that has neither is not let in.
    pub(crate) fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<(), Stray> {
        let host = single(headers, &header::HOST).ok_or(Stray::Host)?;
        if !self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host)) {
            return Err(Stray::Host);
        }
        let site = headers
            .get("sec-fetch-site")
            .map(|site| site.to_str().unwrap_or_default());
        if matches!(*method, Method::GET | Method::HEAD) {
            // A link from elsewhere opens a page, and does nothing else.
            let mode = headers.get("sec-fetch-mode");
            let opens = mode.is_some_and(|mode| mode == "navigate");
            return match site {
                None | Some("same-origin" | "none") => Ok(()),
                Some(_) if opens => Ok(()),
                Some(_) => Err(Stray::Origin),
            };
        }
        let origin = match headers.contains_key(header::ORIGIN) {
            true => Some(single(headers, &header::ORIGIN).ok_or(Stray::Origin)?),
            false => None,
        };
        let own = |origin: &str| {
            let host = origin.strip_prefix(self.scheme);
            let host = host.and_then(|rest| rest.strip_prefix("://"));
            host.is_some_and(|host| host.eq_ignore_ascii_case(single_host(headers)))
        };
        match (origin, site) {
            (None | Some("null"), Some("same-origin")) => Ok(()),
            (Some(origin), None | Some("same-origin")) if own(origin) => Ok(()),
            _ => Err(Stray::Origin),
        }
    }
}

/// The header, if there is exactly one and it is text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn single_host(headers: &HeaderMap) -> &str {
    single(headers, &header::HOST).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::new(false, "127.0.0.1:8480".parse().unwrap(), &[]).unwrap()
    }

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:8480");

    #[test]
    fn only_its_own_names_are_answered() {
        let site = site();
        let get = |host| site.admit(&Method::GET, &headers(&[("host", host)]));
        for own in ["127.0.0.1:8480", "localhost:8480", "LOCALHOST:8480"] {
            assert_eq!(get(own), Ok(()), "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:8480",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:8480.evil.example",
            "localhost.:8480",
            "",
        ] {
            assert_eq!(get(other), Err(Stray::Host), "{other}");
        }
        assert_eq!(site.admit(&Method::GET, &headers(&[])), Err(Stray::Host));
        assert_eq!(
            site.admit(&Method::GET, &headers(&[HOST, HOST])),
            Err(Stray::Host)
        );
    }

    #[test]
    fn a_form_comes_from_the_page_itself() {
        let site = site();
        let post = |more: &[(&'static str, &'static str)]| {
            let all: Vec<_> = [HOST].iter().chain(more).copied().collect();
            site.admit(&Method::POST, &headers(&all))
        };
        const OWN: (&str, &str) = ("origin", "http://127.0.0.1:8480");
        const NULL: (&str, &str) = ("origin", "null");
        const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
        for good in [&[OWN][..], &[OWN, SAME], &[NULL, SAME], &[SAME]] {
            assert_eq!(post(good), Ok(()), "{good:?}");
        }
        for bad in [
            &[][..],
            &[NULL],
            &[("origin", "http://evil.example")],
            &[("origin", "https://127.0.0.1:8480")],
            &[("origin", "http://localhost:8480")],
            &[("origin", "http://127.0.0.1:8481")],
            &[("origin", "http://evil.example"), SAME],
            &[OWN, OWN, SAME],
            &[OWN, ("sec-fetch-site", "cross-site")],
            &[NULL, ("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
        ] {
            assert_eq!(post(bad), Err(Stray::Origin), "{bad:?}");
        }
    }

    #[test]
    fn a_link_from_elsewhere_opens_a_page_and_embeds_nothing() {
        let site = site();
        let get = |mode| {
            let cross = ("sec-fetch-site", "cross-site");
            site.admit(
                &Method::GET,
                &headers(&[HOST, cross, ("sec-fetch-mode", mode)]),
            )
        };
        assert_eq!(get("navigate"), Ok(()));
        assert_eq!(get("no-cors"), Err(Stray::Origin));
        assert_eq!(get("cors"), Err(Stray::Origin));
    }

    #[test]
    fn names_make_links_and_the_usual_port_is_left_out() {
        let everywhere = "0.0.0.0:443".parse().unwrap();
        assert!(Site::new(true, everywhere, &[]).is_err());
        let site = Site::new(true, everywhere, &["desk.example".to_owned()]).unwrap();
        assert_eq!(site.address(), "https://desk.example");
        let named = headers(&[("host", "desk.example:443")]);
        assert_eq!(site.admit(&Method::GET, &named), Ok(()));
        let six = Site::new(false, "[::1]:8480".parse().unwrap(), &[]).unwrap();
        assert_eq!(six.address(), "http://[::1]:8480");
    }
}
