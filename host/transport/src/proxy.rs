//! Which proxy stands between the device and a server.

use reqwest::{NoProxy, Proxy};

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
        let exempt = NoProxy::from_string(&format!("{NEVER},{}", self.exempt));
        Ok(Some(proxy.no_proxy(exempt)))
    }
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
    fn an_unreadable_proxy_is_an_error_and_its_password_stays_out_of_texts() {
        let settings = ProxySettings::new(Some("http://user:secret@:no-port/"), |_| None);
        assert!(!settings.proxy().unwrap_err().to_string().contains("secret"));
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
