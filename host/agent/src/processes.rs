//! How this device's processes are read, as it is told.

use bailiwick_device::ProcessSource;
use serde::{Deserialize, Serialize};

/// How processes are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ProcessesReport {
    /// `bpf`, `proc` or `sysinfo`.
    pub(crate) source: String,
    /// Why a cheaper source is not used; empty if the cheapest is.
    pub(crate) remark: String,
}

impl ProcessesReport {
    /// Of a device's processes.
    pub(crate) fn new(source: ProcessSource) -> Self {
        Self {
            source: source.way.name().to_owned(),
            remark: source.remark,
        }
    }

    /// In plain words.
    pub(crate) fn words(&self) -> String {
        let Self { source, remark } = self;
        if remark.is_empty() {
            return source.clone();
        }
        format!("{source}, and by nothing cheaper: {remark}")
    }
}
