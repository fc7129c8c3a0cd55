//! What a confined process can't do any more, and what it still can: see `attempts`.

#![cfg_attr(
    target_os = "linux",
    expect(clippy::unwrap_used, reason = "a test ends at its first surprise")
)]

#[cfg(target_os = "linux")]
mod attempts;
#[cfg(target_os = "linux")]
mod compare;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    compare::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: nothing is confined on this operating system");
}
