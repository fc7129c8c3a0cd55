//! Reports, as the console takes them from whoever connects: any bytes are read or refused,
//! and what a receiver took it keeps and reads again.

#![no_main]

use bailiwick_report::{
    receiver::{Stream, Verdict},
    wire::{Limits, Report},
};
use libfuzzer_sys::fuzz_target;

/// Small, so that what is over a limit is reached.
const LIMITS: Limits = Limits {
    body: 64 * 1024,
    rows: 64 * 1024,
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(report) = Report::parse(bytes, LIMITS) else {
        return;
    };
    if let Ok(Verdict::Accepted(accepted)) = Stream::accept(None, &report) {
        let saved = accepted.stream.to_bytes();
        let read = Stream::from_bytes(&saved).expect("what we saved");
        assert_eq!(read.snapshot().hash(), accepted.stream.snapshot().hash());
        let _ = Stream::accept(Some(&read), &report);
    }
    let _ = Stream::from_bytes(bytes);
});
