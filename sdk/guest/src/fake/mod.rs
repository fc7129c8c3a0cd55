//! A device for unit tests: what answers the capabilities when a plugin is not compiled
//! for WebAssembly.
//!
//! ```
//! use bailiwick_sdk::{fake::Device, files};
//!
//! let device = Device::new().file("/etc/hostname", "kiosk-7\n");
//! let name = device.run(|| files::read_text("/etc/hostname", 256));
//! assert_eq!(name.as_deref(), Ok("kiosk-7\n"));
//! ```
//!
//! Outside [`Device::run`] every capability answers as if nothing had been granted.

pub(crate) mod capabilities;
mod device;
mod tree;

pub use device::{Control, Device, SentPacket};
