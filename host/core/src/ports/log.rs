//! Lines that plugins log.

use crate::ids::PluginName;

/// Where a plugin's log lines go.
pub trait Log: Send + Sync {
    /// Keeps one line, already escaped and cut.
    fn write(&self, plugin: &PluginName, level: LogLevel, line: &str);
}

/// Keeps no line: for trials of plugins, which must leave nothing behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLog;

impl Log for NoLog {
    fn write(&self, _: &PluginName, _: LogLevel, _: &str) {}
}

/// Severity, as in the contract's `log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// What happened, when all is well.
    Info,
    /// Something is off, and the plugin goes on.
    Warn,
    /// Something failed.
    Error,
}
