//! Sockets that are bound to one link.

use std::{
    ffi::OsString,
    io,
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsRawFd,
    path::Path,
};

use bailiwick_core::ports::WakeCarrier;
use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, bind, send as send_frame,
        setsockopt, socket, sockopt::BindToDevice,
    },
};

/// The type of a frame that is a magic packet.
const ETHER_TYPE: [u8; 2] = [0x08, 0x42];

/// Whether the link is no card of its own: VPN, container, bridge, VLAN, tunnel. A card has
/// a device; what the kernel makes up has none.
pub(super) fn is_virtual(link: &str) -> bool {
    !Path::new("/sys/class/net")
        .join(link)
        .join("device")
        .exists()
}

pub(super) fn send(link: &str, by: WakeCarrier, payload: &[u8]) -> io::Result<()> {
    match by {
        WakeCarrier::Limited { port } => datagram(link, Ipv4Addr::BROADCAST, port, payload),
        WakeCarrier::Directed { address, port } => datagram(link, address, port, payload),
        WakeCarrier::Ethernet => frame(link, payload),
    }
}

/// Of the addresses of `link`, the first that `found` finds something in.
fn of_link<T>(link: &str, found: impl Fn(SockaddrStorage) -> Option<T>) -> io::Result<Option<T>> {
    Ok(getifaddrs()?
        .filter(|address| address.interface_name == link)
        .find_map(|address| found(address.address?)))
}

fn datagram(link: &str, to: Ipv4Addr, port: u16, payload: &[u8]) -> io::Result<()> {
    let own = of_link(link, |found| Some(found.as_sockaddr_in()?.ip()))?;
    let socket = UdpSocket::bind((own.unwrap_or(Ipv4Addr::UNSPECIFIED), 0))?;
    setsockopt(&socket, BindToDevice, &OsString::from(link))?;
    socket.set_broadcast(true)?;
    whole(socket.send_to(payload, (to, port))?, payload.len())
}

fn frame(link: &str, payload: &[u8]) -> io::Result<()> {
    let gone = || io::Error::other(format!("`{link}` has no address of its own"));
    let at = of_link(link, |found| found.as_link_addr().copied())?.ok_or_else(gone)?;
    let own = at.addr().ok_or_else(gone)?;
    // Of no protocol: it sends, and hears nothing.
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    bind(socket.as_raw_fd(), &at)?;
    let frame = [&[0xff; 6], &own[..], &ETHER_TYPE, payload].concat();
    let sent = send_frame(socket.as_raw_fd(), &frame, MsgFlags::empty())?;
    whole(sent, frame.len())
}

fn whole(sent: usize, of: usize) -> io::Result<()> {
    if sent == of {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}
