//! Certificates of devices: the key and the request that a device makes, what is read of a
//! certificate, and the way to the console that signs it.
//!
//! A device is its certificate's common name: 32 hexadecimal digits, which Mosquitto can
//! take for the user's name (`use_identity_as_username`). The key is ECDSA on P-256 and does
//! not leave the device.

mod certificate;
mod client;
mod credentials;
mod expiry;
mod key;
mod pinned;
mod request;
mod wire;

pub use certificate::{Certificate, CertificateError};
pub use client::{EnrolError, Enrolled, Enroller};
pub use credentials::{Credentials, CredentialsError};
pub use expiry::accepting_expired;
pub use key::{DeviceKey, KeyError};
pub(crate) use pinned::{NotPresented, Pinned};
pub use request::{Request, RequestError};
pub use wire::{Broker, Enrol, Issued, Renew, read_request};

#[cfg(test)]
mod tests;
