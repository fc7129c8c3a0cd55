//! Where no socket can be bound to a link without unsafe code, nothing is sent.

use std::io;

use bailiwick_core::ports::WakeCarrier;

pub(super) fn is_virtual(_: &str) -> bool {
    false
}

pub(super) fn send(_: &str, _: WakeCarrier, _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
