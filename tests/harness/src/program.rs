//! The project's own programs, built and run as a person would.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longest wait for anything that a program should tell.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Builds a program as it is shipped, by itself, and says where it is: cargo unifies features
/// over one build, and the agent must not get the compiler that `bailiwick-compile` links.
pub fn build(package: &str, program: &str) -> PathBuf {
    built(package, &[]).join(program)
}

/// Builds an example of a package.
pub fn build_example(package: &str, example: &str) -> PathBuf {
    built(package, &["--example", example])
        .join("examples")
        .join(example)
}

/// Builds, and says where programs lie.
fn built(package: &str, what: &[&str]) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", package])
        .args(what)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status();
    assert!(built.unwrap().success(), "{package} does not build");
    // Tests lie in `deps` of the folder in which programs lie.
    let tests = std::env::current_exe().unwrap();
    tests.ancestors().nth(2).unwrap().to_owned()
}

/// A started program that prints one JSON object a line. It ends with this.
pub struct Program {
    child: Child,
    lines: Receiver<Value>,
}

impl Program {
    /// Starts `command`. Lines that are not JSON are passed over: they are for people.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line)
                    && sender.send(value).is_err()
                {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Everything up to the first line that is `wanted`, that one included.
    pub fn until(&self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{what} never came; what did: {seen:#?}");
            };
            let found = wanted(&line);
            seen.push(line);
            if found {
                return seen;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A program that has ended can't be killed; both are what is wanted here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a program to its end; its output, if it succeeded.
pub fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}
