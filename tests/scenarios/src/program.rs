//! A program that runs beside the test: its lines are read as they come, and it is ended by
//! its own process id.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// For one thing to happen on a machine that builds meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

/// A started program that prints one JSON object a line.
pub struct Program {
    child: Child,
    lines: Receiver<Value>,
    /// What was read and not what was waited for, for the message of a failure.
    seen: Vec<Value>,
}

impl Program {
    /// Starts it. What it says on its standard output and is no JSON is a line of text.
    ///
    /// # Panics
    /// It can't be started.
    pub fn start(command: &mut Command) -> Self {
        let started = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => panic!("can't start {command:?}: {error}"),
        };
        let (sender, lines) = channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let value = serde_json::from_str(&line).unwrap_or(Value::String(line));
                    if sender.send(value).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The next event of this name.
    ///
    /// # Panics
    /// It does not come, or the program ends.
    pub fn event(&mut self, name: &str) -> Value {
        self.until(name, |line| line["event"] == name)
    }

    /// The next line that fits.
    ///
    /// # Panics
    /// It does not come, or the program ends.
    pub fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if fits(&line) => return line,
                Ok(line) => self.seen.push(line),
                Err(error) => self.give_up(what, error),
            }
        }
    }

    /// How often an event of this name has come until now, with what was passed over.
    pub fn count(&mut self, name: &str) -> usize {
        self.seen.extend(self.lines.try_iter());
        let fits = |line: &&Value| line["event"] == name;
        self.seen.iter().filter(fits).count()
    }

    /// The first event of this name among what was passed over until now.
    pub fn passed(&mut self, name: &str) -> Option<&Value> {
        self.seen.extend(self.lines.try_iter());
        self.seen.iter().find(|line| line["event"] == name)
    }

    fn give_up(&self, what: &str, error: RecvTimeoutError) -> ! {
        let from = self.seen.len().saturating_sub(30);
        let lines: Vec<_> = self.seen[from..].iter().map(Value::to_string).collect();
        panic!("no {what} ({error}); last lines:\n{}", lines.join("\n"));
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as an administrator would, and waits for the end.
    ///
    /// # Panics
    /// It does not end.
    pub fn stop(mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(id) = id {
            // It may have ended already; then the wait is short.
            let _ = kill_process(id, Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        // Its output closes when it ends.
        while Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Err(RecvTimeoutError::Disconnected) => {
                    drop(self.child.wait());
                    return;
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
        panic!("it did not stop within {PATIENCE:?}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // What has ended already can't be killed; both are what is wanted here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
