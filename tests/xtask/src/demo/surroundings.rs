//! What the demo finds around it: as root, a network of its own for the device, and two
//! users who log in. Without, the parts that need them are left out, and said.

use std::{net::Ipv4Addr, process::Command};

use bailiwick_needs::{Login, Network, own_uid};

/// Where the device of the demo is.
pub(crate) struct Surroundings {
    network: Option<Network>,
    logins: Vec<Login>,
}

impl Surroundings {
    /// What can be had here.
    pub(crate) fn find() -> Self {
        let network = Network::new("the demo's device in a network of its own");
        Self {
            network,
            logins: Vec::new(),
        }
    }

    /// Where the console listens.
    pub(crate) fn here(&self) -> Ipv4Addr {
        self.network
            .as_ref()
            .map_or(Ipv4Addr::LOCALHOST, Network::here)
    }

    /// A command of the device: in its own network, if it has one.
    pub(crate) fn on_device(&self, command: &Command) -> Command {
        let Some(network) = &self.network else {
            return copy(command, Command::new(command.get_program()));
        };
        let mut within = Command::new("ip");
        within
            .args(["netns", "exec", network.namespace()])
            .arg(command.get_program());
        copy(command, within)
    }

    /// Logs two users in, as the kernel knows logins. False if that can't be done here.
    pub(crate) fn log_in(&mut self) -> std::io::Result<bool> {
        if !Login::is_possible("two users' sessions in the demo") {
            return Ok(false);
        }
        for user in [own_uid(0), own_uid(1)] {
            self.logins.push(Login::of(user)?);
        }
        Ok(true)
    }

    /// Logs both out.
    pub(crate) fn log_out(&mut self) {
        self.logins.clear();
    }
}

/// `to` with the arguments and variables of `command`.
fn copy(command: &Command, mut to: Command) -> Command {
    to.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
    to
}
