//! How the program ends. The numbers are part of its interface: see `--help`.

use bailiwick_sandbox::compile::exit_code;

/// Why there is no artifact. The text is one line and goes to standard error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// It is no component that this host accepts.
    #[error("{0}")]
    Refused(String),
    /// The arguments make no sense.
    #[error("{0}; `bailiwick-compile --help` lists what there is")]
    Usage(String),
    /// The operating system did not let the program give up its rights, so it did not
    /// begin.
    #[error("can't confine itself: {0}")]
    NotConfined(String),
    /// Memory came to an end before the component did.
    #[error("the memory that it was given is used up")]
    OutOfMemory,
    /// Standard input or output broke.
    #[error("standard {stream} failed: {reason}")]
    Stream {
        /// `input` or `output`.
        stream: &'static str,
        /// What the operating system said.
        reason: std::io::Error,
    },
}

impl Failure {
    /// The exit status that stands for it.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => exit_code::REFUSED,
            Self::Usage(_) => exit_code::USAGE,
            Self::NotConfined(_) => exit_code::NOT_CONFINED,
            Self::OutOfMemory => exit_code::OUT_OF_MEMORY,
            Self::Stream { .. } => exit_code::STREAM,
        }
    }
}
