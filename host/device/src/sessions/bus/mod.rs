//! As much of D-Bus as it takes to ask logind and to hear its signals: a client on the
//! system bus. (The D-Bus specification, version 0.43.)

mod connection;
mod message;
mod wire;

pub(super) use connection::{Bus, BusError, address};
pub(super) use message::Message;
pub(super) use wire::{Value, WireError};

#[cfg(test)]
pub(super) use message::Kind;
#[cfg(test)]
pub(super) use wire::Writer;
