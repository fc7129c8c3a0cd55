//! Builds, wraps, strips and tests Bailiwick plugins.
//!
//! The program `cargo bailiwick` is a thin shell around this; whatever needs a built
//! plugin (a demonstration, a test) calls [`build`] itself.

mod build;
mod error;
mod manifest;
mod new;
mod trial;
mod workspace;
mod wrap;

pub use build::{Build, Built, Target, build};
pub use error::Error;
pub use manifest::{Ask, Manifest};
pub use new::{New, new};
pub use trial::{Told, Trial, Tried};
pub use workspace::{Plugin, plugins, unit_tests};
pub use wrap::wrap;
