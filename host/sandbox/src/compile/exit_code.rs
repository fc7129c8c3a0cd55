//! The exit statuses of `bailiwick-compile`, which it and its parent share.

/// The component was refused; the reason is on standard error.
pub const REFUSED: u8 = 1;
/// The arguments make no sense: program and host are of different versions.
pub const USAGE: u8 = 2;
/// It could not give up its rights, so it did not begin.
pub const NOT_CONFINED: u8 = 3;
/// The memory that it was given was used up.
pub const OUT_OF_MEMORY: u8 = 4;
/// Standard input or output failed.
pub const STREAM: u8 = 5;
