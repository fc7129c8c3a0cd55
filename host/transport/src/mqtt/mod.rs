//! MQTT 3.1.1: a client for devices and for the console, and the strict reading of packets
//! that the console's broker shares.
//!
//! rumqttc is the codec alone (`wire`). Its client forgets unacknowledged messages when a
//! broker lost the session, and its state machine reads the clock and never marks a
//! repetition; so the state is here: which message waits, which is under way with which
//! packet id (`session`), and whether the other side still lives (`keep_alive`), both
//! without a clock of their own.
//!
//! A message counts as sent when its PUBACK arrived, and is sent again in every connection
//! until then. Whether that is enough depends on who sent the PUBACK: see [`Ack`].

mod client;
mod connection;
mod device;
mod keep_alive;
mod leaving;
mod login;
mod session;
pub mod topic;
pub mod wire;

pub use bailiwick_core::settings::Ack;
pub use client::{Client, ClientOptions, Delivery, Ended, Event, Events, Keep, Message};
pub use device::{Device, DeviceOptions, Link};
pub use leaving::Leaving;
pub use login::{Login, LoginError};

#[cfg(test)]
mod tests;
