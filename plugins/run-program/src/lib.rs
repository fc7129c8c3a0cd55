//! Action handler: runs a program that its policy grants, and tells how it ended and what
//! it wrote. Which programs there are, with which arguments and as whom, is the policy's.

mod answer;

use bailiwick_sdk::{
    ActionHandler, Failure, Request,
    exec::{self, Error},
    progress,
};
use serde::Deserialize;

/// What an action asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Arguments {
    program: String,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    environment: Vec<String>,
    #[serde(default)]
    input: String,
    #[serde(default)]
    timeout_ms: u32,
    session: Option<String>,
}

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Run a program",
  "type": "object",
  "additionalProperties": false,
  "required": ["program"],
  "properties": {
    "program": {
      "type": "string",
      "title": "Program",
      "description": "Its absolute path, as the policy names it."
    },
    "arguments": {
      "type": "array",
      "items": { "type": "string" },
      "maxItems": 64,
      "title": "Arguments",
      "description": "One each; the policy says which lists it takes."
    },
    "environment": {
      "type": "array",
      "items": { "type": "string" },
      "maxItems": 32,
      "title": "Variables",
      "description": "Names of variables that the policy offers; their values are the policy's."
    },
    "input": {
      "type": "string",
      "contentMediaType": "text/plain",
      "title": "Input",
      "description": "What the program reads from its standard input, at most 64 KiB."
    },
    "timeout-ms": {
      "type": "integer",
      "minimum": 0,
      "maximum": 600000,
      "title": "Time limit",
      "description": "Milliseconds; 0, or more than the policy's limit, means that limit."
    },
    "session": {
      "type": "string",
      "title": "Session",
      "description": "The session as whose user it runs, where the policy leaves the user to a session: its id, as in 3#17."
    }
  }
}"#;

/// The handler. It keeps nothing.
#[derive(Debug)]
pub struct RunProgram;

impl ActionHandler for RunProgram {
    fn arguments_schema() -> String {
        SCHEMA.to_owned()
    }

    fn new() -> Self {
        Self
    }

    fn handle(&mut self, request: &Request) -> Result<String, Failure> {
        let asked: Arguments = serde_json::from_str(&request.arguments)
            .map_err(|error| Failure::Arguments(error.to_string()))?;
        let run = exec::Request {
            program: asked.program,
            arguments: asked.arguments,
            environment: asked.environment,
            input: asked.input.into_bytes(),
            timeout_ms: asked.timeout_ms,
            // An empty field of a form names none.
            session: asked.session.filter(|session| !session.is_empty()),
        };
        progress::report(None, &format!("running {}", run.program));
        let outcome = exec::run(&run).map_err(|error| failure(&run.program, error))?;
        Ok(answer::text(&outcome))
    }
}

fn failure(program: &str, error: Error) -> Failure {
    match error {
        Error::Denied => Failure::Denied(format!("exec: no grant covers `{program}`")),
        Error::NotOfTheGrant(reason) => {
            Failure::Arguments(format!("`{program}` is not granted so: {reason}"))
        }
        Error::Cancelled => Failure::Failed("it was called off, and ended".to_owned()),
        Error::NotStarted(reason) => Failure::Failed(format!("it was not started: {reason}")),
        Error::Unavailable => Failure::Failed("programs can't be run on this device".to_owned()),
    }
}

bailiwick_sdk::action_handler!(RunProgram);

#[cfg(test)]
mod tests {
    use bailiwick_sdk::{
        exec::{Ended, Outcome},
        fake::Device,
    };

    use super::*;

    fn request(arguments: &str) -> Request {
        Request {
            id: "00".repeat(16),
            arguments: arguments.to_owned(),
            expires: 1,
        }
    }

    fn outcome() -> Outcome {
        Outcome {
            ended: Ended::Exited(3),
            output: b"ok\n\xff".to_vec(),
            output_cut: true,
            errors: Vec::new(),
            errors_cut: false,
            elapsed_ms: 12,
            cpu_ms: 10,
        }
    }

    #[test]
    fn what_is_asked_is_run_and_told() {
        let device = Device::new().program("/usr/bin/true", Ok(outcome()));
        let asked = r#"{"program":"/usr/bin/true","arguments":["a b"],"environment":["LANG"],"input":"x","timeout-ms":5,"session":"3#17"}"#;
        let told = device.run(|| RunProgram.handle(&request(asked))).unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["exit-status"], 3);
        assert_eq!(told["output"], "ok\n\u{fffd}");
        assert_eq!(
            (&told["output-cut"], &told["cpu-ms"]),
            (&true.into(), &10.into())
        );
        let ran = &device.ran()[0];
        assert_eq!((ran.arguments.len(), ran.timeout_ms), (1, 5));
        assert_eq!(ran.session.as_deref(), Some("3#17"));
        assert_eq!(
            (ran.input.as_slice(), ran.environment.len()),
            (&b"x"[..], 1)
        );
        assert_eq!(device.progress().len(), 1);
        let unnamed = r#"{"program":"/usr/bin/true","session":""}"#;
        device.run(|| RunProgram.handle(&request(unnamed))).unwrap();
        assert_eq!(device.ran()[1].session, None);
    }

    #[test]
    fn refusals_say_whose_they_are() {
        let refused = |device: Device, arguments: &str| {
            device
                .run(|| RunProgram.handle(&request(arguments)))
                .unwrap_err()
        };
        let asked = r#"{"program":"/p"}"#;
        let not_so = Error::NotOfTheGrant("no".to_owned());
        assert!(matches!(refused(Device::new(), asked), Failure::Denied(_)));
        assert!(matches!(
            refused(Device::new().program("/p", Err(not_so)), asked),
            Failure::Arguments(_)
        ));
        assert!(matches!(
            refused(Device::new().program("/p", Err(Error::Cancelled)), asked),
            Failure::Failed(_)
        ));
        for broken in [
            "",
            "[]",
            "{}",
            r#"{"program":1}"#,
            r#"{"program":"/p","shell":"x"}"#,
        ] {
            let failure = refused(Device::new(), broken);
            assert!(matches!(failure, Failure::Arguments(_)), "{broken}");
        }
    }

    #[test]
    fn the_schema_names_what_is_taken() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let mut whole = serde_json::Map::new();
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{name}");
            whole.insert(
                name.clone(),
                match property["type"].as_str().unwrap() {
                    "string" => "".into(),
                    "array" => serde_json::Value::Array(Vec::new()),
                    _ => 0.into(),
                },
            );
        }
        serde_json::from_value::<Arguments>(whole.into()).unwrap();
    }
}
