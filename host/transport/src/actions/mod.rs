//! Actions between devices and the orchestration layer: what is said of them, and the way
//! over HTTPS. Over MQTT see [`crate::mqtt::topic`].

mod https;
mod message;
mod signature;

pub use https::{Inbox, Outbound};
pub use message::{OutcomeMessage, ProgressMessage};
pub use signature::verifies;
