//! A device at work: a real repository and console, and the agent as it ships.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::process::{CpuAccount, LOOK, Process};
use crate::{
    desk::{Desk, Opened, output},
    program::Program,
};

/// A console and an agent that run.
pub(crate) struct Device {
    pub(crate) desk: Desk,
    agent: Program,
    console: Program,
    /// Where the console takes what is sent to it.
    pub(crate) address: String,
    /// On which the console's broker listens.
    pub(crate) broker_port: u16,
}

impl Device {
    /// Starts both; the agent's data folder is empty.
    pub(crate) fn begin(desk: Desk) -> anyhow::Result<Self> {
        Self::start(desk, |desk, opened| Ok(desk.agent(&opened.address)))
    }

    /// The same, reporting over MQTT, with updates from `updates`.
    pub(crate) fn begin_connected(desk: Desk, updates: &str) -> anyhow::Result<Self> {
        Self::start(desk, |desk, opened| {
            Ok(desk.connected_agent(&opened.broker, updates))
        })
    }

    /// The same, with updates from the console itself.
    pub(crate) fn begin_over_mqtt(desk: Desk) -> anyhow::Result<Self> {
        Self::start(desk, |desk, opened| {
            let updates = format!("{}updates/", opened.address);
            Ok(desk.connected_agent(&opened.broker, &updates))
        })
    }

    /// The same of a device that was enrolled, and has the settings that this gave it: MQTT,
    /// and HTTPS for files.
    pub(crate) fn begin_enrolled(desk: Desk) -> anyhow::Result<Self> {
        Self::begin_enrolled_as(desk, |desk, _| Ok(desk.enrolled_agent()))
    }

    /// The same, started as `agent` says.
    pub(crate) fn begin_enrolled_as(
        desk: Desk,
        agent: impl Fn(&Desk, &Opened) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        Self::start(desk, |desk, opened| {
            output(&mut desk.enrol(&desk.invite()?))?;
            agent(desk, opened)
        })
    }

    fn start(
        desk: Desk,
        agent: impl Fn(&Desk, &Opened) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        let opened = desk.open("127.0.0.1:0", "127.0.0.1:0")?;
        let port = opened.broker.rsplit(':').next();
        Ok(Self {
            broker_port: port.context("the broker has no port")?.parse()?,
            agent: Program::start("bailiwick", &mut agent(&desk, &opened)?)?,
            desk,
            address: opened.address,
            console: opened.console,
        })
    }

    /// The agent's process.
    pub(crate) fn process(&self) -> Process {
        Process(self.agent.id())
    }

    /// Waits for an event of the agent.
    pub(crate) fn wait(
        &mut self,
        within: Duration,
        what: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let deadline = Instant::now() + within;
        while let Some(event) = self.agent.next(deadline)? {
            if is_it(&event) {
                return Ok(event);
            }
            let failed = ["refused", "refresh-failed", "call-failed", "not-delivered"];
            if failed.iter().any(|kind| event["event"] == *kind) {
                eprintln!("  {}", event["words"].as_str().unwrap_or_default());
            }
        }
        bail!("no {what} within {} s", within.as_secs())
    }

    /// Waits until `plugin` has delivered something.
    pub(crate) fn wait_for_delivery(&mut self, plugin: &str) -> anyhow::Result<()> {
        let patience = Duration::from_secs(90);
        self.wait(patience, "report", |event| {
            event["event"] == "reported" && event["plugin"] == plugin
        })?;
        self.wait(patience, "delivery", |event| event["event"] == "delivered")
            .map(drop)
    }

    /// Lets the agent work for `time`, reading what it tells so that it never waits.
    pub(crate) fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + time;
        while self.agent.next(deadline)?.is_some() {}
        Ok(())
    }

    /// The same, and gives the CPU time that the agent used meanwhile.
    pub(crate) fn rest_and_account(&mut self, time: Duration) -> anyhow::Result<Duration> {
        let mut account = CpuAccount::begin(self.process())?;
        let deadline = Instant::now() + time;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            self.rest(left.min(LOOK))?;
            account.look()?;
        }
        Ok(account.used())
    }

    /// The id that the agent gave the device.
    pub(crate) fn id(&self) -> anyhow::Result<String> {
        let status: Value = serde_json::from_str(&self.desk.ask(&["status"])?)?;
        let id = status["device"].as_str().map(str::to_owned);
        id.context("a device has an id")
    }

    /// What `plugin list` tells of a plugin's calls.
    pub(crate) fn timing(&self, plugin: &str) -> anyhow::Result<Value> {
        let answer: Value = serde_json::from_str(&self.desk.ask(&["plugin", "list"])?)?;
        let found = answer["plugins"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|listed| listed["name"] == plugin || listed["plugin"] == plugin);
        match found {
            Some(listed) => Ok(listed["timing"].clone()),
            None => bail!("the agent does not list {plugin}: {answer}"),
        }
    }

    /// The same, and gives back the desk, with what is in its folders.
    pub(crate) fn end_and_keep(self) -> anyhow::Result<Desk> {
        self.agent.stop()?;
        self.console.stop()?;
        Ok(self.desk)
    }

    /// Ends the agent, then the console.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        self.agent.stop()?;
        self.console.stop()
    }
}
