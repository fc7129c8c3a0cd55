//! The keys of limits and their bounds, for policies and ceilings alike.

use std::{ops::RangeInclusive, time::Duration};

use crate::{bytes::ByteCount, document::Key, time::Span};

pub(crate) const MEMORY: Key = Key::new("memory", "\"16 MiB\"", "a size from 64 KiB to 1 GiB");
pub(crate) const DEADLINE: Key =
    Key::new("deadline", "\"10 s\"", "a span of time from 1 ms to 10 min");
pub(crate) const OUTPUT: Key = Key::new(
    "output",
    "\"2 MiB\"",
    "a size from 1 B to 64 MiB, not above `memory`",
);
pub(crate) const HOST_CALLS: Key = Key::new("host-calls", "20000", "a number from 1 to 10000000");
pub(crate) const LOG_LINES: Key = Key::new("log-lines", "50", "a number from 1 to 100000");
pub(crate) const STATE: Key = Key::new("state", "\"64 KiB\"", "a size from 1 B to 64 MiB");
pub(crate) const PER_MILLE: Key = Key::new("per-mille", "50", "thousandths of one core, 1 to 1000");
pub(crate) const CPU_PER_MILLE: Key =
    Key::new("cpu-per-mille", "50", "thousandths of one core, 1 to 1000");

/// One page of memory to what one plugin may take of a device.
pub(crate) const MEMORIES: RangeInclusive<ByteCount> = ByteCount::kib(64)..=ByteCount::mib(1_024);
pub(crate) const DEADLINES: RangeInclusive<Span> =
    Span::new(Duration::from_millis(1))..=Span::new(Duration::from_secs(600));
/// Of output and of state.
pub(crate) const BUFFERS: RangeInclusive<ByteCount> = ByteCount::new(1)..=ByteCount::mib(64);
pub(crate) const HOST_CALL_COUNTS: RangeInclusive<u32> = 1..=10_000_000;
pub(crate) const LOG_LINE_COUNTS: RangeInclusive<u32> = 1..=100_000;
pub(crate) const SHARES: RangeInclusive<u32> = 1..=1_000;
