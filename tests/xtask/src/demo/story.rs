//! What the demo does, scene by scene, and what the agent tells meanwhile.

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{
    summary::Seen,
    surroundings::{Neighbour, Surroundings},
};
use crate::{
    desk::{self, Desk},
    operator::Operator,
    program::Program,
};

/// The running programs, and every event of the agent so far.
pub(crate) struct Story<'a> {
    desk: &'a Desk,
    operator: Operator,
    surroundings: Surroundings,
    console: Option<Program>,
    /// Where the console and its broker listen, once they did: host and port.
    listening: Option<(String, String)>,
    /// What enrolment told.
    enrolled: Option<Value>,
    /// Whether users could log in.
    logged_in: bool,
    /// What came of the operator's action.
    outcome: Option<Value>,
    /// The magic packet that came to the neighbour.
    woken: Option<String>,
    agent: Option<Program>,
    events: Vec<Value>,
    /// How many of `events` earlier scenes have used up.
    used: usize,
    restarted_at: Option<usize>,
}

impl<'a> Story<'a> {
    /// Starts the console, enrols a device, and starts its agent, whose data folder has no
    /// plugin.
    pub(crate) fn begin(
        desk: &'a Desk,
        operator: Operator,
        surroundings: Surroundings,
    ) -> anyhow::Result<Self> {
        let mut story = Self {
            desk,
            operator,
            surroundings,
            console: None,
            listening: None,
            enrolled: None,
            logged_in: false,
            outcome: None,
            woken: None,
            agent: None,
            events: Vec::new(),
            used: 0,
            restarted_at: None,
        };
        story.serve()?;
        scene("A device is enrolled, with a token that works once");
        story.enrol()?;
        story.start_agent()?;
        Ok(story)
    }

    /// The scenes.
    pub(crate) fn tell(&mut self, deadline: Instant) -> anyhow::Result<()> {
        scene("Its agent, which has no plugin yet, meets the repository");
        self.wait(
            deadline,
            "a full and a differential report of each plugin",
            |seen| {
                ["inventory", "pressure"].into_iter().all(|plugin| {
                    ["full", "differential"].into_iter().all(|kind| {
                        seen.iter()
                            .any(|event| is(event, "reported", plugin) && event["kind"] == kind)
                    })
                })
            },
        )?;
        self.log_in()?;
        let old_timestamp = fs::read(self.timestamp())?;
        self.second_version(deadline)?;
        self.unsigned(deadline)?;
        self.over_privileged(deadline)?;
        self.rolled_back(deadline, &old_timestamp)?;
        self.act()?;
        self.wake()?;
        self.sessions(deadline)?;
        self.offline(deadline)
    }

    /// Tells what happens until the agent ends.
    pub(crate) fn go_on(&mut self) -> anyhow::Result<()> {
        loop {
            self.next(Instant::now() + std::time::Duration::from_secs(3_600))?;
        }
    }

    /// Ends both programs.
    pub(crate) fn end(&mut self) -> anyhow::Result<()> {
        for program in [self.agent.take(), self.console.take()]
            .into_iter()
            .flatten()
        {
            program.stop()?;
        }
        Ok(())
    }

    /// What was seen, for the summary.
    pub(crate) fn seen(&self, delivered: Vec<String>) -> Seen {
        Seen {
            events: self.events.clone(),
            restarted_at: self.restarted_at,
            delivered,
            enrolled: self.enrolled.clone(),
            logged_in: self.logged_in,
            outcome: self.outcome.clone(),
            neighbour: self.surroundings.has_network().then(|| self.woken.clone()),
        }
    }

    fn second_version(&mut self, deadline: Instant) -> anyhow::Result<()> {
        scene("Version 0.2.0 of pressure is published while 0.1.0 runs");
        self.desk.publish(
            "pressure",
            "0.2.0",
            &self.desk.component("pressure", "0.2.0"),
        )?;
        self.assign("0.2.0")?;
        self.wait(deadline, "the swap to 0.2.0 and its probation", |seen| {
            any(seen, "swapped", "pressure") && any(seen, "kept", "pressure")
        })
    }

    fn unsigned(&mut self, deadline: Instant) -> anyhow::Result<()> {
        scene("Somebody with the server, and no key, puts up a version 0.2.1");
        let component = self.desk.component("pressure", "0.2.0");
        self.desk.publish("pressure", "0.2.1", &component)?;
        self.desk.assign("pressure", "0.2.1")?;
        let metadata = self.newest("vendor-bailiwick.json")?;
        let signed = fs::read(&metadata)?;
        let mut forged: Value = serde_json::from_slice(&signed)?;
        forged["signatures"] = Value::Array(Vec::new());
        fs::write(&metadata, serde_json::to_vec(&forged)?)?;
        self.desk.refresh()?;
        self.wait(deadline, "the refusal of what nobody signed", |seen| {
            seen.iter()
                .any(|event| is(event, "refused", "pressure") && event["version"] == "0.2.1")
        })?;
        // The desk notices, and puts right what was changed.
        fs::write(&metadata, signed)?;
        self.assign("0.2.0")
    }

    fn over_privileged(&mut self, deadline: Instant) -> anyhow::Result<()> {
        scene("The vendor signs a version 0.2.2 that asks for more than its policy grants");
        let greedy = self.desk.component("inventory", "0.1.0");
        self.desk.publish("pressure", "0.2.2", &greedy)?;
        self.assign("0.2.2")?;
        self.wait(deadline, "the refusal of what asks for more", |seen| {
            seen.iter()
                .any(|event| is(event, "refused", "pressure") && event["version"] == "0.2.2")
        })?;
        self.assign("0.2.0")
    }

    fn rolled_back(&mut self, deadline: Instant, old_timestamp: &[u8]) -> anyhow::Result<()> {
        scene("The server plays back the repository of a minute ago, in which 0.1.0 was right");
        let genuine = fs::read(self.timestamp())?;
        fs::write(self.timestamp(), old_timestamp)?;
        self.desk.refresh()?;
        self.wait(deadline, "the refusal of the old repository", |seen| {
            seen.iter().any(|event| event["event"] == "refresh-failed")
        })?;
        fs::write(self.timestamp(), genuine)?;
        Ok(())
    }

    fn log_in(&mut self) -> anyhow::Result<()> {
        scene("Two users log in: each session gets an instance of session-analyzer");
        self.logged_in = self.surroundings.log_in()?;
        if !self.logged_in {
            println!("  no user session on this machine: only root can log users in");
        }
        Ok(())
    }

    /// An operator, who is neither the console nor the broker, asks for something.
    fn act(&mut self) -> anyhow::Result<()> {
        scene("An operator signs: run `uptime -p` on this device");
        let asked = r#"{"program":"/usr/bin/uptime","arguments":["-p"]}"#;
        self.outcome = Some(self.order("run-program", asked)?);
        Ok(())
    }

    /// The device as a bridge: it wakes who sleeps in its network.
    fn wake(&mut self) -> anyhow::Result<()> {
        scene("An operator signs: wake the neighbour of this device");
        let Some(neighbour) = self.surroundings.neighbour()? else {
            println!("  the device has no network of its own here: only root can make one");
            return Ok(());
        };
        let mac = Neighbour::MAC.map(|byte| format!("{byte:02x}")).join(":");
        let target = self.surroundings.here();
        let asked = format!(r#"{{"wake":{{"mac":"{mac}","target":"{target}"}}}}"#);
        self.order("wake-on-lan", &asked)?;
        let packet = neighbour.woken_by();
        let packet = packet.context("no magic packet came to the other end of the link")?;
        println!("  the neighbour got a magic packet: {packet}");
        self.woken = Some(packet);
        Ok(())
    }

    /// Signs, sends, and waits for the device's answer.
    fn order(&self, handler: &str, arguments: &str) -> anyhow::Result<Value> {
        let device = self.enrolled.as_ref();
        let device = device.and_then(|enrolled| enrolled["device"].as_str());
        let device = device.context("no device is enrolled")?;
        let (address, _) = self.listening.as_ref().context("no console listens")?;
        let console = format!("https://{address}/");
        let order = (handler, arguments);
        let id = self.operator.ask(self.desk, &console, device, order)?;
        println!("  action {id} was sent");
        let told = self.operator.watch(self.desk, &id)?;
        println!("  the device answers: {}", told["outcome"]["result"]);
        Ok(told)
    }

    fn sessions(&mut self, deadline: Instant) -> anyhow::Result<()> {
        if !self.logged_in {
            return Ok(());
        }
        scene("Both log out again");
        self.surroundings.log_out();
        self.wait(
            deadline,
            "two sessions that closed, and a file of each",
            |seen| {
                let closed = seen.iter().filter(|one| one["event"] == "session-closed");
                let file = |event: &&Value| {
                    let key = event["key"].as_str().unwrap_or_default();
                    event["event"] == "delivered" && key.contains("-session-analyzer-")
                };
                closed.count() >= 2 && seen.iter().filter(file).count() >= 2
            },
        )
    }

    fn offline(&mut self, deadline: Instant) -> anyhow::Result<()> {
        scene("The console is gone, and the device restarts");
        if let Some(console) = self.console.take() {
            console.stop()?;
        }
        if let Some(agent) = self.agent.take() {
            agent.stop()?;
        }
        self.used = self.events.len();
        self.restarted_at = Some(self.used);
        self.start_agent()?;
        self.wait(
            deadline,
            "both plugins from the disk, and a report that waits",
            |seen| {
                let offline = |plugin| {
                    seen.iter().any(|event| {
                        is(event, "plugin-started", plugin) && event["offline"] == true
                    })
                };
                offline("inventory") && offline("pressure") && any(seen, "reported", "pressure")
            },
        )?;
        scene("The console is back");
        self.serve()?;
        self.wait(deadline, "the waiting reports in the console", |seen| {
            seen.iter().any(|event| event["event"] == "delivered")
        })
    }

    /// Starts the console, where it listened before if it did.
    fn serve(&mut self) -> anyhow::Result<()> {
        let any = format!("{}:0", self.surroundings.here());
        let (address, broker) = self.listening.clone().unwrap_or((any.clone(), any));
        let opened = self.desk.open(&address, &broker)?;
        self.listening = Some((
            host_and_port(&opened.address)?,
            host_and_port(&opened.broker)?,
        ));
        self.console = Some(opened.console);
        println!("  What devices report is on a page; this link lets you in once:");
        println!("  {}", opened.login);
        Ok(())
    }

    fn enrol(&mut self) -> anyhow::Result<()> {
        let token = self.desk.invite()?;
        let enrolled = desk::output(&mut self.surroundings.on_device(&self.desk.enrol(&token)))?;
        let enrolled: Value = serde_json::from_str(&enrolled)?;
        println!(
            "  device {} has a certificate of the console at {}; its key never left it",
            enrolled["device"].as_str().unwrap_or_default(),
            enrolled["console"].as_str().unwrap_or_default(),
        );
        self.enrolled = Some(enrolled);
        Ok(())
    }

    fn start_agent(&mut self) -> anyhow::Result<()> {
        let mut command = self.surroundings.on_device(&self.desk.enrolled_agent());
        self.agent = Some(Program::start("bailiwick", &mut command)?);
        Ok(())
    }

    /// Assigns a version of pressure and has the agent look at once.
    fn assign(&self, version: &str) -> anyhow::Result<()> {
        self.desk.assign("pressure", version)?;
        self.desk.refresh()
    }

    /// Tells what happens until `enough` holds for the events of this scene.
    fn wait(
        &mut self,
        deadline: Instant,
        what: &str,
        enough: impl Fn(&[Value]) -> bool,
    ) -> anyhow::Result<()> {
        while !enough(&self.events[self.used..]) {
            if !self.next(deadline)? {
                bail!("the time was over before the agent told of {what}");
            }
        }
        self.used = self.events.len();
        Ok(())
    }

    /// Prints the next event. False if there is none before `deadline`.
    fn next(&mut self, deadline: Instant) -> anyhow::Result<bool> {
        let agent = self.agent.as_mut().context("the agent does not run")?;
        let Some(event) = agent.next(deadline)? else {
            return Ok(false);
        };
        println!("  {}", event["words"].as_str().unwrap_or_default());
        self.events.push(event);
        Ok(true)
    }

    fn timestamp(&self) -> PathBuf {
        self.desk.public().join("timestamp.json")
    }

    /// The highest version of a role's metadata: `N.<name>`.
    fn newest(&self, name: &str) -> anyhow::Result<PathBuf> {
        let mut newest = None;
        for entry in fs::read_dir(self.desk.public())? {
            let file = entry?.file_name();
            let version = file
                .to_str()
                .and_then(|file| file.split_once('.'))
                .filter(|(_, role)| *role == name)
                .and_then(|(version, _)| version.parse::<u64>().ok());
            newest = newest.max(version);
        }
        let version = newest.with_context(|| format!("the repository has no {name}"))?;
        Ok(self.desk.public().join(format!("{version}.{name}")))
    }
}

/// Host and port of an address.
fn host_and_port(address: &str) -> anyhow::Result<String> {
    let (_, rest) = address
        .split_once("://")
        .with_context(|| format!("{address} is no address"))?;
    Ok(rest.trim_end_matches('/').to_owned())
}

fn scene(title: &str) {
    println!("\n── {title}");
}

fn is(event: &Value, kind: &str, plugin: &str) -> bool {
    event["event"] == kind && event["plugin"] == plugin
}

fn any(events: &[Value], kind: &str, plugin: &str) -> bool {
    events.iter().any(|event| is(event, kind, plugin))
}
