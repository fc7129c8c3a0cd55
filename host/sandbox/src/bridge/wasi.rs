//! The inert baseline for guests whose tool chain brings `wasi:*` imports along: no
//! preopens, arguments, environment or sockets; clocks and random numbers work; what the
//! guest prints goes to its log, as `log` would write it.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context as Task, Poll},
    time::Duration,
};

use bailiwick_core::ports::{Clock, LogLevel};
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView, async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use super::log::{LINE, Lines};
use crate::{context::Context, limits::Enforcer};

/// Most handles (streams, pollables …) that a guest can hold.
const HANDLES: usize = 256;

/// Most random bytes of one call: the host holds them until the guest has its copy, and
/// nobody counts them. A guest that asks for more is stopped.
const RANDOM: u64 = 32 * 1024;

/// What wasmtime-wasi keeps for a guest.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl Wasi {
    pub(crate) fn new(clock: &Arc<dyn Clock>, lines: &Arc<Lines>) -> Self {
        let enforced = lines.enforced();
        // The builder's own defaults are those of the baseline: nothing is inherited.
        let mut builder = WasiCtx::builder();
        if enforced.is_on(Enforcer::WasiRandom) {
            builder.max_random_size(RANDOM);
        }
        let ctx = builder
            .stdout(Printed::new(lines, LogLevel::Info))
            .stderr(Printed::new(lines, LogLevel::Warn))
            .wall_clock(Time(Arc::clone(clock)))
            .monotonic_clock(Time(Arc::clone(clock)))
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let mut table = ResourceTable::new();
        if enforced.is_on(Enforcer::WasiHandles) {
            table.set_max_capacity(HANDLES);
        }
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

/// Standard output or error. However many streams a guest asks for, they are one: its lines
/// are put together in one place, during the call that prints them.
#[derive(Clone)]
struct Printed(Arc<Printer>);

struct Printer {
    lines: Arc<Lines>,
    level: LogLevel,
    /// What came after the last line break.
    line: Mutex<Vec<u8>>,
}

impl Printed {
    fn new(lines: &Arc<Lines>, level: LogLevel) -> Self {
        Self(Arc::new(Printer {
            lines: Arc::clone(lines),
            level,
            line: Mutex::default(),
        }))
    }
}

impl Printer {
    fn print(&self, bytes: &[u8]) {
        // Bytes are pushed one by one: a panic can't leave half a change.
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte == b'\n' {
                self.end(&mut line);
            } else if line.len() <= LINE {
                // One byte more than fits, so that the cut is marked.
                line.push(byte);
            }
        }
    }

    fn end(&self, line: &mut Vec<u8>) {
        self.lines.write(self.level, &String::from_utf8_lossy(line));
        line.clear();
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        let mut line = std::mem::take(self.line.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !line.is_empty() {
            self.end(&mut line);
        }
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    /// The default would let a task of its own write, on any thread and charged to nobody.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LINE)
    }
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
