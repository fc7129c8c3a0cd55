//! What waits for an approver: what a version asks for, and what its policy grants now, as
//! the repository has it signed.
//!
//! A device's own words say what it misses. What is told beside them comes from what is
//! published here, verified as devices verify it.

mod decided;
mod latest;
mod proposal;
mod published;
mod request;

pub(crate) use decided::Decided;
pub(crate) use latest::Latest;
pub(crate) use proposal::Proposal;
pub(crate) use published::{Assigned, Published, Since};
pub(crate) use request::Request;
