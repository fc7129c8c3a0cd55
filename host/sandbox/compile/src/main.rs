//! The child that compiles components, bounded in time, memory and rights.

fn main() {}
