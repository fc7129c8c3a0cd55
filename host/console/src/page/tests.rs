//! The page on loopback, asked byte by byte.

mod access;
mod actions;
mod approvals;
mod content;
mod desk;
mod enrolment;
mod places;
mod wake;
