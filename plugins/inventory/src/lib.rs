//! Collector: what the device is and what is installed on it.
//!
//! One module per subject: its collections, what it reads, and pure functions that read
//! the text of a file. To add a field, change one of them.
//!
//! What a device does not have, or a policy does not grant, leaves its collection empty
//! and is logged once; it never fails the rest. Of rpm's databases, SQLite and ndb are
//! read; Berkeley DB, which rpm wrote until 2020, is not.

mod disks;
mod dmi;
mod groups;
mod hardware;
mod memory;
mod network;
mod operating_system;
mod processors;
mod rpm;
mod services;
mod smbios;
mod software;
mod source;
mod users;

use bailiwick_sdk::{CollectError, Collection, Collector, Rows, Schema};

use source::Source;

/// What one module contributes.
struct Subject {
    /// For the log.
    name: &'static str,
    collections: fn() -> Vec<Collection>,
    collect: fn(&mut Source, &mut Rows),
}

const SUBJECTS: [Subject; 10] = [
    hardware::SUBJECT,
    processors::SUBJECT,
    memory::SUBJECT,
    disks::SUBJECT,
    network::SUBJECT,
    operating_system::SUBJECT,
    software::SUBJECT,
    services::SUBJECT,
    users::SUBJECT,
    groups::SUBJECT,
];

/// The collector.
///
/// A component of its own can build on it: depend on this crate with
/// `default-features = false`, so that the functions of the contract are exported once,
/// put collections of its own behind those of [`Inventory::schema`], and let
/// [`Inventory::collect_into`] fill the rest.
#[derive(Debug, Default)]
pub struct Inventory {
    source: Source,
}

impl Inventory {
    /// Adds the rows of its collections to `rows`, which can have others besides.
    ///
    /// # Panics
    /// If the schema of `rows` lacks a collection of [`Inventory::schema`], or gives it
    /// other fields.
    pub fn collect_into(&mut self, rows: &mut Rows) {
        for subject in &SUBJECTS {
            self.source.begin(subject.name);
            (subject.collect)(&mut self.source, rows);
        }
    }
}

impl Collector for Inventory {
    fn schema() -> Schema {
        let collections: Vec<Collection> = SUBJECTS
            .iter()
            .flat_map(|subject| (subject.collections)())
            .collect();
        Schema::new(collections)
    }

    fn new() -> Self {
        Self::default()
    }

    fn collect(&mut self) -> Result<Rows, CollectError> {
        let mut rows = Rows::new(&Self::schema());
        self.collect_into(&mut rows);
        Ok(rows)
    }
}

#[cfg(feature = "component")]
bailiwick_sdk::collector!(Inventory);

#[cfg(test)]
mod tests;
