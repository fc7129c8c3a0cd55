//! What the program that compiles can't do once it is confined: see `attempts`.

#[cfg(target_os = "linux")]
mod attempts;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    attempts::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: nothing is confined on this operating system");
}
