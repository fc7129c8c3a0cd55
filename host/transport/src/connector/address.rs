//! Addresses, typed by the role of what is there.

use std::{fmt, str::FromStr};

use reqwest::Url;

/// A name or an IP address, and a port. IPv6 addresses are kept without brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    pub(crate) fn new(host: &str, port: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self {
            host: host.to_owned(),
            port,
        }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for HostPort {
    /// As it stands in a request: with brackets around an IPv6 address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// What MQTT runs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// TLS.
    Tls,
    /// A WebSocket over TLS.
    WebSocket {
        /// What is asked for, with its slash.
        path: String,
    },
}

/// Where an MQTT broker is: `mqtts://host:port` (8883 if no port is named) or
/// `wss://host:port/path` (443). There is no form without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    server: HostPort,
    carrier: Carrier,
}

impl BrokerAddress {
    pub(super) const fn server(&self) -> &HostPort {
        &self.server
    }

    pub(super) const fn carrier(&self) -> &Carrier {
        &self.carrier
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.carrier {
            Carrier::Tls => write!(f, "mqtts://{}", self.server),
            Carrier::WebSocket { path } => write!(f, "wss://{}{path}", self.server),
        }
    }
}

/// Text that is no address of a broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` can't be used as a broker's address: {reason}; write it as `mqtts://host:port` \
     or `wss://host/path`"
)]
pub struct BrokerAddressError {
    text: String,
    reason: &'static str,
}

impl FromStr for BrokerAddress {
    type Err = BrokerAddressError;

    fn from_str(text: &str) -> Result<Self, BrokerAddressError> {
        let error = |reason| BrokerAddressError {
            text: text.chars().take(200).collect(),
            reason,
        };
        let url = Url::parse(text).map_err(|_| error("it is not a full address"))?;
        if !url.username().is_empty() || url.password().is_some() {
            // A password in an address would reach logs and error texts.
            return Err(BrokerAddressError {
                text: "…".to_owned(),
                reason: "it holds a user or a password",
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(error("it holds a query or a fragment"));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| error("it names no host"))?;
        let (port, carrier) = match url.scheme() {
            "mqtts" if matches!(url.path(), "" | "/") => (8883, Carrier::Tls),
            "mqtts" => return Err(error("mqtts has no path")),
            "wss" => {
                let path = url.path().to_owned();
                (443, Carrier::WebSocket { path })
            }
            _ => return Err(error("only mqtts and wss are accepted")),
        };
        Ok(Self {
            server: HostPort::new(host, url.port().unwrap_or(port)),
            carrier,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_mqtts_or_wss_and_nothing_else() {
        for bad in [
            "",
            "broker.example",
            "mqtt://broker.example",
            "ws://broker.example/mqtt",
            "https://broker.example/",
            "mqtts://",
            "mqtts://broker.example/path",
            "mqtts://broker.example/?a=b",
            "wss://broker.example/mqtt#a",
            "mqtts://user:secret@broker.example",
        ] {
            let error = bad.parse::<BrokerAddress>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{bad}");
        }
    }

    #[test]
    fn ports_and_paths_have_their_defaults() {
        for (text, shown) in [
            ("mqtts://broker.example", "mqtts://broker.example:8883"),
            ("mqtts://127.0.0.1:1/", "mqtts://127.0.0.1:1"),
            ("mqtts://[::1]", "mqtts://[::1]:8883"),
            ("wss://broker.example", "wss://broker.example:443/"),
            ("wss://h:8/$iothub/websocket", "wss://h:8/$iothub/websocket"),
        ] {
            let address: BrokerAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
        }
        let address: BrokerAddress = "mqtts://[::1]".parse().unwrap();
        assert_eq!(address.server().host(), "::1");
    }
}
