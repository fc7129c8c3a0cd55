//! The device's certificate as the running agent uses it.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bailiwick_core::{enrolment::renewal::Validity, ids::DeviceId};
use bailiwick_transport::{Trust, enrol::Credentials};

use super::record::Record;

/// Who this device is to its console.
pub(crate) struct Identity {
    pub(super) folder: PathBuf,
    device: DeviceId,
    credentials: Credentials,
    record: Mutex<Record>,
}

impl Identity {
    /// That of a data folder; none if the device was not enrolled.
    ///
    /// # Errors
    /// It can't be read, or is damaged.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(record) = Record::read(folder)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            folder: folder.to_owned(),
            device: record.device()?,
            credentials: record.credentials()?,
            record: Mutex::new(record),
        }))
    }

    /// The id in the certificate.
    pub(crate) fn device(&self) -> DeviceId {
        self.device
    }

    /// Trusts the console's authority too, and shows the certificate to who asks for one.
    pub(crate) fn extend(&self, trust: Trust) -> Trust {
        trust
            .and_pem(self.record().authority)
            .and_credentials(self.credentials.clone())
    }

    pub(super) fn record(&self) -> Record {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        record.clone()
    }

    pub(super) fn validity(&self) -> anyhow::Result<Validity> {
        Ok(self.record().certificate()?.validity())
    }

    /// From the next connection on the certificate of `record` is shown.
    pub(super) fn replace(&self, record: Record) -> anyhow::Result<()> {
        self.credentials
            .replace(&record.certificate()?, &record.key()?)?;
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = record;
        Ok(())
    }
}
