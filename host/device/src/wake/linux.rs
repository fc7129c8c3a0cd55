//! Sockets that are bound to one link.

use std::{
    ffi::OsString,
    io,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    os::fd::AsRawFd,
    path::Path,
};

use bailiwick_core::ports::{Link, WakeCarrier};
use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{
        AddressFamily, MsgFlags, SockFlag, SockType, bind, send as send_frame, setsockopt, socket,
        sockopt::BindToDevice,
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

pub(super) fn send(link: &Link, by: WakeCarrier, payload: &[u8]) -> io::Result<()> {
    match by {
        WakeCarrier::Limited { port } => datagram(link, Ipv4Addr::BROADCAST, port, payload),
        WakeCarrier::Directed { address, port } => datagram(link, address, port, payload),
        WakeCarrier::Ethernet => frame(link, payload),
    }
}

fn datagram(link: &Link, to: Ipv4Addr, port: u16, payload: &[u8]) -> io::Result<()> {
    let own = link.addresses.iter().find_map(|address| match address.ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    });
    let socket = UdpSocket::bind((own.unwrap_or(Ipv4Addr::UNSPECIFIED), 0))?;
    setsockopt(&socket, BindToDevice, &OsString::from(&link.name))?;
    socket.set_broadcast(true)?;
    whole(socket.send_to(payload, (to, port))?, payload.len())
}

fn frame(link: &Link, payload: &[u8]) -> io::Result<()> {
    let gone = || io::Error::other(format!("`{}` has no address of its own", link.name));
    let own = link.mac.ok_or_else(gone)?;
    let at = getifaddrs()?
        .filter(|found| found.interface_name == link.name)
        .find_map(|found| found.address?.as_link_addr().copied())
        .ok_or_else(gone)?;
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
