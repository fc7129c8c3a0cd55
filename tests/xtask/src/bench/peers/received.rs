//! What programs send over loopback, counted on its way.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::{Context as _, ensure};

const MOST: usize = 64 * 1_024;

/// Ports that the kernel gives to nobody who does not ask for them, and that Zabbix takes.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port of loopback that nobody has, and that is given once.
pub(super) fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(PORTS.start);
    loop {
        let port = NEXT.fetch_add(1, Relaxed);
        ensure!(PORTS.contains(&port), "no port of {PORTS:?} is free");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
}

/// A port that takes datagrams and counts their bytes, for as long as this program lasts.
pub(super) fn datagrams(bytes: Arc<AtomicU64>) -> anyhow::Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = socket.local_addr()?.port();
    std::thread::spawn(move || {
        let mut buffer = vec![0; MOST];
        while let Ok(length) = socket.recv(&mut buffer) {
            bytes.fetch_add(length as u64, Relaxed);
        }
    });
    Ok(port)
}

/// A port that hands connections on to `to`, a `host:port`, and counts what is sent there; for as
/// long as this program lasts.
pub(super) fn relay(to: &str, bytes: Arc<AtomicU64>) -> anyhow::Result<u16> {
    let to: SocketAddr = to.parse().with_context(|| format!("no address: {to}"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who sends sees a connection that ended, as it would without this.
            drop(hand_on(stream, to, &bytes));
        }
    });
    Ok(port)
}

fn hand_on(from: TcpStream, to: SocketAddr, bytes: &Arc<AtomicU64>) -> std::io::Result<()> {
    let server = TcpStream::connect(to)?;
    for stream in [&from, &server] {
        stream.set_nodelay(true)?;
    }
    let (back, forth) = (from.try_clone()?, server.try_clone()?);
    let bytes = Arc::clone(bytes);
    std::thread::spawn(move || {
        copy(from, forth, |length| {
            bytes.fetch_add(length, Relaxed);
        })
    });
    std::thread::spawn(move || copy(server, back, |_| {}));
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, count: impl Fn(u64)) {
    let mut buffer = vec![0; MOST];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count(length as u64);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other end may be gone.
    drop(to.shutdown(Shutdown::Write));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_counted_and_what_comes_back_is_not() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let bytes = Arc::new(AtomicU64::new(0));
        let to = server.local_addr().unwrap().to_string();
        let port = relay(&to, Arc::clone(&bytes)).unwrap();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        client.write_all(b"ask").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut accepted, _) = server.accept().unwrap();
        let mut asked = Vec::new();
        accepted.read_to_end(&mut asked).unwrap();
        accepted.write_all(b"a long answer").unwrap();
        drop(accepted);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(
            (asked.as_slice(), answer.as_str()),
            (&b"ask"[..], "a long answer")
        );
        assert_eq!(bytes.load(Relaxed), 3);
    }

    #[test]
    fn a_free_port_can_be_had_and_is_given_once() {
        let (one, other) = (free_port().unwrap(), free_port().unwrap());
        assert!(one != other && PORTS.contains(&one));
        TcpListener::bind((Ipv4Addr::LOCALHOST, one)).unwrap();
    }

    #[test]
    fn datagrams_are_counted() {
        let bytes = Arc::new(AtomicU64::new(0));
        let port = datagrams(Arc::clone(&bytes)).unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket
            .send_to(b"figures", (Ipv4Addr::LOCALHOST, port))
            .unwrap();
        let begun = std::time::Instant::now();
        while bytes.load(Relaxed) < 7 && begun.elapsed().as_secs() < 20 {
            std::thread::yield_now();
        }
        assert_eq!(bytes.load(Relaxed), 7);
    }
}
