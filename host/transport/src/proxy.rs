//! Which proxy stands between the device and a server.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{NoProxy, Proxy};

use crate::connector::HostPort;

/// Hosts that are never reached through a proxy: a proxy could only reach its own
/// loopback.
const NEVER: &str = "localhost,127.0.0.0/8,::1";

/// The proxy to use: the settings' one, else the environment's, else none.
#[derive(Clone, Default)]
pub struct ProxySettings {
    url: Option<String>,
    exempt: String,
}

impl ProxySettings {
    /// No proxy.
    pub fn direct() -> Self {
        Self::default()
    }

    /// `explicit` if the settings name one, else what `variable` (normally
    /// `std::env::var`) says of `https_proxy`, `all_proxy` and `no_proxy`, in small and
    /// then in capital letters.
    pub fn new(explicit: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            variable(name)
                .or_else(|| variable(&name.to_ascii_uppercase()))
                .filter(|text| !text.is_empty())
        };
        Self {
            url: explicit
                .map(ToOwned::to_owned)
                .or_else(|| either("https_proxy"))
                .or_else(|| either("all_proxy")),
            exempt: either("no_proxy").unwrap_or_default(),
        }
    }

    pub(crate) fn proxy(&self) -> Result<Option<Proxy>, ProxyError> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let proxy = Proxy::all(url.as_str()).map_err(|_| ProxyError)?;
        let exempt = NoProxy::from_string(&self.exempt());
        Ok(Some(proxy.no_proxy(exempt)))
    }

    /// The proxy on the way to a server, decided by the rules that [`Self::proxy`] decides
    /// by: reqwest's are these.
    pub(crate) fn route(&self, host: &str, port: u16) -> Result<Option<ProxyRoute>, String> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let rules = Matcher::builder()
            .all(url.clone())
            .no(self.exempt())
            .build();
        let server = format!("https://{}/", HostPort::new(host, port));
        let server = server.parse().map_err(|_| format!("`{host}` is no name"))?;
        let Some(proxy) = rules.intercept(&server) else {
            return Ok(None);
        };
        let (is_tls, port) = match proxy.uri().scheme_str() {
            None | Some("http") => (false, 80),
            Some("https") => (true, 443),
            Some(other) => {
                return Err(format!(
                    "a proxy of the kind `{other}` is not supported: name one that speaks HTTP"
                ));
            }
        };
        let host = proxy.uri().host().ok_or_else(|| ProxyError.to_string())?;
        let authorization = proxy.basic_auth().and_then(|value| value.to_str().ok());
        Ok(Some(ProxyRoute {
            address: HostPort::new(host, proxy.uri().port_u16().unwrap_or(port)),
            is_tls,
            authorization: authorization.map(ToOwned::to_owned),
        }))
    }

    fn exempt(&self) -> String {
        format!("{NEVER},{}", self.exempt)
    }
}

/// A proxy that stands on the way.
pub(crate) struct ProxyRoute {
    /// Where it is.
    pub(crate) address: HostPort,
    /// Whether it is spoken to over TLS.
    pub(crate) is_tls: bool,
    /// The value of Proxy-Authorization, if its address holds credentials.
    pub(crate) authorization: Option<String>,
}

impl std::fmt::Debug for ProxySettings {
    /// Without the address: it can hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxySettings")
            .field("configured", &self.url.is_some())
            .finish_non_exhaustive()
    }
}

/// The proxy's address is none. The text leaves it out, as it can hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address of the proxy (settings, https_proxy or all_proxy) can't be read: write it as \
     `http://host:port`"
)]
pub struct ProxyError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_before_the_environment() {
        let from = |explicit, pairs: &'static [(&str, &str)]| {
            ProxySettings::new(explicit, |name| {
                let found = pairs.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            })
            .url
        };
        let environment: &[_] = &[
            ("https_proxy", "http://a:1"),
            ("HTTPS_PROXY", "http://b:1"),
            ("ALL_PROXY", "http://c:1"),
        ];
        assert_eq!(from(Some("http://x:1"), environment).unwrap(), "http://x:1");
        assert_eq!(from(None, environment).unwrap(), "http://a:1");
        assert_eq!(from(None, &environment[1..]).unwrap(), "http://b:1");
        assert_eq!(from(None, &environment[2..]).unwrap(), "http://c:1");
        assert_eq!(from(None, &[("https_proxy", "")]), None);
        assert_eq!(from(None, &[("http_proxy", "http://a:1")]), None);
    }

    #[test]
    fn a_route_follows_the_exemptions_and_carries_the_credentials() {
        let settings = ProxySettings::new(Some("http://us%40er:pass@proxy.example:3128"), |name| {
            (name == "no_proxy").then(|| "inside.example,10.0.0.0/8".to_owned())
        });
        let route = |host| settings.route(host, 8883).unwrap();
        for near in [
            "127.0.0.1",
            "::1",
            "localhost",
            "a.inside.example",
            "10.1.2.3",
        ] {
            assert!(route(near).is_none(), "{near}");
        }
        let proxy = route("broker.example").unwrap();
        assert_eq!(proxy.address.to_string(), "proxy.example:3128");
        assert_eq!(
            proxy.authorization.as_deref(),
            Some("Basic dXNAZXI6cGFzcw==")
        );
        let other = ProxySettings::new(Some("socks5://proxy.example"), |_| None);
        let error = other.route("broker.example", 1).err().unwrap();
        assert!(error.contains("socks5"), "{error}");
    }

    #[test]
    fn an_unreadable_proxy_is_an_error_and_its_password_stays_out_of_texts() {
        let settings = ProxySettings::new(Some("http://user:secret@:no-port/"), |_| None);
        assert!(!settings.proxy().unwrap_err().to_string().contains("secret"));
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
