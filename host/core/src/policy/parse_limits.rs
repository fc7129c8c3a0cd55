//! Reading of a policy's `[limits]`: each is written, none has a default.

use std::time::Duration;

use crate::{
    bytes::ByteCount,
    document::{DocumentError, Key, Value},
    limits::{CpuShare, Limits},
    time::Span,
};

const MEMORY: Key = Key::new("memory", "\"16 MiB\"", "a size from 64 KiB to 1 GiB");
const DEADLINE: Key = Key::new("deadline", "\"10 s\"", "a span of time from 1 ms to 10 min");
const CPU: Key = Key::new(
    "cpu",
    "{ per-mille = 50, window = \"60 s\" }",
    "a share of one core over a window",
);
const PER_MILLE: Key = Key::new("per-mille", "50", "thousandths of one core, 1 to 1000");
const WINDOW: Key = Key::new("window", "\"60 s\"", "a span of time from 1 s to 1 h");
const OUTPUT: Key = Key::new(
    "output",
    "\"2 MiB\"",
    "a size from 1 B to 64 MiB, not above `memory`",
);
const HOST_CALLS: Key = Key::new("host-calls", "20000", "a number from 1 to 10000000");
const LOG_LINES: Key = Key::new("log-lines", "50", "a number from 1 to 100000");
const STATE: Key = Key::new("state", "\"64 KiB\"", "a size from 1 B to 64 MiB");
const KEYS: [&Key; 7] = [
    &MEMORY,
    &DEADLINE,
    &CPU,
    &OUTPUT,
    &HOST_CALLS,
    &LOG_LINES,
    &STATE,
];

pub(super) fn limits(value: Value<'_>) -> Result<Limits, DocumentError> {
    let table = value.table("`[limits]`", &KEYS)?;
    let memory = table
        .required(&MEMORY)?
        .within(ByteCount::kib(64)..=ByteCount::mib(1_024))?;
    let largest_output = memory.min(ByteCount::mib(64));
    Ok(Limits {
        memory,
        deadline: table
            .required(&DEADLINE)?
            .within(Span::new(Duration::from_millis(1))..=Span::new(Duration::from_secs(600)))?,
        cpu: cpu(table.required(&CPU)?)?,
        output: table
            .required(&OUTPUT)?
            .within(ByteCount::new(1)..=largest_output)?,
        host_calls: table.required(&HOST_CALLS)?.small_integer(1..=10_000_000)?,
        log_lines: table.required(&LOG_LINES)?.small_integer(1..=100_000)?,
        state: table
            .required(&STATE)?
            .within(ByteCount::new(1)..=ByteCount::mib(64))?,
    })
}

fn cpu(value: Value<'_>) -> Result<CpuShare, DocumentError> {
    let table = value.table("`cpu`", &[&PER_MILLE, &WINDOW])?;
    let share = table.required(&PER_MILLE)?;
    Ok(CpuShare {
        per_mille: u16::try_from(share.small_integer(1..=1_000)?).map_err(|_| share.refuse())?,
        window: table
            .required(&WINDOW)?
            .within(Span::new(Duration::from_secs(1))..=Span::new(Duration::from_secs(3_600)))?,
    })
}
