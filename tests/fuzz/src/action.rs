//! Signed actions, as they come over any network: any bytes are an envelope or refused, and
//! an envelope goes on as it came.

#![no_main]

use bailiwick_core::action::Envelope;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert_eq!(envelope.to_bytes(), bytes);
        assert!(!envelope.verifies(|_, _, _| false));
        let _ = envelope.id();
    }
});
