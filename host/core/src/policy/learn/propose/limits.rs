//! The limits of a proposal.

use std::{fmt::Write as _, time::Duration};

use crate::{
    policy::{Policy, learn::Observed},
    time::Span,
};

/// The limits, lowered to what was seen with a margin, and never raised.
pub(super) fn limits(policy: &Policy, text: &str, observed: &Observed) -> String {
    let (limits, peaks) = (&policy.limits, &observed.peaks);
    if peaks.calls == 0 {
        return format!("# No call ended while it was observed.\n{text}");
    }
    let kib = |peak: u64, least: u64, most: u64| {
        let wanted = half_more(peak).div_ceil(1_024).max(least);
        format!("\"{} KiB\"", wanted.min(most / 1_024).max(1))
    };
    let deadline = peaks.elapsed_us.saturating_mul(4).div_ceil(1_000).max(100);
    let deadline = Duration::from_millis(deadline).min(limits.deadline.get());
    let lowered = [
        (
            "memory",
            kib(peaks.memory_bytes, 256, limits.memory.get()),
            format!("{} bytes", peaks.memory_bytes),
        ),
        (
            "deadline",
            format!("\"{}\"", Span::new(deadline)),
            format!("{} ms, times four", peaks.elapsed_us.div_ceil(1_000)),
        ),
        (
            "output",
            kib(peaks.output_bytes, 1, limits.output.get()),
            format!("{} bytes", peaks.output_bytes),
        ),
        (
            "host-calls",
            half_more(peaks.host_calls)
                .max(10)
                .min(u64::from(limits.host_calls))
                .to_string(),
            format!("{}", peaks.host_calls),
        ),
        (
            "state",
            kib(peaks.state_bytes, 1, limits.state.get()),
            format!("{} bytes", peaks.state_bytes),
        ),
    ];
    let mut out = String::from(
        "# What was seen at most, and half as much again, but where it says otherwise; the others \
         are as they were.\n",
    );
    for line in text.split_inclusive('\n') {
        let key = line.split('=').next().unwrap_or_default().trim();
        match lowered.iter().find(|(name, ..)| *name == key) {
            // A value of several lines is none of these.
            Some((name, value, seen)) => {
                let _ = writeln!(out, "{name} = {value} # seen: {seen}");
            }
            None => out.push_str(line),
        }
    }
    out
}

const fn half_more(peak: u64) -> u64 {
    peak.saturating_add(peak / 2)
}
