//! What the end of the child means.

use std::{path::Path, process::ExitStatus};

use bailiwick_core::ports::CompileError;

use super::{ChildLimits, exit_code};

/// How the child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With an artifact.
    Done,
    /// By itself, with a status other than 0.
    Exited(i32),
    /// By a signal.
    Signal(i32),
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

/// On Linux, of every architecture that the compiler knows.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

impl Ending {
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), signal(status)) {
            (Some(0), _) => Self::Done,
            (Some(code), _) => Self::Exited(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }

    /// The error that an ending without artifact stands for. `complaint` is what the child
    /// wrote on standard error; it can repeat what the component chose.
    pub(super) fn error(
        self,
        program: &Path,
        complaint: &[u8],
        limits: &ChildLimits,
    ) -> CompileError {
        let complaint = one_line(complaint);
        let not_started = |reason: String| CompileError::NotStarted {
            program: program.display().to_string(),
            reason,
        };
        let out_of_memory =
            || CompileError::Stopped(format!("it needs more memory than {}", limits.memory));
        let code = match self {
            Self::Exited(code) => u8::try_from(code).ok(),
            Self::Done => None,
            Self::Signal(SIGXCPU | SIGKILL) => {
                let seconds = limits.time.as_secs_f32();
                return CompileError::Stopped(format!(
                    "it was killed, most likely for using more than {seconds} s of processor time"
                ));
            }
            // What Rust says when an allocation fails.
            Self::Signal(SIGABRT) if complaint.contains("memory allocation of") => {
                return out_of_memory();
            }
            Self::Signal(signal) => {
                return CompileError::Stopped(format!(
                    "it crashed with signal {signal}: {complaint}"
                ));
            }
        };
        match code {
            Some(exit_code::REFUSED) => CompileError::Refused(complaint),
            Some(exit_code::OUT_OF_MEMORY) => out_of_memory(),
            Some(exit_code::STREAM) => CompileError::Stopped(complaint),
            Some(exit_code::USAGE | exit_code::NOT_CONFINED) => not_started(complaint),
            _ => CompileError::Stopped(format!("it ended with {self:?}: {complaint}")),
        }
    }
}

/// Untrusted text on one line, without control characters.
fn one_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_end().chars();
    text.map(|character| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    })
    .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, time::Duration};

    use super::*;

    fn error(wait_status: i32, complaint: &str) -> String {
        let limits = ChildLimits {
            time: Duration::from_secs(3),
            ..ChildLimits::default()
        };
        Ending::of(ExitStatus::from_raw(wait_status))
            .error(
                Path::new("/opt/bailiwick-compile"),
                complaint.as_bytes(),
                &limits,
            )
            .to_string()
    }

    #[test]
    fn each_exit_status_has_its_error() {
        for (code, begin) in [
            (exit_code::REFUSED, "the component does not compile: why"),
            (
                exit_code::USAGE,
                "the compiler `/opt/bailiwick-compile` can't be started: why",
            ),
            (
                exit_code::NOT_CONFINED,
                "the compiler `/opt/bailiwick-compile` can't be started: why",
            ),
            (
                exit_code::OUT_OF_MEMORY,
                "the compiler was stopped: it needs more memory than 1 GiB",
            ),
            (exit_code::STREAM, "the compiler was stopped: why"),
            (
                101,
                "the compiler was stopped: it ended with Exited(101): why",
            ),
        ] {
            assert_eq!(error(i32::from(code) << 8, "why\n"), begin);
        }
    }

    #[test]
    fn signals_tell_limits_from_crashes() {
        assert!(error(SIGXCPU, "").contains("3 s of processor time"));
        assert!(error(SIGABRT, "memory allocation of 9 bytes failed").contains("more memory"));
        assert!(error(11, "").contains("crashed with signal 11"));
    }

    #[test]
    fn a_complaint_can_not_forge_lines_or_colours() {
        assert_eq!(one_line(b"a\nb\x1b[31m\r\n"), "a b [31m");
    }
}
