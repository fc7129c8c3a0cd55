//! A WebSocket (RFC 6455) that carries a stream of bytes in binary messages, for MQTT (its
//! version 3.1.1, section 6): the client's end, and the server's.
//!
//! Written here, since the only thing that is needed is a stream: no text messages, no
//! extensions, no message bounds (MQTT has its own). The libraries for the whole protocol
//! bring random numbers, SHA-1 and URLs along a second time; tests let one of them answer.

mod frame;
mod handshake;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{HostPort, Stream};
use frame::{Frame, Opcode, Reader, Side};
pub use handshake::Upgrade;

/// What is read at once, in bytes.
const CHUNK: usize = 8 * 1024;
/// Most of a write in one frame, and most that waits to be written, in bytes.
const WRITE: usize = 16 * 1024;

/// The stream.
pub struct WebSocket {
    inner: Box<dyn Stream>,
    side: Side,
    reader: Reader,
    /// Arrived, not yet read as frames.
    arrived: BytesMut,
    /// Framed, not yet written.
    leaving: BytesMut,
    closing: Closing,
    /// Who writes, and waits for room. A stream wakes only whom asked it last: reading must
    /// not ask in the writer's place.
    writer: Option<Waker>,
}

/// How far the closing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Open,
    /// The close frame is among what leaves, or gone.
    Sent,
}

impl WebSocket {
    /// Upgrades `stream` to a WebSocket at `path` of `server`.
    pub(super) async fn open(
        mut stream: Box<dyn Stream>,
        server: &HostPort,
        path: &str,
    ) -> Result<Self, String> {
        handshake::upgrade(&mut *stream, server, path).await?;
        Ok(Self::new(stream, Side::Client))
    }

    /// The server's end of `stream`, on which an [`Upgrade`] was answered.
    pub fn accepted(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self::new(Box::new(stream), Side::Server)
    }

    fn new(inner: Box<dyn Stream>, side: Side) -> Self {
        Self {
            inner,
            side,
            reader: Reader::new(side),
            arrived: BytesMut::new(),
            leaving: BytesMut::new(),
            closing: Closing::Open,
            writer: None,
        }
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mask = match self.side {
            Side::Server => None,
            Side::Client => {
                let mut mask = [0; 4];
                aws_lc_rs::rand::fill(&mut mask).map_err(|_| {
                    io::Error::other("the operating system gives no random numbers")
                })?;
                Some(mask)
            }
        };
        frame::write(&mut self.leaving, opcode, payload, mask);
        Ok(())
    }

    /// Writes what waits. Ready when nothing does.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.leaving.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.leaving))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.leaving.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// While writing: writes what waits, and remembers who waits for it.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.poll_drain(cx);
        self.writer = polled.is_pending().then(|| cx.waker().clone());
        polled
    }

    /// While reading: writes what waits, or lets the writer do it.
    fn answer(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        } else if let Poll::Ready(result) = self.poll_drain(cx) {
            result?;
            if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_flush(cx) {
                result?;
            }
        }
        Ok(())
    }

    /// Reads more into `arrived`; false at the end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut chunk = [0; CHUNK];
        let mut chunk = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut chunk))?;
        self.arrived.extend_from_slice(chunk.filled());
        Poll::Ready(Ok(!chunk.filled().is_empty()))
    }
}

impl std::fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket")
            .field("side", &self.side)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}

impl AsyncRead for WebSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !this.leaving.is_empty() && this.writer.is_none() {
            this.answer(cx)?;
        }
        loop {
            match this.reader.next(&mut this.arrived, buffer.remaining())? {
                Some(Frame::Bytes(bytes)) => {
                    buffer.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                Some(Frame::Ping(payload)) => {
                    // Who pings and does not read would fill the memory.
                    if this.leaving.len() < WRITE {
                        this.send(Opcode::Pong, &payload)?;
                    }
                    this.answer(cx)?;
                }
                Some(Frame::Close) => {
                    if this.closing == Closing::Open {
                        this.closing = Closing::Sent;
                        this.send(Opcode::Close, &[])?;
                        this.answer(cx)?;
                    }
                    return Poll::Ready(Ok(()));
                }
                None => {
                    if !ready!(this.poll_more(cx))? {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.leaving.len() >= WRITE {
            ready!(this.poll_leave(cx))?;
        }
        if this.closing == Closing::Sent {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let part = &bytes[..bytes.len().min(WRITE)];
        this.send(Opcode::Binary, part)?;
        if let Poll::Ready(result) = this.poll_leave(cx) {
            result?;
        }
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_leave(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing == Closing::Open {
            self.closing = Closing::Sent;
            self.send(Opcode::Close, &[])?;
        }
        ready!(self.poll_leave(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::test_answer;
