//! Answers about what was started: that it could not be, or how it ended.

use std::{
    io::{self, Write as _},
    os::unix::{net::UnixStream, process::ExitStatusExt as _},
    process::ExitStatus,
};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What a request to start something came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    NotStarted(String),
    Ended(ExitStatus),
}

/// Longest answer.
const LONGEST: u64 = 1_024;

/// Asks to kill what was started.
pub(crate) const KILL: [u8; 1] = [b'k'];

impl Answer {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::NotStarted(reason) => [b"n", reason.as_bytes()].concat(),
            Self::Ended(status) => [&b"e"[..], &status.into_raw().to_le_bytes()].concat(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match kind {
            b'n' => Some(Self::NotStarted(String::from_utf8_lossy(rest).into_owned())),
            b'e' => {
                let raw = i32::from_le_bytes(rest.try_into().ok()?);
                Some(Self::Ended(ExitStatus::from_raw(raw)))
            }
            _ => None,
        }
    }
}

/// Writes an answer that nobody adds to. Whoever does not read it must not hold up others.
pub(crate) fn tell(mut to: UnixStream, bytes: &[u8]) {
    let _ = to.set_nonblocking(true).and_then(|()| to.write_all(bytes));
}

/// Of an answer that does not come.
pub(super) const ENDED: &str = "the agent's privileged process has ended: start it anew";

/// Waits for the answer.
///
/// # Errors
/// The privileged process ended meanwhile.
pub(crate) async fn ended(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    match from.take(LONGEST).read_to_end(&mut bytes).await {
        Ok(_) => {}
        // Behind the answer the kernel tells that something was not heard: to be killed, as a
        // rule, which had come about already.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => return Err(error),
    }
    Answer::decode(&bytes).ok_or_else(|| io::Error::other(ENDED))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn who_answers_before_it_hears_that_it_shall_end_has_answered() {
        let (mut own, mut other) = tokio::net::UnixStream::pair().unwrap();
        own.write_all(&KILL).await.unwrap();
        let answer = Answer::Ended(ExitStatus::from_raw(9));
        other.write_all(&answer.encode()).await.unwrap();
        drop(other);
        assert_eq!(ended(&mut own).await.unwrap(), answer);
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_silence_is_an_error() {
        for answer in [
            Answer::NotStarted("why".to_owned()),
            Answer::Ended(ExitStatus::from_raw(0x300)),
            Answer::Ended(ExitStatus::from_raw(9)),
        ] {
            let bytes = answer.encode();
            assert_eq!(ended(&mut bytes.as_slice()).await.unwrap(), answer);
        }
        for bytes in [&b""[..], b"x", b"e12"] {
            let error = ended(&mut &bytes[..]).await.unwrap_err().to_string();
            assert!(error.contains("has ended"), "{error}");
        }
    }
}
