//! A program of ours that runs beside this one: its lines are read as they come, and it is
//! ended by its own process id.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use serde_json::Value;

/// A started program that prints one JSON object a line.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    lines: Receiver<Value>,
}

impl Program {
    /// Starts `command`. Lines that are not JSON are passed over: they are for people.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("can't start {command:?}"))?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| anyhow!("{name} has no output"))?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line)
                    && sender.send(value).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { name, child, lines })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line before `deadline`, or none.
    pub(crate) fn next(&mut self, deadline: Instant) -> anyhow::Result<Option<Value>> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(value) => Ok(Some(value)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("{} ended by itself: {}", self.name, self.child.wait()?)
            }
        }
    }

    /// Asks the program to stop, waits for it, and kills it if it takes over 5 seconds.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .context("can't run kill")?;
        let deadline = Instant::now() + Duration::from_secs(5);
        // The reader's end of the channel closes when the program's output does.
        while Instant::now() < deadline {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A program that has already ended can't be killed; both are what is wanted here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
