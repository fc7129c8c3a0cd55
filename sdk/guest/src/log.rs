//! Lines for the people who run the device.

pub use crate::bindings::bailiwick::plugin::log::Level;
use crate::host::log;

/// Writes one line.
pub fn write(level: Level, message: &str) {
    log::write(level, message);
}

/// A line for the plugin's author.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// What happened, when all is well.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Something is off, and the plugin goes on.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Something failed.
pub fn error(message: &str) {
    write(Level::Error, message);
}
