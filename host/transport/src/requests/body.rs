//! What follows the head of an answer, and where it ends.

use bailiwick_core::{bytes::ByteCount, ports::HttpError};
use tokio::io::AsyncReadExt as _;

use crate::{cause, connector::Stream};

/// Most bytes that are read at once.
const PIECE: usize = 16 * 1024;
/// Longest line that says how long a chunk is, with all that a server adds to it.
const LONGEST_LINE: usize = 256;
/// Longest headers after a chunked body, in bytes. They are read over.
const LONGEST_TRAILER: usize = 8 * 1024;

const CUT: HttpError = HttpError::NotHttp("it ended in the middle");

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Nothing,
    /// After so many bytes.
    Length(u64),
    /// With a chunk of no bytes.
    Chunked,
    /// With the connection.
    UntilEnd,
}

/// What arrives from a server.
pub(super) struct Incoming<'a> {
    stream: &'a mut dyn Stream,
    /// Has arrived and was not taken.
    waiting: Vec<u8>,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(stream: &'a mut dyn Stream) -> Self {
        let waiting = Vec::new();
        Self { stream, waiting }
    }

    /// Waits for more; `false` is the end.
    async fn more(&mut self) -> Result<bool, HttpError> {
        self.waiting.reserve(PIECE);
        match self.stream.read_buf(&mut self.waiting).await {
            Ok(0) => Ok(false),
            Ok(_) => Ok(true),
            // A connection of TLS that ends without saying so may have been cut on the way.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(CUT),
            Err(error) => Err(HttpError::Unreachable(cause::of(&error))),
        }
    }

    /// Takes everything up to the first empty line.
    pub(super) async fn head(&mut self, longest: usize) -> Result<Vec<u8>, HttpError> {
        let mut looked_at = 0;
        loop {
            // Only what is new is looked at: a server may send byte by byte.
            let from = looked_at.min(self.waiting.len());
            if let Some(end) = empty_line(&self.waiting[from..]) {
                let rest = self.waiting.split_off(from + end);
                return Ok(std::mem::replace(&mut self.waiting, rest));
            }
            if self.waiting.len() > longest {
                return Err(HttpError::NotHttp("its head is too long"));
            }
            looked_at = self.waiting.len().saturating_sub(3);
            if !self.more().await? {
                return Err(match self.waiting.is_empty() {
                    true => HttpError::Unreachable("it closed the connection".to_owned()),
                    false => CUT,
                });
            }
        }
    }

    /// Takes the body.
    pub(super) async fn body(
        &mut self,
        framing: Framing,
        at_most: ByteCount,
    ) -> Result<Vec<u8>, HttpError> {
        let mut body = Body {
            bytes: Vec::new(),
            at_most,
        };
        match framing {
            Framing::Nothing => {}
            Framing::Length(length) => self.take(length, &mut body).await?,
            Framing::UntilEnd => loop {
                body.push(&self.waiting)?;
                self.waiting.clear();
                if !self.more().await? {
                    break;
                }
            },
            Framing::Chunked => {
                loop {
                    let length = self.chunk_length().await?;
                    if length == 0 {
                        break;
                    }
                    self.take(length, &mut body).await?;
                    if self.line(2).await? != b"\r\n" {
                        return Err(HttpError::NotHttp("a chunk does not end where it says"));
                    }
                }
                self.trailer().await?;
            }
        }
        Ok(body.bytes)
    }

    /// Moves the next `length` bytes to `body`.
    async fn take(&mut self, length: u64, body: &mut Body) -> Result<(), HttpError> {
        body.has_room(length)?;
        let mut left = usize::try_from(length).map_err(|_| HttpError::TooLarge)?;
        while left > 0 {
            if self.waiting.is_empty() && !self.more().await? {
                return Err(CUT);
            }
            let piece = left.min(self.waiting.len());
            body.push(&self.waiting[..piece])?;
            self.waiting.drain(..piece);
            left -= piece;
        }
        Ok(())
    }

    async fn chunk_length(&mut self) -> Result<u64, HttpError> {
        let line = self.line(LONGEST_LINE).await?;
        match httparse::parse_chunk_size(&line) {
            Ok(httparse::Status::Complete((_, length))) => Ok(length),
            Ok(httparse::Status::Partial) | Err(_) => {
                Err(HttpError::NotHttp("a chunk has no length"))
            }
        }
    }

    /// Takes everything up to the next line feed.
    async fn line(&mut self, longest: usize) -> Result<Vec<u8>, HttpError> {
        loop {
            if let Some(end) = self.waiting.iter().take(longest).position(|b| *b == b'\n') {
                let rest = self.waiting.split_off(end + 1);
                return Ok(std::mem::replace(&mut self.waiting, rest));
            }
            if self.waiting.len() >= longest {
                return Err(HttpError::NotHttp("a chunk has no length, or no end"));
            }
            if !self.more().await? {
                return Err(CUT);
            }
        }
    }

    async fn trailer(&mut self) -> Result<(), HttpError> {
        let mut length = 0;
        loop {
            let line = self.line(LONGEST_TRAILER).await?;
            length += line.len();
            match line.as_slice() {
                b"\r\n" | b"\n" => return Ok(()),
                _ if length > LONGEST_TRAILER => {
                    return Err(HttpError::NotHttp("what follows its body is too long"));
                }
                _ => {}
            }
        }
    }
}

struct Body {
    bytes: Vec<u8>,
    at_most: ByteCount,
}

impl Body {
    fn has_room(&self, more: u64) -> Result<(), HttpError> {
        match (self.bytes.len() as u64).checked_add(more) {
            Some(length) if length <= self.at_most.get() => Ok(()),
            Some(_) | None => Err(HttpError::TooLarge),
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), HttpError> {
        self.has_room(piece.len() as u64)?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

/// Where an empty line ends.
fn empty_line(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What is read of `bytes`, which arrive in pieces of `piece`.
    async fn body(
        bytes: &[u8],
        framing: Framing,
        at_most: u64,
        piece: usize,
    ) -> Result<Vec<u8>, HttpError> {
        let (mut ours, mut theirs) = tokio::io::duplex(piece);
        let bytes = bytes.to_vec();
        let server = tokio::spawn(async move {
            let _ = theirs.write_all(&bytes).await;
        });
        let mut incoming = Incoming::new(&mut ours);
        let body = incoming.body(framing, ByteCount::new(at_most)).await;
        server.abort();
        body
    }

    #[tokio::test]
    async fn a_chunked_body_is_put_together() {
        let bytes = b"3;a=b\r\nabc\r\n00a\r\n0123456789\r\n0\r\nx: y\r\n\r\n";
        for piece in [1, 2, 7, 100] {
            let read = body(bytes, Framing::Chunked, 13, piece).await;
            assert_eq!(read.as_deref(), Ok(&b"abc0123456789"[..]));
            let long = body(bytes, Framing::Chunked, 12, piece).await;
            assert_eq!(long, Err(HttpError::TooLarge));
        }
        for bad in [
            &b"3\r\nabcd\r\n0\r\n\r\n"[..],
            b"x\r\nabc\r\n",
            b"3\r\nab",
            b"3\r\nabc\r\n0\r\n",
            b"\r\n",
            b"ffffffffffffffff1\r\n",
            b"-1\r\n",
        ] {
            let read = body(bad, Framing::Chunked, 100, 100).await;
            assert!(
                matches!(read, Err(HttpError::NotHttp(_))),
                "{bad:?} {read:?}"
            );
        }
        let endless = b"1;".iter().chain([b'x'; 1_000].iter()).copied();
        let endless: Vec<u8> = endless.collect();
        let read = body(&endless, Framing::Chunked, 100, 64).await;
        assert!(matches!(read, Err(HttpError::NotHttp(_))));
        let giant = body(b"fffffffffffffff0\r\n", Framing::Chunked, 100, 64).await;
        assert_eq!(giant, Err(HttpError::TooLarge));
    }

    #[tokio::test]
    async fn a_length_is_kept_to() {
        assert_eq!(
            body(b"abcd", Framing::Length(3), 3, 9).await,
            Ok(b"abc".to_vec())
        );
        assert_eq!(body(b"ab", Framing::Length(3), 3, 9).await, Err(CUT));
        let giant = body(b"", Framing::Length(u64::MAX), 3, 9).await;
        assert_eq!(giant, Err(HttpError::TooLarge));
        assert_eq!(
            body(b"abc", Framing::UntilEnd, 3, 2).await,
            Ok(b"abc".to_vec())
        );
        let long = body(b"abcd", Framing::UntilEnd, 3, 2).await;
        assert_eq!(long, Err(HttpError::TooLarge));
    }

    proptest! {
        #[test]
        fn chunks_of_any_size_come_out_as_they_went_in(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6), piece in 1_usize..50) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(body(&bytes, Framing::Chunked, 1_000, piece));
            prop_assert_eq!(read, Ok(chunks.concat()));
        }

        #[test]
        fn nothing_makes_it_panic_or_hold_more_than_it_may(bytes: Vec<u8>) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            if let Ok(read) = runtime.block_on(body(&bytes, Framing::Chunked, 8, 16)) {
                prop_assert!(read.len() <= 8);
            }
        }
    }
}
