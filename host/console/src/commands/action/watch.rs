//! How actions stand.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bailiwick_core::action::{ActionId, Outcome};

use crate::{
    actions::{Ledger, Listed, Told},
    cli_action::{List, Watch},
};

/// From one look at the ledger to the next.
const LOOK: Duration = Duration::from_millis(100);
/// Not everybody did it.
pub(super) const FAILED: i32 = 3;
/// It did not come to its end.
const CUT: i32 = 4;
/// Nobody waits any longer.
pub(super) const GIVEN_UP: i32 = 5;

pub(super) fn list(arguments: &List) -> anyhow::Result<()> {
    let ledger = Ledger::open_to_read(&arguments.data)?;
    let listed = ledger.list(arguments.device.as_ref(), arguments.last)?;
    match print(&listed, arguments.json) {
        // Whoever reads, `head` for one, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

fn print(listed: &[Listed], as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if listed.is_empty() && !as_json {
        writeln!(out, "no actions yet")?;
    }
    for action in listed {
        if as_json {
            writeln!(out, "{}", serde_json::to_string(action)?)?;
            continue;
        }
        let state = if action.sent_ms.is_some() {
            "sent"
        } else {
            "draft"
        };
        let verb = action.verb.as_deref().unwrap_or("?");
        let handler = action.handler.as_deref().unwrap_or("?");
        writeln!(out, "{}  {state:<5}  {verb} {handler}", action.id)?;
        for told in &action.devices {
            writeln!(out, "  {}  {}", told.device, words(told))?;
        }
    }
    Ok(())
}

pub(super) fn watch(arguments: &Watch) -> anyhow::Result<()> {
    let ledger = Ledger::open_to_read(&arguments.data)?;
    let until = Until::within(arguments.within.get());
    let tell = |told: &Told| -> anyhow::Result<()> {
        if arguments.json {
            println!("{}", serde_json::to_string(told)?);
        } else {
            println!("{}  {}", told.device, words(told));
        }
        Ok(())
    };
    let code = follow(&ledger, &arguments.action, until, tell, |found| {
        ended(found, arguments.devices)
    })?;
    std::process::exit(code.unwrap_or_else(given_up));
}

/// How long somebody looks.
#[derive(Clone, Copy)]
pub(super) struct Until {
    begun: Instant,
    within: Duration,
}

impl Until {
    pub(super) fn within(within: Duration) -> Self {
        let begun = Instant::now();
        Self { begun, within }
    }

    fn is_over(self) -> bool {
        self.begun.elapsed() >= self.within
    }
}

/// Looks at an action, and tells of each device that stands otherwise than at the look
/// before, until `enough` has its answer. None if the time was over before.
pub(super) fn follow<T>(
    ledger: &Ledger,
    action: &ActionId,
    until: Until,
    mut tell: impl FnMut(&Told) -> anyhow::Result<()>,
    enough: impl Fn(&Listed) -> Option<T>,
) -> anyhow::Result<Option<T>> {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let found = find(ledger, action)?;
        for told in &found.devices {
            let words = words(told);
            if shown.insert(told.device.clone(), words.clone()).as_ref() != Some(&words) {
                tell(told)?;
            }
        }
        if let Some(answer) = enough(&found) {
            return Ok(Some(answer));
        }
        if until.is_over() {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// How an action stands now.
pub(super) fn find(ledger: &Ledger, action: &ActionId) -> anyhow::Result<Listed> {
    let found = ledger.find(action)?;
    found.with_context(|| format!("there is no action {action} here: send it"))
}

/// Says so, and gives the exit code.
pub(super) fn given_up() -> i32 {
    eprintln!("bailiwick-console: not every device has told how it ended");
    GIVEN_UP
}

/// The exit code, once all that is waited for was told. Of a group it is not known here who
/// is in it: whom it is not meant for does not count.
pub(super) fn ended(action: &Listed, devices: usize) -> Option<i32> {
    let mut outcomes = Vec::new();
    for told in &action.devices {
        match &told.outcome {
            Some(Outcome::Refused { reason })
                if action.group.is_some() && reason.starts_with("audience:") => {}
            Some(outcome) => outcomes.push(outcome),
            None if action.group.is_some() => {}
            None => return None,
        }
    }
    let enough = if action.group.is_some() { devices } else { 1 };
    if outcomes.len() < enough {
        return None;
    }
    let codes = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Done { .. } => 0,
        Outcome::Failed { .. } | Outcome::Refused { .. } => FAILED,
        Outcome::TimedOut | Outcome::Cancelled | Outcome::Interrupted => CUT,
    });
    codes.max()
}

/// How it stands on one device, in one line fit for a terminal.
pub(super) fn words(told: &Told) -> String {
    plain(&told.sentence())
}

/// A device's words without what a terminal obeys.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
