//! What the tests that cross crates share: repositories, devices and built programs.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose scene can't be set has failed"
)]

pub mod attack;
pub mod desk;
pub mod forge;
pub mod guest;
pub mod hostile;
pub mod program;
pub mod scene;
pub mod threat;
