//! What is kept of an enrolment: one TOML file, for its owner alone.

use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use bailiwick_core::{
    digest::Sha256,
    ids::{DeviceId, GroupName},
    settings::{Layer, Name},
};
use bailiwick_transport::enrol::{Certificate, Credentials, DeviceKey};
use serde::{Deserialize, Serialize};

use super::private;

/// The file in the data folder.
const FILE: &str = "enrolment.toml";
/// What will take its place, once the console has taken its certificate.
const NEXT: &str = "enrolment-next.toml";
/// Version of its form; a later one is not read.
const FORMAT: u32 = 1;

/// An enrolment, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Record {
    format: u32,
    /// Digest of the secret of the token that was used.
    pub(super) token: Sha256,
    /// The console's address, with a slash at its end.
    pub(super) console: String,
    /// The broker's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mqtt: Option<String>,
    /// Digest of the repository's first root.
    root_sha256: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<GroupName>,
    /// PEM: who signs the console's certificate.
    pub(super) authority: String,
    /// PEM: this device's.
    certificate: String,
    /// PEM: its key.
    key: String,
}

/// What a console answered to an enrolment, and what the token said.
pub(super) struct Told {
    pub(super) token: Sha256,
    pub(super) console: String,
    pub(super) mqtt: Option<String>,
    pub(super) root: Sha256,
    pub(super) group: Option<GroupName>,
    pub(super) authority: String,
}

impl Record {
    /// # Errors
    /// Certificate and key do not belong together.
    pub(super) fn new(told: Told, certificate: String, key: &DeviceKey) -> anyhow::Result<Self> {
        let record = Self {
            format: FORMAT,
            token: told.token,
            console: told.console,
            mqtt: told.mqtt,
            root_sha256: told.root,
            group: told.group,
            authority: told.authority,
            certificate,
            key: key.to_pem()?,
        };
        record.credentials()?;
        Ok(record)
    }

    /// The same enrolment with its next certificate.
    pub(super) fn renewed(&self, certificate: String, key: &DeviceKey) -> anyhow::Result<Self> {
        let record = Self {
            certificate,
            key: key.to_pem()?,
            ..self.clone()
        };
        record.credentials()?;
        Ok(record)
    }

    /// The enrolment of a data folder; none if the device was not enrolled.
    ///
    /// # Errors
    /// It can't be read, or is damaged.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        Self::from_file(folder, FILE)
    }

    /// The next one, whose certificate is still to be tried.
    pub(super) fn read_next(folder: &Path) -> anyhow::Result<Option<Self>> {
        Self::from_file(folder, NEXT)
    }

    fn from_file(folder: &Path, name: &str) -> anyhow::Result<Option<Self>> {
        let Some(text) = private::read(folder, name)? else {
            return Ok(None);
        };
        let path = folder.join(name);
        let damaged = || {
            format!(
                "{} is damaged, or of a later version: enrol the device anew (`bailiwick enrol \
                 TOKEN`) after moving it away",
                path.display()
            )
        };
        // Without the line that is wrong: it can be one of the key.
        let record: Self =
            toml::from_str(&text).map_err(|error| anyhow!("{}: {}", damaged(), error.message()))?;
        ensure!(record.format == FORMAT, damaged());
        record.credentials().with_context(damaged)?;
        Ok(Some(record))
    }

    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        private::write(folder, FILE, &toml::to_string(self)?)
    }

    pub(super) fn write_next(&self, folder: &Path) -> anyhow::Result<()> {
        private::write(folder, NEXT, &toml::to_string(self)?)
    }

    /// The next one takes the place of the last one.
    pub(super) fn promote_next(folder: &Path) -> anyhow::Result<()> {
        private::rename(folder, NEXT, FILE).with_context(|| {
            let path = folder.join(NEXT);
            format!("{} can't take the place of {FILE}", path.display())
        })
    }

    pub(super) fn drop_next(folder: &Path) -> anyhow::Result<()> {
        private::remove(folder, NEXT)
    }

    pub(super) fn certificate(&self) -> anyhow::Result<Certificate> {
        Ok(Certificate::from_pem(&self.certificate)?)
    }

    pub(super) fn key(&self) -> anyhow::Result<DeviceKey> {
        Ok(DeviceKey::from_pem(&self.key)?)
    }

    pub(super) fn credentials(&self) -> anyhow::Result<Credentials> {
        Ok(Credentials::new(&self.certificate()?, &self.key()?)?)
    }

    pub(super) fn device(&self) -> anyhow::Result<DeviceId> {
        Ok(self.certificate()?.device())
    }

    /// The settings that it stands for. All others win over them.
    pub(crate) fn layer(&self) -> Layer {
        let mut values = vec![
            (Name::UpdateUrl, format!("{}updates/", self.console)),
            (Name::ReportUrl, self.console.clone()),
            (Name::RootSha256, self.root_sha256.to_string()),
        ];
        if let Some(mqtt) = &self.mqtt {
            values.push((Name::MqttUrl, mqtt.clone()));
        }
        if let Some(group) = &self.group {
            values.push((Name::Groups, group.to_string()));
        }
        Layer::enrolment(values)
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::settings::Settings;

    use super::*;

    const DEVICE: DeviceId = DeviceId::from_bytes([0xab; 16]);

    /// A certificate of a key that rcgen made, and that key.
    fn pair() -> (String, DeviceKey) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let name = DEVICE.to_string();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap().pem();
        (
            certificate,
            DeviceKey::from_pem(&key.serialize_pem()).unwrap(),
        )
    }

    fn told() -> Told {
        Told {
            token: Sha256::of(b"token"),
            console: "https://desk.example:8443/".to_owned(),
            mqtt: Some("mqtts://desk.example:8883".to_owned()),
            root: Sha256::of(b"root"),
            group: Some("pilot".parse().unwrap()),
            authority: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
        }
    }

    #[test]
    fn it_is_read_as_it_was_written_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(Record::read(folder).unwrap(), None);
        let (certificate, key) = pair();
        let record = Record::new(told(), certificate, &key).unwrap();
        record.write(folder).unwrap();
        assert_eq!(Record::read(folder).unwrap(), Some(record.clone()));
        assert_eq!(record.device().unwrap(), DEVICE);

        let (certificate, key) = pair();
        let next = record.renewed(certificate, &key).unwrap();
        next.write_next(folder).unwrap();
        assert_eq!(Record::read(folder).unwrap(), Some(record));
        assert_eq!(Record::read_next(folder).unwrap(), Some(next.clone()));
        Record::promote_next(folder).unwrap();
        assert_eq!(Record::read(folder).unwrap(), Some(next));
        assert_eq!(Record::read_next(folder).unwrap(), None);
        Record::drop_next(folder).unwrap();
    }

    #[test]
    fn a_certificate_of_another_key_is_no_record() {
        let (certificate, _) = pair();
        let (_, other) = pair();
        assert!(Record::new(told(), certificate, &other).is_err());
    }

    #[test]
    fn what_is_damaged_or_newer_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        Record::new(told(), certificate, &key)
            .unwrap()
            .write(folder.path())
            .unwrap();
        let path = folder.path().join(FILE);
        let good = std::fs::read_to_string(&path).unwrap();
        for bad in [
            &good[..good.len() / 2],
            "",
            &good.replace("format = 1", "format = 2"),
            &good.replace("BEGIN PRIVATE", "BEGIN PUBLIC"),
            &format!("new-key = 1\n{good}"),
        ] {
            std::fs::write(&path, bad).unwrap();
            let error = format!("{:#}", Record::read(folder.path()).unwrap_err());
            assert!(error.contains("enrol the device anew"), "{error}");
            // Nothing of the key gets into a log.
            let line = good.lines().rev().nth(2).unwrap();
            assert!(!error.contains(&line[..10]), "{error}");
        }
    }

    #[test]
    fn its_settings_are_enough_to_run() {
        let (certificate, key) = pair();
        let record = Record::new(told(), certificate, &key).unwrap();
        let settings = Settings::merge(&[record.layer()]).unwrap();
        assert_eq!(settings.update_url, "https://desk.example:8443/updates/");
        assert_eq!(settings.root_sha256, Sha256::of(b"root"));
        assert_eq!(
            settings.mqtt_url.as_deref(),
            Some("mqtts://desk.example:8883")
        );
        assert!(settings.groups.contains("pilot"));
    }
}
