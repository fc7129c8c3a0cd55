//! For which plugin and devices an action is drafted, as an address says it.

use bailiwick_core::ids::{DeviceId, PluginName};

use super::form::ARGUMENT;
use crate::page::routes::devices::encoded;

/// What the address of a draft says. Nothing of it is sure.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// As it was written.
    pub(super) handler: String,
    pub(super) devices: Vec<DeviceId>,
    /// Words among the devices that are no ids.
    pub(super) strange: Vec<String>,
    /// The one of several ways.
    pub(super) way: Option<String>,
    /// Whether JSON is wanted where there would be a form.
    pub(super) plain: bool,
    /// Whether devices are looked for.
    pub(super) find: bool,
    pub(super) search: String,
    /// What is filled in already, by the name of the argument.
    pub(super) arguments: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let mut asked = Self::default();
        for (name, value) in pairs {
            let value = value.trim();
            match name.as_str() {
                "handler" => asked.handler = value.to_owned(),
                "device" | "devices" => asked.name(value),
                "way" => asked.way = (!value.is_empty()).then(|| value.to_owned()),
                "plain" => asked.plain = true,
                "find" => asked.find = true,
                "q" => asked.search = value.chars().take(100).collect(),
                other => {
                    if let Some(name) = other.strip_prefix(ARGUMENT) {
                        asked.arguments.push((name.to_owned(), value.to_owned()));
                    }
                }
            }
        }
        asked
    }

    fn name(&mut self, devices: &str) {
        for word in devices.split(|c: char| c.is_whitespace() || c == ',') {
            match word.parse() {
                Ok(device) if !self.devices.contains(&device) => self.devices.push(device),
                Err(_) if !word.is_empty() => self.strange.push(word.to_owned()),
                _ => {}
            }
        }
    }

    /// The plugin; none if it was not said, and why what was said is none.
    pub(super) fn plugin(&self) -> Result<Option<PluginName>, String> {
        if self.handler.is_empty() {
            return Ok(None);
        }
        let parsed = self.handler.parse().map(Some);
        parsed.map_err(|error| format!("{error}"))
    }

    /// The address of the same with another plugin.
    pub(super) fn with(&self, handler: &str) -> String {
        address(handler, &self.devices)
    }
}

/// The address of a draft for these devices.
pub(super) fn address(handler: &str, devices: &[DeviceId]) -> String {
    let mut address = format!("/actions/new?handler={}", encoded(handler));
    for device in devices {
        address.push_str("&device=");
        address.push_str(&device.to_string());
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let id = |byte| DeviceId::from_bytes([byte; 16]);
        let pairs = |pairs: &[(&str, String)]| -> Vec<(String, String)> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect()
        };
        let asked = Asked::read(&pairs(&[
            ("handler", " run-program ".to_owned()),
            ("device", id(1).to_string()),
            ("devices", format!("{}, ab\n{}", id(2), id(1))),
            ("way", String::new()),
            ("other", "x".to_owned()),
        ]));
        assert_eq!(asked.devices, [id(1), id(2)]);
        assert_eq!(asked.strange, ["ab"]);
        assert_eq!(
            (asked.way.as_deref(), asked.plain, asked.find),
            (None, false, false)
        );
        assert_eq!(asked.plugin().unwrap().unwrap().as_str(), "run-program");
        let to = asked.with("a&b");
        assert!(
            to.starts_with("/actions/new?handler=a%26b&device=0101"),
            "{to}"
        );
        assert!(
            Asked::read(&pairs(&[("handler", "A".to_owned())]))
                .plugin()
                .is_err()
        );
        assert_eq!(Asked::read(&[]).plugin(), Ok(None));
    }
}
