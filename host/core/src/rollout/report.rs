//! What a rollout tells people.

use std::fmt;

use semver::Version;

use super::{Generation, Step};

/// A change worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of each says what its fields are")]
pub enum Transition {
    Preparing {
        generation: Generation,
    },
    StepFailed {
        generation: Generation,
        step: Step,
        reason: String,
        running: Option<Version>,
    },
    PutOff {
        generation: Generation,
        step: Step,
        reason: String,
    },
    AwaitsApproval {
        generation: Generation,
        difference: Vec<String>,
        running: Option<Version>,
    },
    OnProbation {
        generation: Generation,
    },
    Kept {
        generation: Generation,
    },
    WentBack {
        from: Generation,
        to: Option<Generation>,
        reason: String,
    },
    RolledBackAssignment {
        offered: u64,
        followed: u64,
    },
    RefusedForbidden {
        version: Version,
        reason: String,
        running: Option<Version>,
    },
    StoppedForbidden {
        generation: Generation,
        reason: String,
    },
    Removed {
        generation: Generation,
    },
}

fn keeps(running: Option<&Version>) -> String {
    running.map_or_else(
        || "nothing of it runs".to_owned(),
        |version| format!("{version} keeps running"),
    )
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preparing { generation } => write!(f, "{generation} is being prepared"),
            Self::StepFailed {
                generation,
                step,
                reason,
                running,
            } => write!(
                f,
                "{generation} was refused at `{}`: {reason}; {}",
                step.name(),
                keeps(running.as_ref())
            ),
            Self::PutOff {
                generation,
                step,
                reason,
            } => write!(
                f,
                "{generation} is put off at `{}`: {reason}; tried again at the next refresh",
                step.name()
            ),
            Self::AwaitsApproval {
                generation,
                difference,
                running,
            } => write!(
                f,
                "{generation} asks for more than is approved: {}; {}",
                difference.join("; "),
                keeps(running.as_ref())
            ),
            Self::OnProbation { generation } => write!(f, "{generation} runs on probation"),
            Self::Kept { generation } => write!(f, "{generation} is kept"),
            Self::WentBack {
                from,
                to: Some(to),
                reason,
            } => {
                write!(f, "{from} failed its probation: {reason}; back to {to}")
            }
            Self::WentBack {
                from,
                to: None,
                reason,
            } => write!(
                f,
                "{from} failed its probation: {reason}; there is nothing to go back to"
            ),
            Self::RolledBackAssignment { offered, followed } => write!(
                f,
                "assignment {offered} is older than {followed}, which was followed already: refused"
            ),
            Self::RefusedForbidden {
                version,
                reason,
                running,
            } => write!(
                f,
                "{version} is assigned but {reason}; {}",
                keeps(running.as_ref())
            ),
            Self::StoppedForbidden { generation, reason } => {
                write!(f, "{generation} is stopped, {reason}")
            }
            Self::Removed { generation } => write!(f, "{generation} is assigned no more"),
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (generation {})", self.wanted.version, self.id)
    }
}
