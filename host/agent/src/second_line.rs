//! The second line: before it does anything else, `bailiwick run` starts the process that does
//! what it may not do from then on, and gives up everything that it does not need.
//!
//! It happens while the program has one thread, which all others descend from. Where a line
//! can't be drawn the agent runs all the same, and says so.

mod asking;
mod proven;

use std::{ffi::OsStr, path::Path, sync::Arc};

use bailiwick_core::{
    action::Envelope,
    ids::DeviceId,
    settings::{Name, Origin, Settings},
};
use bailiwick_device::{
    AtWork, Privileged, TaskIterator,
    confine::{Drawn, confine},
};
use serde::{Deserialize, Serialize};

pub(crate) use proven::{DELIVERY, Proven};

use crate::{
    run::{compiler, make_data_folder},
    settings::Sources,
    socket::ControlSocket,
};

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct SecondLine {
    /// Does what the agent may not; none where the agent does it itself.
    pub(crate) privileged: Option<Arc<Privileged>>,
    /// Lists processes, or why it does not; taken by whoever reads them.
    pub(crate) tasks: Option<Result<TaskIterator, String>>,
    /// Where commands reach the agent, taken by whoever answers them; none where it listens later.
    pub(crate) socket: Option<ControlSocket>,
    lines: Vec<LineReport>,
}

/// One line, as `bailiwick status` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LineReport {
    /// Which.
    pub(crate) line: String,
    /// Whether it holds.
    pub(crate) state: LineState,
    /// What it does not hold, and why; empty if it holds whole.
    pub(crate) remark: String,
}

/// Whether a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LineState {
    Active,
    Partly,
    Missing,
}

/// The process beside the agent, among the lines.
const PRIVILEGED: &str = "privileged-process";

impl SecondLine {
    /// Draws it, for an agent with these settings. Makes its data folder, where it has none.
    ///
    /// # Errors
    /// The settings can't be read, or the folder can't be made: the agent can't start.
    pub(crate) fn draw(sources: &Sources) -> anyhow::Result<Self> {
        let settings = sources.read(None)?;
        let data = &settings.data_dir;
        make_data_folder(data)?;
        // Behind the lines no socket can be made in any folder. A pipe's is none, and is made later.
        #[cfg(unix)]
        let socket = Some(ControlSocket::bind(&settings.socket)?);
        #[cfg(not(unix))]
        let socket = None;
        // It has another folder, and what it trusts is settled before anything is read that a
        // guest could have had a hand in.
        let kept = std::path::absolute(data)?;
        let root = settings.root_sha256.to_string();
        let file = std::path::absolute(sources.file())?;
        let groups = set_groups(&settings);
        let mut trust = vec![kept.as_os_str(), root.as_ref(), file.as_os_str()];
        trust.extend(groups.map(OsStr::new));
        // This program itself, whatever has its name by now.
        let program = Path::new("/proc/self/exe");
        let privileged = Privileged::start(program, &compiler(&settings)?, &trust);
        // Behind the lines there is no right to attach one; its passes go on.
        let tasks = TaskIterator::attach();
        let mut drawn = match privileged {
            Ok(privileged) => Self::behind(privileged, data),
            Err(error) => Self {
                lines: vec![LineReport {
                    line: PRIVILEGED.to_owned(),
                    state: LineState::Missing,
                    remark: format!("it can't be started, so no line is drawn: {error}"),
                }],
                ..Self::default()
            },
        };
        drawn.tasks = Some(tasks.and_then(TaskIterator::tried));
        drawn.socket = socket;
        Ok(drawn)
    }

    fn behind(privileged: Privileged, data: &Path) -> Self {
        let drawn = confine(data).into_iter();
        let lines = drawn.map(|(line, drawn)| {
            let (state, remark) = match drawn {
                Drawn::Active => (LineState::Active, String::new()),
                Drawn::Partly(remark) => (LineState::Partly, remark),
                Drawn::Missing(remark) => (LineState::Missing, remark),
            };
            LineReport {
                line: line.name().to_owned(),
                state,
                remark,
            }
        });
        Self {
            lines: lines.collect(),
            privileged: Some(Arc::new(privileged)),
            ..Self::default()
        }
    }

    /// Which device this is: told before the first guest runs.
    pub(crate) fn is_on(&self, device: &DeviceId) {
        if let Some(privileged) = &self.privileged {
            privileged.is_on(device);
        }
    }

    /// Has an action begin where its handler's grants are looked after; it ends when what comes
    /// back is dropped.
    ///
    /// # Errors
    /// It may not begin, and why.
    pub(crate) async fn begin(&self, envelope: &Envelope) -> Result<Option<AtWork>, String> {
        match &self.privileged {
            Some(privileged) => {
                let begun = Arc::clone(privileged).begin(envelope.clone());
                begun.await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// What was signed may have changed: the privileged process proves it anew.
    pub(crate) fn look_again(&self) {
        if let Some(privileged) = &self.privileged {
            privileged.look_again();
        }
    }

    /// Each line as it is now.
    pub(crate) fn report(&self) -> Vec<LineReport> {
        let mut lines = self.lines.clone();
        if let Some(privileged) = &self.privileged {
            let (state, remark) = if privileged.runs() {
                (LineState::Active, "")
            } else {
                let lost = "it has ended, so no program runs, no action begins, nothing is \
                            compiled and logind is asked no more: start the agent anew";
                (LineState::Missing, lost)
            };
            lines.push(LineReport {
                line: PRIVILEGED.to_owned(),
                state,
                remark: remark.to_owned(),
            });
        }
        lines
    }

    /// What does not hold, one line of text each.
    pub(crate) fn open(&self) -> Vec<String> {
        let report = self.report().into_iter();
        report
            .filter(|line| line.state != LineState::Active)
            .map(|line| line.words())
            .collect()
    }
}

/// The groups that no settings file changes.
fn set_groups(settings: &Settings) -> Option<&str> {
    let mut listed = settings.list().iter();
    let groups = listed.find(|listed| listed.name == Name::Groups)?;
    match groups.origin {
        Origin::Environment { .. } | Origin::Flag => Some(&groups.value),
        Origin::Default | Origin::Enrolment | Origin::Signed | Origin::File { .. } => None,
    }
}

impl LineReport {
    /// In plain words.
    pub(crate) fn words(&self) -> String {
        let Self { line, remark, .. } = self;
        match self.state {
            LineState::Active => line.clone(),
            LineState::Partly => format!("{line} holds in part: {remark}"),
            LineState::Missing => format!("{line} does not hold: {remark}"),
        }
    }
}

/// The lines for a person: first those that hold, then each that does not with its reason.
pub(crate) fn words(lines: &[LineReport]) -> String {
    let (whole, open): (Vec<_>, Vec<_>) = lines
        .iter()
        .partition(|line| line.state == LineState::Active);
    let names: Vec<&str> = whole.iter().map(|line| line.line.as_str()).collect();
    let mut words = match names.as_slice() {
        [] => "Confined: no\n".to_owned(),
        names => format!("Confined: by {}\n", names.join(", ")),
    };
    for line in open {
        words.push_str(&format!("          {}\n", line.words()));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &str, state: LineState, remark: &str) -> LineReport {
        LineReport {
            line: line.to_owned(),
            state,
            remark: remark.to_owned(),
        }
    }

    #[test]
    fn what_holds_is_named_and_what_does_not_says_why() {
        let lines = [
            line("no-new-privileges", LineState::Active, ""),
            line("landlock", LineState::Missing, "the kernel has none"),
            line("capabilities", LineState::Active, ""),
            line("system-calls", LineState::Partly, "it is old"),
        ];
        assert_eq!(
            words(&lines),
            "Confined: by no-new-privileges, capabilities\n\
             \u{20}         landlock does not hold: the kernel has none\n\
             \u{20}         system-calls holds in part: it is old\n"
        );
        assert_eq!(words(&[]), "Confined: no\n");
    }
}
