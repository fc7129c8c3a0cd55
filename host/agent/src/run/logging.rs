//! Where plugins' log lines go: the agent's standard error, for the system's journal.

use std::io::Write as _;

use bailiwick_core::{
    ids::PluginName,
    ports::{Log, LogLevel},
};

/// Writes lines to standard error.
pub(crate) struct StandardError;

impl Log for StandardError {
    fn write(&self, plugin: &PluginName, level: LogLevel, line: &str) {
        let level = match level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warning",
            LogLevel::Error => "error",
        };
        // Nobody may be reading any more; the plugin goes on.
        drop(writeln!(
            std::io::stderr().lock(),
            "{plugin}: {level}: {line}"
        ));
    }
}
