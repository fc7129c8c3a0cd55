//! How a device becomes one of a console's: a token that works once, and a certificate that
//! is renewed before it ends.
//!
//! The console makes a [`Token`]; the device proves itself with the token's secret and a key
//! of its own; [`judge`] says whether that is enough. Later [`renewal`] says when the
//! certificate is to be renewed. Nothing here knows how certificates look.

mod admission;
pub mod renewal;
mod secret;
mod token;

pub use admission::{Applicant, Invitation, Refusal, Standing, Use, Verdict, judge};
pub use secret::Secret;
pub use token::{MOST_ADDRESSES, Token, TokenError};
