//! Users' sessions: what the platform's sources say, merged into one list that knows what
//! opened, what changed and what closed.
//!
//! A *source* is a part of the platform that tells of sessions ([`Source`]). A *reading* is
//! what the sources told at one moment ([`Reading`]); the port `Sessions` makes it. The
//! [`Tracker`] compares each reading with what it knows. [`Owners`] tells whose a process is.
//!
//! A session that two sources know is one session, and it stays the same session when a
//! source goes away or comes back.

mod facts;
mod id;
mod owner;
mod reading;
mod tracker;

pub use facts::{Aspect, Facts, Told};
pub use id::{SessionId, SessionIdError};
pub use owner::{Owner, Owners, ProcessMarks};
pub use reading::{Idle, Reading, Remote, Seen, SessionKind, SessionState, Source};
pub use tracker::{Change, Closing, Saved, Session, Tracker};

/// Sessions that are tracked at a time, and told of by one source. A terminal server has
/// some hundreds; the bound keeps a program that opens sessions in a loop from filling
/// memory and the store. What is cut is told.
pub const MOST_SESSIONS: usize = 1_024;
