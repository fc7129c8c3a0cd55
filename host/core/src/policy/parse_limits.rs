//! Reading of a policy's `[limits]`: each is written, none has a default.

use std::time::Duration;

use super::limit_keys::{
    BUFFERS, DEADLINE, DEADLINES, HOST_CALL_COUNTS, HOST_CALLS, LOG_LINE_COUNTS, LOG_LINES,
    MEMORIES, MEMORY, OUTPUT, PER_MILLE, SHARES, STATE,
};
use crate::{
    bytes::ByteCount,
    document::{DocumentError, Key, Value},
    limits::{CpuShare, Limits},
    time::Span,
};

const CPU: Key = Key::new(
    "cpu",
    "{ per-mille = 50, window = \"60 s\" }",
    "a share of one core over a window",
);
const WINDOW: Key = Key::new("window", "\"60 s\"", "a span of time from 1 s to 1 h");
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
    let memory = table.required(&MEMORY)?.within(MEMORIES)?;
    let largest_output = memory.min(ByteCount::mib(64));
    Ok(Limits {
        memory,
        deadline: table.required(&DEADLINE)?.within(DEADLINES)?,
        cpu: cpu(table.required(&CPU)?)?,
        output: table
            .required(&OUTPUT)?
            .within(ByteCount::new(1)..=largest_output)?,
        host_calls: table
            .required(&HOST_CALLS)?
            .small_integer(HOST_CALL_COUNTS)?,
        log_lines: table.required(&LOG_LINES)?.small_integer(LOG_LINE_COUNTS)?,
        state: table.required(&STATE)?.within(BUFFERS)?,
    })
}

fn cpu(value: Value<'_>) -> Result<CpuShare, DocumentError> {
    let table = value.table("`cpu`", &[&PER_MILLE, &WINDOW])?;
    let share = table.required(&PER_MILLE)?;
    Ok(CpuShare {
        per_mille: u16::try_from(share.small_integer(SHARES)?).map_err(|_| share.refuse())?,
        window: table
            .required(&WINDOW)?
            .within(Span::new(Duration::from_secs(1))..=Span::new(Duration::from_secs(3_600)))?,
    })
}
