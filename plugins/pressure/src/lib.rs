//! Collector: how long tasks wait for processor, memory and disk.
//!
//! It keeps the highest pressure seen and the number of collects since it first started,
//! and hands both to the next version.

mod figures;
mod history;

use bailiwick_sdk::{
    Cell, CollectError, Collection, Collector, Field, Refusal, Rows, Schema, files, log,
};

use figures::{Pressure, load};
use history::History;

/// The files are a few lines.
const LONGEST_FILE: u64 = 4 << 10;

const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

/// The collector.
pub struct Watch {
    history: History,
    /// A kernel without pressure figures is told of once.
    told: bool,
}

impl Collector for Watch {
    fn schema() -> Schema {
        // A hundredth of a per cent is what the kernel gives; less than one is noise.
        let share = |name| Field::unsigned(name).unit("percent-100").quantum(100);
        let load = |name| Field::unsigned(name).unit("100ths").quantum(25);
        let mut watch = vec![
            Field::text("plugin-version"),
            Field::unsigned("first-collect-of-version"),
        ];
        if cfg!(with_collects) {
            watch.push(Field::unsigned("collects"));
        }
        Schema::new([
            Collection::keyed(
                "pressure",
                [Field::text("resource")],
                [
                    share("some-10-s"),
                    share("some-60-s"),
                    share("full-60-s"),
                    share("highest-some-10-s"),
                ],
            ),
            Collection::single(
                "load",
                [
                    load("one-minute"),
                    load("five-minutes"),
                    load("fifteen-minutes"),
                ],
            ),
            Collection::single("watch", watch),
        ])
    }

    fn new() -> Self {
        Self {
            history: History::default(),
            told: false,
        }
    }

    fn collect(&mut self) -> Result<Rows, CollectError> {
        self.history.begin_collect();
        let mut rows = Rows::new(&Self::schema());
        for (index, resource) in RESOURCES.into_iter().enumerate() {
            let Some(pressure) = self.read(resource) else {
                continue;
            };
            let highest = self.history.highest(index, pressure.some_10_s);
            rows.push(
                "pressure",
                [
                    resource.into(),
                    pressure.some_10_s.into(),
                    pressure.some_60_s.into(),
                    pressure.full_60_s.into(),
                    highest.into(),
                ],
            );
        }
        if let Some(load) = files::read_text("/proc/loadavg", LONGEST_FILE)
            .ok()
            .as_deref()
            .and_then(load)
        {
            rows.push("load", load.map(Cell::from));
        }
        let mut watch = vec![
            env!("BAILIWICK_PLUGIN_VERSION").into(),
            self.history.first_of_version().into(),
        ];
        if cfg!(with_collects) {
            watch.push(self.history.collects().into());
        }
        rows.push("watch", watch);
        Ok(rows)
    }

    fn save(&self) -> Vec<u8> {
        self.history.to_bytes()
    }

    fn load(_from_version: &str, state: &[u8]) -> Result<Self, Refusal> {
        Ok(Self {
            history: History::from_bytes(state)?,
            told: false,
        })
    }
}

impl Watch {
    fn read(&mut self, resource: &str) -> Option<Pressure> {
        let path = ["/proc/pressure/", resource].concat();
        let pressure = files::read_text(&path, LONGEST_FILE)
            .ok()
            .as_deref()
            .and_then(Pressure::parse);
        if pressure.is_none() && !self.told {
            self.told = true;
            log::warn("no pressure figures in /proc/pressure: the kernel may keep none");
        }
        pressure
    }
}

bailiwick_sdk::collector!(Watch);

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    fn device(some: &str) -> Device {
        let text = format!(
            "some avg10={some} avg60=0.50 avg300=0.10 total=4242\n\
             full avg10=0.00 avg60=0.25 avg300=0.00 total=17\n"
        );
        RESOURCES
            .into_iter()
            .fold(Device::new(), |device, resource| {
                device.file(&format!("/proc/pressure/{resource}"), text.clone())
            })
            .file("/proc/loadavg", "0.31 1.20 2.00 2/345 6789\n")
    }

    #[test]
    fn every_collection_has_its_rows() {
        let rows = device("1.50").run(|| Watch::new().collect()).unwrap();
        assert_eq!(
            (
                rows.count("pressure"),
                rows.count("load"),
                rows.count("watch")
            ),
            (3, 1, 1)
        );
    }

    #[test]
    fn a_kernel_without_figures_is_told_of_once_and_fails_nothing() {
        let device = Device::new();
        let mut watch = Watch::new();
        let rows = device.run(|| {
            watch.collect().unwrap();
            watch.collect().unwrap()
        });
        assert_eq!((rows.count("pressure"), rows.count("watch")), (0, 1));
        assert_eq!(device.log().len(), 1);
    }

    #[test]
    fn the_next_version_goes_on_from_what_this_one_saved() {
        let mut old = Watch::new();
        device("80.00").run(|| old.collect()).unwrap();
        device("3.00").run(|| old.collect()).unwrap();
        let mut new = Watch::load("0.1.0", &old.save()).unwrap();
        device("5.00").run(|| new.collect()).unwrap();
        assert_eq!(new.history.collects(), 3);
        assert_eq!(new.history.first_of_version(), 3);
        assert_eq!(new.history.highest(0, 0), 8_000);
    }
}
