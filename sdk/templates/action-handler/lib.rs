use bailiwick_sdk::{ActionHandler, Failure, Request, files};

struct Load;

impl ActionHandler for Load {
    fn arguments_schema() -> String {
        r#"{ "title": "Tell the load", "type": "object", "properties": {} }"#.to_owned()
    }

    fn new() -> Self {
        Load
    }

    fn handle(&mut self, _request: &Request) -> Result<String, Failure> {
        let text = files::read_text("/proc/loadavg", 4_096)
            .map_err(|error| Failure::Failed(format!("/proc/loadavg: {error:?}")))?;
        let load: f64 = text
            .split(' ')
            .next()
            .and_then(|first| first.parse().ok())
            .ok_or_else(|| Failure::Failed("/proc/loadavg is not as expected".to_owned()))?;
        Ok(format!("{{\"one-minute\":{load}}}"))
    }
}

bailiwick_sdk::action_handler!(Load);

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_sdk::fake::Device;

    #[test]
    fn the_first_figure_is_told() {
        let device = Device::new().file("/proc/loadavg", "0.31 1.20 2.00 2/345 6789\n");
        let request = Request {
            id: "00".repeat(16),
            arguments: "{}".to_owned(),
            expires: 0,
        };
        let told = device.run(|| Load.handle(&request));
        assert_eq!(told.as_deref(), Ok(r#"{"one-minute":0.31}"#));
    }
}
