//! Builds, wraps, strips and tests Bailiwick plugins.

fn main() {}
