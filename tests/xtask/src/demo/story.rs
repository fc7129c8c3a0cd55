//! What the demo does, scene by scene, and what the agent tells meanwhile.

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::summary::Seen;
use crate::{desk::Desk, program::Program};

/// The running programs, and every event of the agent so far.
pub(crate) struct Story<'a> {
    desk: &'a Desk,
    console: Option<Program>,
    /// Address on which the console listens, as it named it.
    address: String,
    agent: Option<Program>,
    events: Vec<Value>,
    /// How many of `events` earlier scenes have used up.
    used: usize,
    restarted_at: Option<usize>,
}

impl<'a> Story<'a> {
    /// Starts the console, then an agent whose data folder is empty.
    pub(crate) fn begin(desk: &'a Desk) -> anyhow::Result<Self> {
        let mut story = Self {
            desk,
            console: None,
            address: String::new(),
            agent: None,
            events: Vec::new(),
            used: 0,
            restarted_at: None,
        };
        story.serve("127.0.0.1:0")?;
        story.start_agent()?;
        Ok(story)
    }

    /// The scenes.
    pub(crate) fn tell(&mut self, deadline: Instant) -> anyhow::Result<()> {
        scene("An agent with an empty data folder meets the repository");
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
        let old_timestamp = fs::read(self.timestamp())?;
        self.second_version(deadline)?;
        self.unsigned(deadline)?;
        self.over_privileged(deadline)?;
        self.rolled_back(deadline, &old_timestamp)?;
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
        }
    }

    fn second_version(&mut self, deadline: Instant) -> anyhow::Result<()> {
        scene("Version 0.2.0 of pressure is published while 0.1.0 runs");
        self.desk.build("pressure", "0.2.0")?;
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
        let address = self.listening()?;
        self.serve(&address)?;
        self.wait(deadline, "the waiting reports in the console", |seen| {
            seen.iter().any(|event| event["event"] == "delivered")
        })
    }

    fn serve(&mut self, address: &str) -> anyhow::Result<()> {
        let opened = self.desk.open(address)?;
        self.address = opened.address;
        self.console = Some(opened.console);
        println!("  What devices report is on a page; this link lets you in once:");
        println!("  {}", opened.login);
        Ok(())
    }

    fn start_agent(&mut self) -> anyhow::Result<()> {
        self.agent = Some(Program::start(
            "bailiwick",
            &mut self.desk.agent(&self.address),
        )?);
        Ok(())
    }

    /// Host and port of the console's address.
    fn listening(&self) -> anyhow::Result<String> {
        let host = self
            .address
            .strip_prefix("https://")
            .and_then(|rest| rest.strip_suffix('/'));
        Ok(host
            .with_context(|| format!("{} is no address", self.address))?
            .to_owned())
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

fn scene(title: &str) {
    println!("\n── {title}");
}

fn is(event: &Value, kind: &str, plugin: &str) -> bool {
    event["event"] == kind && event["plugin"] == plugin
}

fn any(events: &[Value], kind: &str, plugin: &str) -> bool {
    events.iter().any(|event| is(event, kind, plugin))
}
