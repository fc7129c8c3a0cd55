//! Files about sessions, to `v1/files` beneath an address.

use bailiwick_core::{
    bytes::ByteCount,
    ids::{DeviceId, PluginName},
    session::SessionId,
    time::Timestamp,
};

use crate::{
    Address, Https, Receipt, SendError,
    reports::{Ingest, strange_receipt},
};

/// Longest file that a receiver takes.
pub const LONGEST_FILE: ByteCount = ByteCount::mib(1);

const DEVICE: &str = "bailiwick-device";
const PLUGIN: &str = "bailiwick-plugin";
const SESSION: &str = "bailiwick-session";
const MADE: &str = "bailiwick-made-ms";

/// Where a file comes from. It travels in headers, so that the bytes are the plugin's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOrigin {
    /// The device.
    pub device: DeviceId,
    /// The plugin that made it.
    pub plugin: PluginName,
    /// What it is about.
    pub session: SessionId,
    /// When it was made, by the device's clock.
    pub made: Timestamp,
}

impl FileOrigin {
    /// Reads the origin from headers, of which `get` finds the only value.
    ///
    /// # Errors
    /// One is missing or not what it should be: names it.
    pub fn read(get: impl Fn(&'static str) -> Option<String>) -> Result<Self, String> {
        fn parse<T: std::str::FromStr>(name: &str, value: Option<String>) -> Result<T, String> {
            value
                .and_then(|value| value.parse().ok())
                .ok_or_else(|| format!("the header {name} is missing, twice there or not valid"))
        }
        Ok(Self {
            device: parse(DEVICE, get(DEVICE))?,
            plugin: parse(PLUGIN, get(PLUGIN))?,
            session: parse(SESSION, get(SESSION))?,
            made: Timestamp::from_ms(parse(MADE, get(MADE))?),
        })
    }

    fn headers(&self) -> [(&'static str, String); 4] {
        [
            (DEVICE, self.device.to_string()),
            (PLUGIN, self.plugin.to_string()),
            (SESSION, self.session.to_string()),
            (MADE, self.made.as_ms().to_string()),
        ]
    }
}

/// Sends files about sessions.
#[derive(Clone, Debug)]
pub struct Files(Ingest);

impl Files {
    /// Files go to the orchestration layer at `address`.
    pub fn new(https: &Https, address: &Address) -> Self {
        let kind = "application/vnd.bailiwick.file";
        Self(Ingest::new(https, address, "v1/files", kind))
    }

    /// Sends one file of at most [`LONGEST_FILE`]. The same key goes with the same file in
    /// every attempt.
    ///
    /// # Errors
    /// As [`crate::Reports::send`].
    pub async fn send(
        &self,
        idempotency_key: &str,
        origin: &FileOrigin,
        body: Vec<u8>,
    ) -> Result<(), SendError> {
        let headers = origin.headers();
        match self.0.post(idempotency_key, &headers, body).await? {
            Receipt::Stored => Ok(()),
            Receipt::NeedFull => Err(strange_receipt("a file")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_it_is_written_and_never_in_part() {
        let origin = FileOrigin {
            device: DeviceId::from_bytes([0xab; 16]),
            plugin: "session-analyzer".parse().unwrap(),
            session: SessionId::new("c1", 3),
            made: Timestamp::from_ms(7),
        };
        let headers = origin.headers();
        let get = |name: &str| {
            headers
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| v.clone())
        };
        assert_eq!(FileOrigin::read(get), Ok(origin.clone()));
        for (missing, _) in &headers {
            let without = |name: &str| get(name).filter(|_| name != *missing);
            assert!(FileOrigin::read(without).unwrap_err().contains(missing));
            let hostile = |name: &str| match name == *missing {
                true => Some("../ x".to_owned()),
                false => get(name),
            };
            assert!(FileOrigin::read(hostile).unwrap_err().contains(missing));
        }
    }
}
