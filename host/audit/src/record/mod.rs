//! What plugins really did: the logs of devices, as `bailiwick log export` writes them.
//!
//! A log is believed as far as its chain goes: one that was edited is not judged at all. Who
//! wrote a whole log anew is found by a head of it that was noted elsewhere before, the
//! console's for example.

mod deeds;
mod log;

use std::collections::BTreeMap;

use bailiwick_core::{chain::Head, ids::DeviceId, time::Timestamp};

pub use deeds::{Deed, Deeds, MOST_DEEDS, Used};
pub use log::{DeviceLog, LogEntry, LogError, parse};

/// The logs of some devices.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// As it was named.
    pub folder: String,
    /// Each device of which a log was read.
    pub devices: Vec<Recorded>,
    /// What each plugin did, by its name.
    pub plugins: BTreeMap<String, Deeds>,
}

/// A log that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Whose.
    pub device: DeviceId,
    /// Entries in it.
    pub entries: usize,
    /// When the first of them was made.
    pub first: Timestamp,
    /// When the last one was.
    pub last: Timestamp,
    /// The last entry, to be held against what the console has.
    pub head: Option<Head>,
    /// The last entry that made room; none where the log has the device's first.
    pub made_room: Option<u64>,
    /// Whether it agrees with a head that was noted elsewhere.
    pub is_held: bool,
}

impl Record {
    /// The record of `folder`, empty.
    pub fn new(folder: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            ..Self::default()
        }
    }

    /// What a plugin did, if the record tells of it.
    pub fn of(&self, plugin: &str) -> Option<&Deeds> {
        self.plugins.get(plugin)
    }

    /// Takes a log, which is believed.
    pub fn take(&mut self, log: &DeviceLog) {
        let at = |entry: Option<&LogEntry>| entry.map_or(Timestamp::EPOCH, |entry| entry.at);
        self.devices.push(Recorded {
            device: log.device,
            entries: log.entries.len(),
            first: at(log.entries.first()),
            last: at(log.entries.last()),
            head: log.whole.head,
            made_room: log.whole.made_room,
            is_held: log.is_held,
        });
        for entry in &log.entries {
            deeds::take(&mut self.plugins, log.device, entry);
        }
        for deeds in self.plugins.values_mut() {
            deeds.settle();
        }
    }
}
