use bailiwick_sdk::{CollectError, Collection, Field, Rows, Schema, SessionCollector, processes};

struct Use;

impl SessionCollector for Use {
    fn schema() -> Schema {
        Schema::new([Collection::keyed(
            "process",
            [Field::unsigned("pid"), Field::timestamp("started")],
            [
                Field::text("name"),
                Field::unsigned("cpu").unit("ms").quantum(150),
                Field::unsigned("memory").unit("bytes").quantum(65_536),
            ],
        )])
    }

    fn new() -> Self {
        Use
    }

    fn sample(&mut self) -> Result<Rows, CollectError> {
        let mut rows = Rows::new(&Self::schema());
        for process in processes::read()?.iter() {
            let key = [process.id.into(), process.started.into()];
            let used = [
                process.name.into(),
                process.cpu_ms.into(),
                process.memory.into(),
            ];
            rows.push("process", key.into_iter().chain(used));
        }
        Ok(rows)
    }
}

bailiwick_sdk::session_collector!(Use);

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::{fake::Device, processes::Process};

    #[test]
    fn every_process_is_reported() {
        let shell = Process {
            id: 7,
            name: "sh",
            ..Process::default()
        };
        let device = Device::new().processes(&[shell]);
        let rows = device.run(|| Use.sample()).unwrap();
        assert_eq!(rows.count("process"), 1);
    }
}
