//! Snapshots and diffs for people and scripts.

#[cfg(feature = "json")]
mod json;
mod text;

#[cfg(feature = "json")]
pub use json::{Json, json};
pub use text::{diff, text};

#[cfg(test)]
mod tests;
