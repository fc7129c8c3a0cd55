use bailiwick_sdk::{CollectError, Collection, Collector, Field, Rows, Schema, files};

struct Load;

impl Collector for Load {
    fn schema() -> Schema {
        Schema::new([Collection::single("load", [Field::text("one-minute")])])
    }

    fn new() -> Self {
        Load
    }

    fn collect(&mut self) -> Result<Rows, CollectError> {
        let text = files::read_text("/proc/loadavg", 4_096)?;
        let mut rows = Rows::new(&Self::schema());
        rows.push("load", [text.split(' ').next().into()]);
        Ok(rows)
    }
}

bailiwick_sdk::collector!(Load);

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    #[test]
    fn the_first_figure_is_reported() {
        let device = Device::new().file("/proc/loadavg", "0.31 1.20 2.00 2/345 6789\n");
        let rows = device.run(|| Load.collect()).unwrap();
        assert_eq!(rows.count("load"), 1);
    }
}
