//! Reads TUF: refresh, hardened store, verified targets.
//!
//! [`Delivery`] turns an update endpoint, which proves nothing, into verified bytes: it
//! trusts one first root by its digest and follows signatures from there. It is layered:
//!
//! - [`Reader`] is what the TUF library must do; `sigstore-tuf` does it.
//! - [`Client`] adds what a device needs and the library leaves out: floors under versions
//!   and clock that survive damaged files, writes that are whole or absent, bounds.
//! - [`Delivery`] adds the documents that every refresh brings (assignment, revocations),
//!   the last complete set for work offline, and a store of targets.
//!
//! Expired metadata blocks what is new, never what already runs.

mod accepted;
mod client;
mod content;
mod delivery;
mod disk;
mod error;
mod explain;
mod floors;
mod path;
mod proof;
mod reader;
mod relay;
mod signed;
mod staged;

pub use client::{Client, Found};
pub use content::KeptTargets;
pub use delivery::{Delivery, Refreshed, VerifiedTarget};
pub use error::{DiskError, OpenError, RefreshError, TargetError};
pub use proof::{Proof, Signed};
pub use reader::{Listed, Reader};
pub use signed::SignedRole;
