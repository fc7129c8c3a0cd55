//! Packets on their way into a stream.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::wire::{self, Packet, Violation};

/// Packets that are not yet written, or written and not yet flushed: TLS keeps a part back
/// until it is asked.
#[derive(Debug, Default)]
pub struct Leaving {
    bytes: BytesMut,
    unflushed: bool,
}

impl Leaving {
    /// Adds a packet.
    ///
    /// # Errors
    /// As [`wire::write`].
    pub fn push(&mut self, packet: &Packet) -> Result<(), Violation> {
        wire::write(&mut self.bytes, packet)
    }

    /// How many bytes are not written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing to write or to flush.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.unflushed
    }

    /// Writes some, or flushes. May be dropped at any time, and nothing is lost or written
    /// twice.
    ///
    /// # Errors
    /// The stream's.
    pub async fn go(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.bytes.is_empty() {
            writer.flush().await?;
            self.unflushed = false;
        } else {
            self.unflushed = true;
            if writer.write_buf(&mut self.bytes).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Writes and flushes all of it.
    ///
    /// # Errors
    /// The stream's.
    pub async fn finish(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while !self.is_empty() {
            self.go(writer).await?;
        }
        Ok(())
    }
}
