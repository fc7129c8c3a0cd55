//! Datagrams with descriptors (`SCM_RIGHTS` of unix(7)).

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    cmsg_space,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
};

/// Most descriptors with one message: where the answer goes, and three streams.
pub(super) const MOST: usize = 4;

/// Sends all of it, or nothing.
///
/// # Errors
/// The other end is gone, or does not keep up.
pub(crate) fn send(to: impl AsFd, bytes: &[u8], with: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fits = with.len() <= MOST;
    if !fits || !with.is_empty() && !control.push(SendAncillaryMessage::ScmRights(with)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let sent = sendmsg(to, &[IoSlice::new(bytes)], &mut control, flags)?;
    if sent == bytes.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

/// The next message, in `buffer`, and what came with it; its length is 0 if the other end is
/// gone. What is longer, or has more descriptors, is taken and is an error.
pub(crate) fn receive(from: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(buffer)];
    let received = recvmsg(from, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(with) = message {
            descriptors.extend(with);
        }
    }
    if received
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
    {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((received.bytes, descriptors))
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn descriptors_arrive_and_what_is_too_long_or_too_much_does_not() {
        let flags = SocketFlags::CLOEXEC;
        let kind = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (one, other) = socketpair(kind.0, kind.1, flags, None).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let mut buffer = [0; 8];
        send(&one, b"four", &[writer.as_fd(), reader.as_fd()]).unwrap();
        drop(writer);
        let (length, with) = receive(&other, &mut buffer).unwrap();
        assert_eq!((&buffer[..length], with.len()), (&b"four"[..], 2));
        rustix::io::write(&with[0], b"x").unwrap();
        assert_eq!(rustix::io::read(&reader, &mut buffer).unwrap(), 1);

        send(&one, b"longer than 8", &[]).unwrap();
        let refused = receive(&other, &mut buffer).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        let many = [reader.as_fd(); MOST + 1];
        assert!(send(&one, b"many", &many).is_err());
        send(&one, b"next", &[]).unwrap();
        assert_eq!(receive(&other, &mut buffer).unwrap().0, 4);
        drop(one);
        assert_eq!(receive(&other, &mut buffer).unwrap().0, 0);
        assert!(send(&other, b"gone", &[]).is_err());
    }
}
