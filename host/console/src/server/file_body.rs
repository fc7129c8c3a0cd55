//! A file as the body of an answer, read as fast as the client takes it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    fs::File,
    io::{AsyncRead, ReadBuf},
};

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// The first `left` bytes of a file.
pub(super) struct FileBody {
    file: File,
    left: u64,
    buffer: Vec<u8>,
}

impl FileBody {
    pub(super) fn new(file: std::fs::File, length: u64) -> Self {
        Self {
            file: File::from_std(file),
            left: length,
            buffer: Vec::new(),
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let most = usize::try_from(this.left).map_or(CHUNK, |left| left.min(CHUNK));
        this.buffer.resize(most, 0);
        let mut part = ReadBuf::new(&mut this.buffer);
        if let Err(error) = ready!(Pin::new(&mut this.file).poll_read(cx, &mut part)) {
            return Poll::Ready(Some(Err(error)));
        }
        let read = part.filled();
        if read.is_empty() {
            // It was cut while it was read: the connection breaks off, as the length that
            // was announced can't be kept.
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        this.left -= read.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(read)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
