//! A program that is measured while it runs.

use std::{
    fs::File,
    io::Read as _,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::account::Account;

/// For a program to end once it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// A started program, with an account of its own.
pub(super) struct Running {
    name: String,
    child: Child,
    /// Some end when their input does.
    _input: Option<ChildStdin>,
    log: PathBuf,
    printed: Arc<AtomicU64>,
    account: Account,
}

impl Running {
    /// Starts it in an account that is called `name`; what it complains of goes to `log`.
    pub(super) fn start(name: &str, command: &Command, log: PathBuf) -> anyhow::Result<Self> {
        let account = Account::open(name)?;
        let mut child = account
            .within(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("can't start {command:?}"))?;
        let printed = Arc::new(AtomicU64::new(0));
        let (input, output) = (child.stdin.take(), child.stdout.take());
        if let Some(mut output) = output {
            let printed = Arc::clone(&printed);
            std::thread::spawn(move || {
                let mut buffer = vec![0; 64 * 1_024];
                // It ends with the program.
                while let Ok(length @ 1..) = output.read(&mut buffer) {
                    printed.fetch_add(length as u64, Relaxed);
                }
            });
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            _input: input,
            log,
            printed,
            account,
        })
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Bytes that it printed so far.
    pub(super) fn printed(&self) -> u64 {
        self.printed.load(Relaxed)
    }

    /// An error if it ended by itself.
    pub(super) fn is_still_there(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let said = std::fs::read_to_string(&self.log).unwrap_or_default();
            let last = said.lines().last().unwrap_or_default();
            bail!("{} ended by itself, {status}: {last}", self.name);
        }
        Ok(())
    }

    /// Asks it to end, and waits; what is left then ends with its account.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &id]).output());
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A program that has already ended can't be killed; both are what is wanted here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
