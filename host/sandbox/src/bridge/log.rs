//! `log`, and what a WASI guest prints. Denied, every line is dropped and counted: logging
//! never fails.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use bailiwick_core::{
    ids::PluginName,
    policy::Capability,
    ports::{Log, LogLevel},
};

use crate::{
    bindings::bailiwick::plugin::log::{Host, Level},
    context::Context,
    limits::{Enforced, Enforcer},
    text::one_line,
};

/// Longest line, in bytes.
pub(crate) const LINE: usize = 4 * 1024;

/// The lines of one instance. Shared with the streams of WASI guests.
pub(crate) struct Lines {
    plugin: PluginName,
    log: Arc<dyn Log>,
    limit: u32,
    enforced: Enforced,
    /// During this call.
    written: AtomicU32,
    /// During this call.
    dropped: AtomicU32,
    all_written: AtomicU64,
    all_dropped: AtomicU64,
}

impl Lines {
    pub(crate) fn new(
        plugin: PluginName,
        log: Arc<dyn Log>,
        limit: u32,
        enforced: Enforced,
    ) -> Self {
        Self {
            plugin,
            log,
            limit,
            enforced,
            written: AtomicU32::new(0),
            dropped: AtomicU32::new(0),
            all_written: AtomicU64::new(0),
            all_dropped: AtomicU64::new(0),
        }
    }

    /// Writes or drops one line.
    pub(crate) fn write(&self, level: LogLevel, message: &str) {
        let full = self.written.load(Relaxed) >= self.limit;
        if full && self.enforced.is_on(Enforcer::LogLines) {
            self.drop_one();
            return;
        }
        self.written.fetch_add(1, Relaxed);
        self.all_written.fetch_add(1, Relaxed);
        if self.enforced.is_on(Enforcer::LineShape) {
            let line = one_line(message, LINE);
            self.log.write(&self.plugin, level, &line);
        } else {
            self.log.write(&self.plugin, level, message);
        }
    }

    /// Which defences are at work.
    pub(crate) const fn enforced(&self) -> Enforced {
        self.enforced
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Relaxed);
        self.all_dropped.fetch_add(1, Relaxed);
    }

    /// A call has ended: says once how many lines it lost.
    pub(crate) fn end_call(&self) {
        self.written.store(0, Relaxed);
        if self.dropped.load(Relaxed) > 0 {
            let dropped = self.dropped.swap(0, Relaxed);
            let line = format!(
                "{dropped} lines of this call were dropped: its limit is {}",
                self.limit
            );
            self.log.write(&self.plugin, LogLevel::Warn, &line);
        }
    }

    /// Lines written and dropped since the instance started.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.all_written.load(Relaxed),
            self.all_dropped.load(Relaxed),
        )
    }
}

impl Host for Context {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let entered = self.enter(Capability::Log)?;
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        if entered.granted {
            self.lines.write(level, &message);
        } else {
            self.lines.drop_one();
        }
        self.leave(&entered);
        Ok(())
    }
}
