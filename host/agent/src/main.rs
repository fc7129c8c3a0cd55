//! The program `bailiwick`: reads settings, wires the crates, executes effects.

fn main() {}
