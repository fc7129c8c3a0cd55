//! What the demo finds around it: as root, a network of its own for the device, and two
//! users who log in. Without, the parts that need them are left out, and said.

use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
    process::Command,
    time::Duration,
};

use bailiwick_needs::{Login, Network, own_uid};

/// Port of the service that throws away what it gets (RFC 863), to which magic packets go.
const DISCARD: u16 = 9;
/// For a packet on a link of two ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// A neighbour of the device, which is said to sleep.
pub(crate) struct Neighbour {
    socket: UdpSocket,
}

impl Neighbour {
    /// Address of its card.
    pub(crate) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    /// What wakes it: six times 0xff, then sixteen times its address.
    pub(crate) fn woken_by(&self) -> io::Result<String> {
        let wanted = [[0xff; 6].as_slice(), &Self::MAC.repeat(16)].concat();
        let mut packet = [0; 256];
        loop {
            let (length, from) = self.socket.recv_from(&mut packet)?;
            if packet[..length] == wanted {
                return Ok(format!("{length} bytes from {}", from.ip()));
            }
        }
    }
}

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

    /// Whether the device has a network of its own.
    pub(crate) const fn has_network(&self) -> bool {
        self.network.is_some()
    }

    /// Listens at this end of the device's link for what wakes sleepers; none if the device
    /// has no link of its own.
    pub(crate) fn neighbour(&self) -> io::Result<Option<Neighbour>> {
        if self.network.is_none() {
            return Ok(None);
        }
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, DISCARD))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Some(Neighbour { socket }))
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
    pub(crate) fn log_in(&mut self) -> io::Result<bool> {
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
