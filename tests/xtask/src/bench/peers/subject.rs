//! Whoever is measured, from a mark to the next.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};

use super::{
    EVERY,
    account::Memory,
    agent::Agent,
    asking::Asking,
    packages::Unpacked,
    programs::{Out, Peer},
    received::{datagrams, free_port},
    running::Running,
};

/// What it did in a time of several samples, a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    /// Processor time in milliseconds.
    pub(super) cpu: f64,
    /// Bytes that it told.
    pub(super) sent: f64,
    /// Sessions that an agent looked at: more than there are where others logged users in.
    pub(super) sessions: f64,
    /// At the end.
    pub(super) memory: Memory,
}

/// Somebody who is measured.
pub(super) enum Subject {
    Agent(Agent),
    Program { running: Running, sent: Sent },
}

/// How what a program tells is counted.
pub(super) enum Sent {
    Printed,
    Written(PathBuf),
    Received(Arc<AtomicU64>),
    Answered(Arc<AtomicU64>, Asking),
}

/// How far it was at some moment.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    used: Duration,
    sent: u64,
    samples: u64,
}

impl Subject {
    /// A program that prints what it tells.
    pub(super) fn program(name: &str, command: &Command, folder: &Path) -> anyhow::Result<Self> {
        Ok(Self::Program {
            running: Running::start(name, command, folder.join("log"))?,
            sent: Sent::Printed,
        })
    }

    /// `program` of the distribution, in a folder of its own.
    pub(super) fn peer(
        peer: &Peer,
        program: &Path,
        there: &Unpacked,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let received = Arc::new(AtomicU64::new(0));
        let port = match peer.out {
            Out::Datagrams => datagrams(Arc::clone(&received))?,
            Out::Printed | Out::Written(_) | Out::Scraped(_) | Out::Asked(_) => free_port()?,
        };
        let fill = |text: &str| {
            [
                ("{root}", there.root().display().to_string()),
                ("{folder}", folder.display().to_string()),
                ("{seconds}", EVERY.as_secs().to_string()),
                ("{port}", port.to_string()),
            ]
            .iter()
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
        };
        fs::write(folder.join("settings"), fill(peer.settings))?;
        let mut words = peer
            .through
            .iter()
            .map(PathBuf::from)
            .chain([program.to_owned()]);
        let first = words.next().context("a peer has a program")?;
        let mut command = Command::new(first);
        command
            .args(words)
            .args(peer.arguments.iter().map(|argument| fill(argument)))
            .env("LD_LIBRARY_PATH", there.libraries())
            .current_dir(folder);
        for (name, value) in peer.environment {
            command.env(name, fill(value));
        }
        let running = Running::start(peer.package, &command, folder.join("log"))?;
        let sent = match peer.out {
            Out::Printed => Sent::Printed,
            Out::Written(file) => Sent::Written(folder.join(file)),
            Out::Datagrams => Sent::Received(received),
            Out::Scraped(_) | Out::Asked(_) => {
                let asking = Asking::begin(peer.out, port, EVERY, Arc::clone(&received))?;
                Sent::Answered(received, asking)
            }
        };
        Ok(Self::Program { running, sent })
    }

    pub(super) fn mark(&mut self) -> anyhow::Result<Mark> {
        match self {
            Self::Agent(agent) => Ok(Mark {
                used: agent.account().used()?,
                sent: agent.sent(),
                samples: agent.samples()?,
            }),
            Self::Program { running, sent } => {
                running.is_still_there()?;
                Ok(Mark {
                    used: running.account().used()?,
                    sent: match sent {
                        Sent::Printed => running.printed(),
                        Sent::Written(file) => fs::metadata(file).map_or(0, |file| file.len()),
                        Sent::Received(bytes) | Sent::Answered(bytes, _) => bytes.load(Relaxed),
                    },
                    samples: 0,
                })
            }
        }
    }

    /// From `before` until now, which is `samples` samples.
    pub(super) fn measured(&mut self, before: Mark, samples: u32) -> anyhow::Result<Measured> {
        let now = self.mark()?;
        let told = now.sent - before.sent;
        let memory = match self {
            Self::Agent(agent) => {
                let (taken, due) = (now.samples - before.samples, agent.due(samples));
                ensure!(taken >= due, "{taken} samples of {due} were taken");
                agent.account().memory()?
            }
            Self::Program { running, .. } => {
                if told == 0 {
                    bail!("it told nothing");
                }
                running.account().memory()?
            }
        };
        let samples = f64::from(samples);
        let sessions = (now.samples - before.samples) as f64 / samples;
        Ok(Measured {
            cpu: (now.used - before.used).as_secs_f64() * 1e3 / samples,
            sent: told as f64 / samples,
            sessions,
            memory,
        })
    }

    /// Ends it; an error if it did not do what was measured.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Agent(agent) => agent.stop(),
            Self::Program { running, sent } => {
                // First who asks: a server that ended answers nobody.
                if let Sent::Answered(_, asking) = sent {
                    asking.end()?;
                }
                running.stop()
            }
        }
    }
}
