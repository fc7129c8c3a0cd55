//! Guest: does the one thing that an order asks for, of those that reach furthest, and tells what
//! came of it. The scenario `meddling` sends the orders.

use std::{fmt::Debug, time::Duration};

use bailiwick_sdk::{
    ActionHandler, Failure, Request, http, message,
    power::{self, Verb},
    process_control::{self, Process},
    processes, watch,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// How long a process has to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// What an order asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Asked {
    Get { url: String },
    Changed {},
    End { process: u32, session: String },
    Tell { session: String, text: String },
    Reboot {},
    Hibernate {},
}

/// The handler. It keeps nothing.
#[derive(Debug)]
pub struct Meddler;

impl ActionHandler for Meddler {
    fn arguments_schema() -> String {
        json!({
            "title": "Meddle",
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
        })
        .to_string()
    }

    fn new() -> Self {
        Self
    }

    fn handle(&mut self, request: &Request) -> Result<String, Failure> {
        let asked: Asked = serde_json::from_str(&request.arguments)
            .map_err(|error| Failure::Arguments(error.to_string()))?;
        let told = match asked {
            Asked::Get { url } => get(&url),
            Asked::Changed {} => changed(),
            Asked::End { process, session } => end(process, session),
            Asked::Tell { session, text } => tell(&session, &text),
            Asked::Reboot {} => ask(Verb::Reboot),
            Asked::Hibernate {} => ask(Verb::Hibernate),
        };
        told.map(|told| told.to_string())
    }
}

/// An error of the host, in the contract's own word.
fn failed(error: impl Debug) -> Failure {
    Failure::Failed(format!("{error:?}"))
}

fn get(url: &str) -> Result<Value, Failure> {
    let answer = http::send(&http::Request::get(url)).map_err(failed)?;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    Ok(json!({ "status": answer.status, "body": body }))
}

fn changed() -> Result<Value, Failure> {
    let changes = watch::changed().map_err(failed)?;
    Ok(json!({ "paths": changes.paths, "incomplete": changes.incomplete }))
}

fn end(id: u32, session: String) -> Result<Value, Failure> {
    let table = processes::read().map_err(failed)?;
    let found = table.iter().find(|process| process.id == id);
    let started = found.map(|process| process.started);
    let process = Process {
        id,
        started: started.ok_or_else(|| Failure::Failed("it sees no such process".to_owned()))?,
        session: Some(session),
    };
    let ending = process_control::end(&process, GRACE).map_err(failed)?;
    Ok(json!({ "ending": format!("{ending:?}") }))
}

fn tell(session: &str, text: &str) -> Result<Value, Failure> {
    let delivered = message::show(session, text).map_err(failed)?;
    Ok(json!({ "delivered": format!("{delivered:?}") }))
}

fn ask(verb: Verb) -> Result<Value, Failure> {
    power::ask(verb).map_err(failed)?;
    Ok(json!({}))
}

bailiwick_sdk::action_handler!(Meddler);
