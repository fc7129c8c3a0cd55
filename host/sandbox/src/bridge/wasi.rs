//! The inert baseline for guests whose tool chain brings `wasi:*` imports along: no
//! preopens, arguments, environment or sockets; clocks and random numbers work; what the
//! guest prints goes to its log, as `log` would write it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Duration,
};

use bailiwick_core::{
    limits::Limits,
    ports::{Clock, LogLevel},
};
use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView,
    cli::{IsTerminal, StdoutStream},
};

use super::log::{LINE, Lines};
use crate::context::Context;

/// Most handles (streams, pollables …) that a guest can hold.
const HANDLES: usize = 256;

/// What wasmtime-wasi keeps for a guest.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl Wasi {
    pub(crate) fn new(clock: &Arc<dyn Clock>, lines: &Arc<Lines>, limits: &Limits) -> Self {
        let stream = |level| Printed {
            lines: Arc::clone(lines),
            level,
            line: Vec::new(),
        };
        // The builder's own defaults are those of the baseline: nothing is inherited.
        let ctx = WasiCtx::builder()
            .stdout(stream(LogLevel::Info))
            .stderr(stream(LogLevel::Warn))
            .wall_clock(Time(Arc::clone(clock)))
            .monotonic_clock(Time(Arc::clone(clock)))
            .max_random_size(limits.memory.get())
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        Self { ctx, table }
    }
}

impl WasiView for Context {
    /// Called once for each WASI call, so calls are counted here. It can't fail: a guest
    /// that makes too many is stopped at the next tick.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let _ = self.account.host_call();
        WasiCtxView {
            ctx: &mut self.wasi.ctx,
            table: &mut self.wasi.table,
        }
    }
}

struct Time(Arc<dyn Clock>);

impl HostWallClock for Time {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now().as_ms())
    }
}

impl HostMonotonicClock for Time {
    fn resolution(&self) -> u64 {
        1_000
    }

    fn now(&self) -> u64 {
        self.0.monotonic().as_ns() / 1_000 * 1_000
    }
}

/// Standard output or error.
struct Printed {
    lines: Arc<Lines>,
    level: LogLevel,
    line: Vec<u8>,
}

impl Printed {
    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        self.lines.write(self.level, &line);
        self.line.clear();
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Self {
            lines: Arc::clone(&self.lines),
            level: self.level,
            line: Vec::new(),
        })
    }
}

impl AsyncWrite for Printed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line();
            } else if self.line.len() <= LINE {
                // One byte more than fits, so that the cut is marked.
                self.line.push(byte);
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        if !self.line.is_empty() {
            self.end_line();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}
