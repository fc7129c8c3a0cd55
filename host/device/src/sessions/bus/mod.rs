//! As much of D-Bus as it takes to ask logind and to hear its signals, and to have a user's
//! desktop show something: a client. (The D-Bus specification, version 0.43.)

pub(crate) mod apart;
mod connection;
#[cfg(test)]
pub(crate) mod daemon;
mod message;
mod wire;

pub(crate) use connection::{Bus, BusError, address};
pub(crate) use message::Message;
pub(crate) use wire::Writer;
pub(super) use wire::{Value, WireError};

#[cfg(test)]
pub(crate) use message::Kind;
